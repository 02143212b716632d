"""Pretraining scArena-FM: from a list of dataset cards to a checkpoint whose manifest says what it was trained on."""

from __future__ import annotations

import json
import logging
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scarena.errors import ConfigError
from scarena.models.foundation.checkpoint import save
from scarena.models.foundation.constants import constant_losses
from scarena.models.foundation.model import FoundationConfig, Sizes, initialised
from scarena.models.foundation.tokenize import Expression, over_vocabulary
from scarena.models.foundation.train import Group, TrainConfig, train

if TYPE_CHECKING:
    from anndata import AnnData

_LOG = logging.getLogger("scarena.pretrain")


class PretrainConfig(BaseModel):
    """A pretraining run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    corpus: list[str] = Field(min_length=1)
    min_cells: int = Field(20, description="cells of the corpus a gene must be seen in to enter the vocabulary")
    max_genes: int = 16000
    held_out: float = Field(0.05, gt=0, lt=0.5, description="share of every group kept for validation")
    model: Sizes = Sizes()
    train: TrainConfig = TrainConfig()


def read_config(path: Path) -> PretrainConfig:
    """Read config/pretrain.yaml.

    Raises
    ------
    ConfigError
        If it is missing or holds unknown keys.
    """
    try:
        return PretrainConfig.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        said = " ".join(str(error).split())[:200]
        raise ConfigError(said, where=str(path), fix="see config/pretrain.yaml") from None


def vocabulary(corpus: dict[str, AnnData], min_cells: int, max_genes: int) -> list[str]:
    """Return the Ensembl ids seen in at least `min_cells` cells, the most widely seen ones where there are too many."""
    seen: dict[str, int] = {}
    for data in corpus.values():
        for gene, cells in zip(data.var_names, np.asarray((data.X > 0).sum(axis=0)).ravel(), strict=True):
            seen[gene] = seen.get(gene, 0) + int(cells)
    often = sorted((gene for gene, cells in seen.items() if cells >= min_cells), key=lambda g: (-seen[g], g))
    return sorted(often[:max_genes])


def split(corpus: dict[str, AnnData], genes: list[str], share: float, seed: int) -> tuple[list[Group], list[Group]]:
    """Return the corpus by batch, as training and held-out groups in the same order."""
    rng = np.random.default_rng(seed)
    kept: list[Group] = []
    held: list[Group] = []
    for name, data in corpus.items():
        whole = over_vocabulary(data, genes)
        measured = np.flatnonzero(np.isin(genes, data.var_names))
        for batch in sorted(data.obs["batch"].unique()):
            rows = rng.permutation(np.flatnonzero((data.obs["batch"] == batch).to_numpy()))
            n_held = max(2, int(share * len(rows)))
            for part, chosen in ((held, rows[:n_held]), (kept, rows[n_held:])):
                cells = Expression(whole.values[np.sort(chosen)], whole.depth[np.sort(chosen)])
                part.append(Group(f"{name}:{batch}", cells, measured))
    return kept, held


def _corpus(names: list[str], cache: Path, mirror: Path | None) -> dict[str, AnnData]:
    from scarena.datasets.card import load_card
    from scarena.datasets.ontology import CellOntology
    from scarena.datasets.prepare import prepare

    ontology = CellOntology.load()
    found = {}
    for name in names:
        card = load_card(name)
        if card.role != "pretraining":
            fix = "pretrain on cards with `role: pretraining` only"
            raise ConfigError(f"{name} is a {card.role} set", where="corpus", fix=fix)
        found[name] = prepare(card, cache=cache, mirror=mirror, ontology=ontology)
        _LOG.info("%s: %d cells, %d genes", name, *found[name].shape)
    return found


def _described(corpus: dict[str, AnnData], held_out: list[Group]) -> list[dict[str, Any]]:
    rows = []
    for name, data in corpus.items():
        held = sum(group.cells.values.shape[0] for group in held_out if group.name.startswith(f"{name}:"))
        study, sources = json.loads(data.uns["card"])["study"], json.loads(data.uns["sources"])
        rows.append({"card": name, "study": study, "cells": data.n_obs, "cells_held_out": held, "sources": sources})
    return rows


def pretrain(config_path: Path, out: Path, cache: Path, mirror: Path | None = None) -> None:
    """Pretrain a model and write its checkpoint to `out`.

    Parameters
    ----------
    config_path
        See config/pretrain.yaml.
    out
        Folder of the checkpoint; train_log.jsonl is written while training, manifest.json at the end.
    cache, mirror
        As for `scarena.datasets.sources.pull`.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    config = read_config(config_path)
    torch.set_num_threads(config.train.threads)
    corpus = _corpus(config.corpus, cache, mirror)
    genes = vocabulary(corpus, config.min_cells, config.max_genes)
    groups, held_out = split(corpus, genes, config.held_out, config.train.seed)
    sizes = FoundationConfig(n_genes=len(genes), n_groups=len(groups), **config.model.model_dump())
    model = initialised(sizes, config.train.seed)
    out.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    report = train(model, groups, held_out, config.train, out / "train_log.jsonl", _LOG.info)
    manifest = {
        "name": config.name,
        "corpus": _described(corpus, held_out),
        "vocabulary": len(genes),
        "train": config.train.model_dump(),
        "losses": report,
        "constant_predictors": constant_losses(groups, held_out, config.train),
        "wall_s": round(time.monotonic() - start, 1),
        "versions": {name: version(name) for name in ("torch", "numpy", "scipy", "anndata")},
    }
    save(out, model, genes, manifest)
