"""Pretraining: from a list of dataset cards to a checkpoint whose manifest says what it was trained on."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numba
import torch
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scarena.errors import ConfigError
from scarena.files import replacing, write_text
from scarena.models.foundation.cell_sources import CorpusSource, expressed_share
from scarena.models.foundation.checkpoint import save
from scarena.models.foundation.corpus.build import build
from scarena.models.foundation.corpus.config import CorpusConfig
from scarena.models.foundation.corpus.fingerprints import write_fingerprints
from scarena.models.foundation.corpus.store import Corpus
from scarena.models.foundation.gene_features import PROTEIN_ATLAS, features_of, profiles
from scarena.models.foundation.model import FoundationConfig, Sizes, initialised
from scarena.models.foundation.task import TaskConfig, ViewsTask
from scarena.models.foundation.training.config import EngineConfig
from scarena.models.foundation.training.distributed import full_weights, joined
from scarena.models.foundation.training.loop import fit

if TYPE_CHECKING:
    from scarena.models.foundation.model import FoundationModel
    from scarena.models.foundation.training.task import Report

_LOG = logging.getLogger("scarena.pretrain")


class PretrainConfig(BaseModel):
    """A pretraining run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    corpus: CorpusConfig
    gene_features: int = Field(60, ge=0, description="principal components of bulk profiles the gene table starts from")
    model: Sizes = Sizes()
    task: TaskConfig = TaskConfig()
    engine: EngineConfig
    threads: int = Field(2, ge=1)


def read_config(path: Path) -> PretrainConfig:
    """Read a pretraining configuration.

    Raises
    ------
    ConfigError
        If it is missing or holds unknown keys.
    """
    try:
        return PretrainConfig.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        raise ConfigError(said, where=str(path), fix="see config/pretrain.yaml") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        said = " ".join(str(error).split())[:200]
        raise ConfigError(said, where=str(path), fix="see config/pretrain.yaml") from None


def corpus_of(config: CorpusConfig, cache: Path, mirror: Path | None = None, *, bulk: bool = False) -> Corpus:
    """Return the corpus of a configuration, built where the cache does not hold it yet.

    With `bulk` its vocabulary, unless it names one, is the genes that bulk profiles know: those that no cell of a small
    corpus expresses, and that make a pancreas, are then places in the table too.
    """
    if bulk and config.vocabulary is None:
        config = config.model_copy(update={"vocabulary": _bulk_genes(cache, mirror)})
    digest = hashlib.sha256(config.model_dump_json().encode()).hexdigest()[:16]
    folder = cache / "corpora" / f"{config.name}-{digest}"
    if not (folder / "manifest.json").is_file():
        _LOG.info("building the corpus %s", config.name)
        build(config, folder, cache, mirror)
    return Corpus.open(folder, verify=True)


def _bulk_genes(cache: Path, mirror: Path | None) -> Path:
    genes, _ = profiles(cache, mirror)
    path = cache / "corpora" / f"{PROTEIN_ATLAS.name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, "\n".join(sorted(genes)) + "\n")
    return path


def start(config: PretrainConfig, corpus: Corpus, cache: Path, mirror: Path | None = None) -> FoundationModel:
    """Return the model before the first step: random weights, what bulk profiles know of genes, the genes' shares."""
    sizes = FoundationConfig(n_genes=len(corpus.genes), n_groups=len(corpus.groups), **config.model.model_dump())
    model = initialised(sizes, config.engine.seed)
    if config.gene_features:
        model.know_genes(torch.from_numpy(features_of(corpus.genes, cache, mirror, config.gene_features)))
    model.decoder.start_from(expressed_share(CorpusSource(corpus), 512, config.engine.seed))
    return model


def pretrain(
    config_path: Path, out: Path, cache: Path, mirror: Path | None = None, *, device: str = "cpu",
    work: Path | None = None,
) -> None:  # fmt: skip
    """Pretrain a model and write its checkpoint to `out`.

    Parameters
    ----------
    config_path
        See config/pretrain.yaml.
    out
        Folder of the checkpoint; nothing is written there before training has ended.
    cache, mirror
        As for `scarena.datasets.sources.pull`; the corpus and the training's state are kept in the cache too.
    device
        Where to train.
    work
        Folder of the training's state, from which an interrupted run goes on; below the cache where not given.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    config = read_config(config_path)
    torch.set_num_threads(config.threads)
    numba.set_num_threads(min(config.threads, numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]
    corpus = corpus_of(config.corpus, cache, mirror, bulk=bool(config.gene_features))
    model = start(config, corpus, cache, mirror)
    task = ViewsTask(CorpusSource(corpus), config.task, model, held_out=CorpusSource(corpus, held_out=True))
    digest = hashlib.sha256(config.model_dump_json().encode()).hexdigest()[:16]
    work = work or cache / "pretrain" / f"{config.name}-{digest}"
    began = time.monotonic()
    identity = {
        "corpus": corpus.manifest["files"],
        "task": config.task.model_dump(mode="json"),
        "gene_features": config.gene_features,
    }
    # Processes join once: what comes after training needs all of them to gather the weights, and one to write.
    with joined(config.engine.distributed, device) as place:
        report = fit(model, task, config.engine, work, device=device, identity=identity)
        _LOG.info("%d steps in %.0f s, this time %.0f s", report.steps, report.seconds, time.monotonic() - began)
        whole = initialised(model.config, 0)
        whole.load_state_dict(full_weights(model))
    if place.rank == 0:
        finish(config, corpus, task, whole, report, work, out)


def finish(
    config: PretrainConfig, corpus: Corpus, task: ViewsTask, whole: FoundationModel, report: Report, work: Path,
    out: Path,
) -> None:  # fmt: skip
    """Write the checkpoint, the log of the losses and the fingerprints of the corpus."""
    with replacing(out / "losses.jsonl") as part:
        shutil.copyfile(work / "losses.jsonl", part)
    write_fingerprints(corpus, out)
    manifest = {
        "name": config.name,
        "config": json.loads(config.model_dump_json()),
        "corpus": corpus.manifest["sources"],
        "gene_features": [_bulk()] if config.gene_features else [],
        "validation": report.validation,
        "validation_without_cells": task.validate(without_cells(whole.eval())),
        "report": asdict(report),
        "versions": {name: version(name) for name in ("torch", "numpy", "scipy", "anndata")},
    }
    save(out, whole, corpus.genes, manifest)


def _bulk() -> dict[str, Any]:
    files = {file.url: file.sha256 for file in PROTEIN_ATLAS.files}
    return {"name": PROTEIN_ATLAS.name, "licence": PROTEIN_ATLAS.licence, "files": files}


def without_cells(model: FoundationModel) -> FoundationModel:
    """Return a copy that decodes every cell alike: what its losses are without having looked at the cells."""
    blind = initialised(model.config, 0)
    blind.load_state_dict(model.state_dict())
    with torch.no_grad():
        blind.decoder.mix.weight.zero_()
        blind.decoder.mix.bias.zero_()
    return blind.eval()
