"""Models of the checkpoints that a board makes itself: ``MODEL@PRETRAINING``, each a class made when it is asked for.

The checkpoint may be missing when the class is made, as before the first run of a board: its card then says nothing of
training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from scarena.base.errors import ConfigError, ModelError
from scarena.models.base import Model, ModelCard
from scarena.models.foundation.checkpoint import read_manifest, weights_digest
from scarena.models.foundation.code import digest_of
from scarena.models.scarena_fm import (
    MOST_STEPS,
    PASSES,
    ScarenaFM,
    ScarenaFMAdapted,
    ScarenaFMAdaptedHarmony,
    ScarenaFMRandom,
)
from scarena.models.scarena_fm_genes import ScarenaFMGeneContext


@dataclass(frozen=True, slots=True)
class _Kind:
    """Something that can be done with a checkpoint."""

    base: type[Model]
    title: str
    words: str
    more: tuple[str, ...] = ()
    """Modules of `models/foundation` that it runs beside `checkpoint` and `embed`."""


_KINDS = {
    "scarena-fm": _Kind(
        ScarenaFM, "scArena-FM {}", "the checkpoint {} that this board pretrains, frozen", ("gene_inputs",)
    ),
    "scarena-fm-adapted": _Kind(
        ScarenaFMAdapted, "scArena-FM {} (adapted)",
        "the checkpoint {} that this board pretrains, after label-free training on the dataset", ("adapt", "guard"),
    ),
    "scarena-fm-adapted-harmony": _Kind(
        ScarenaFMAdaptedHarmony, "scArena-FM {} (adapted) + Harmony",
        "the checkpoint {} that this board pretrains, after label-free training on the dataset, and Harmony",
        ("adapt", "guard", "align"),
    ),
    "scarena-fm-random": _Kind(
        ScarenaFMRandom, "scArena-FM {} (random weights)",
        "the untrained twin of the checkpoint {}: its sizes and vocabulary, weights drawn from the seed",
        ("gene_inputs",),
    ),
    "scarena-fm-gene-context": _Kind(
        ScarenaFMGeneContext, "scArena-FM {} (genes in cells)",
        "mean of a gene's token after the last block of the checkpoint {} that this board pretrains, over the same "
        "cells as scarena-fm-gene-context", ("gene_context",),
    ),
}  # fmt: skip


def pretrained_model(name: str, checkpoints: Mapping[str, Path | None]) -> type[Model]:
    """Return the class of a model of a checkpoint.

    Parameters
    ----------
    name
        ``MODEL@PRETRAINING``.
    checkpoints
        Folders by name of the pretraining; None for one that is not to be looked at.

    Raises
    ------
    ConfigError
        If no pretraining of the board has this name, or a checkpoint is no such model.
    """
    what, _, pretraining = name.partition("@")
    if what not in _KINDS or pretraining not in checkpoints:
        known = [f"{kind}@{each}" for each in sorted(checkpoints) for kind in _KINDS]
        fix = f"known: {', '.join(known)}" if known else "name the configuration of its pretraining in `pretrain:`"
        raise ConfigError(f"unknown model {name!r}", where="models", fix=fix)
    kind, folder = _KINDS[what], checkpoints[pretraining]
    base = kind.base
    manifest = _manifest(folder)
    body: dict[str, Any] = {"__module__": base.__module__, "checkpoint": folder}
    if base is not ScarenaFMRandom:
        body["fingerprints"] = folder
    if base.starts_from:
        body["starts_from"] = f"{base.starts_from}@{pretraining}"
    body["card"] = _card(name, pretraining, kind, manifest, folder)
    return cast("type[Model]", type(base.__name__, (base,), body))


def _manifest(folder: Path | None) -> dict[str, Any]:
    # Also empty where pretraining failed: what it left is the manifest of no checkpoint.
    try:
        return {} if folder is None else read_manifest(folder)
    except ModelError:
        return {}


def _names(corpus: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return the datasets of a corpus, and the studies of those that no card speaks for."""
    studies = [study for row in corpus if row["kind"] != "card" for study in row["study"]]
    return (*(row["dataset"] for row in corpus), *dict.fromkeys(studies))


def _knowledge(config: dict[str, Any]) -> tuple[str, ...]:
    """Return what the tables of genes began with, by the configuration of a pretraining."""
    if not config.get("gene_features"):
        return ()
    return ("profiles of cell types (the atlas of its pretraining)",) if config.get("atlas") else ("HPA tissues",)


def _card(name: str, pretraining: str, kind: _Kind, manifest: dict[str, Any], folder: Path | None) -> ModelCard:
    settings: dict[str, Any] = {"pretraining": pretraining, "code_sha256": digest_of("checkpoint", "embed", *kind.more)}
    about: dict[str, Any] = {"parameters": 0 if kind.base is ScarenaFMRandom else None, "training_corpus": ()}
    about |= {"gene_knowledge": (), "training_cells": None}
    if kind.base is not ScarenaFMRandom and manifest and folder is not None:
        corpus = manifest["corpus"]
        about = {"parameters": manifest["parameters"], "training_corpus": _names(corpus)}
        about["gene_knowledge"] = _knowledge(manifest["config"])
        about["training_cells"] = sum(row["cells"] for row in corpus) or None
        settings |= {
            "corpus": manifest["config"]["corpus"]["name"], "corpus_cells": sum(row["cells"] for row in corpus),
            "pretraining_steps": manifest["report"]["steps"], "weights_sha256": weights_digest(folder),
        }  # fmt: skip
    if issubclass(kind.base, ScarenaFMAdapted) and manifest:
        settings |= {"passes": PASSES, "most_steps": MOST_STEPS[manifest["config"]["model"]["kind"]]}
    told = {"name": name, "title": kind.title.format(pretraining), "description": kind.words.format(pretraining)}
    return ModelCard.model_validate({**kind.base.card.model_dump(), **told, **about, "settings": settings})
