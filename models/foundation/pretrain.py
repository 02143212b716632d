"""Pretraining: from a list of dataset cards to a checkpoint whose manifest says what it was trained on."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
import torch
from pydantic import ConfigDict, Field

from scarena.base.errors import ConfigError
from scarena.base.files import replacing, write_text
from scarena.models.foundation.atlas.profiles import Profiles
from scarena.models.foundation.atlas_types import WORDS, types_of, write_types
from scarena.models.foundation.atlas_use import Laid, atlas_of
from scarena.models.foundation.cell_sources import CellSource, CorpusSource, SeveralSources, expressed_share
from scarena.models.foundation.checkpoint import load, read_genes, save
from scarena.models.foundation.corpus.build import build
from scarena.models.foundation.corpus.config import CorpusConfig
from scarena.models.foundation.corpus.fingerprints import write_fingerprints
from scarena.models.foundation.corpus.store import Corpus
from scarena.models.foundation.gene_features import PROTEIN_ATLAS, features_of, profiles
from scarena.models.foundation.model import FoundationConfig, Sizes, initialised
from scarena.models.foundation.recipe import Recipe, atlas_source, corpus_source, read_as, training_source
from scarena.models.foundation.simulated import SimulatedSource, SimulationConfig
from scarena.models.foundation.task import TaskConfig, ViewsTask
from scarena.models.foundation.teacher import Teacher, teacher_of
from scarena.models.foundation.training.distributed import full_weights, joined
from scarena.models.foundation.training.loop import fit

if TYPE_CHECKING:
    from scarena.models.foundation.model import FoundationModel
    from scarena.models.foundation.training.task import Report

_LOG = logging.getLogger("scarena.pretrain")


class PretrainConfig(Recipe):
    """A pretraining run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Sizes = Sizes()
    task: TaskConfig = TaskConfig()
    simulated: SimulationConfig | None = Field(
        None, description="cells made from the profiles of the atlas, seen beside those of the corpus"
    )
    teacher: str | None = Field(
        None, description="for task.weights.distilled: 'start', the model before its first step, or a checkpoint"
    )


def read_config(path: Path) -> PretrainConfig:
    """Read a pretraining configuration.

    Raises
    ------
    ConfigError
        If it is missing or holds unknown keys.
    """
    return read_as(path, PretrainConfig)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a folder of the cache, which several boards may want at once; whoever comes second waits.

    The kernel drops the lock when its holder dies, however it dies.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def corpus_of(
    config: CorpusConfig, cache: Path, mirror: Path | None = None, *, bulk: bool = False, atlas: Path | None = None
) -> Corpus:
    """Return the corpus of a configuration, built where the cache does not hold it yet.

    With `bulk` its vocabulary, unless it names one, is the genes that bulk profiles know, or those of an atlas whose
    configuration is given: genes that no cell of a small corpus expresses, and that make a pancreas, are then places in
    the table too.
    """
    folder = cache / "corpora" / f"{config.name}-{corpus_source(config, bulk=bulk, atlas=atlas)}"
    with _alone(folder):
        if not (folder / "manifest.json").is_file():
            if bulk and config.vocabulary is None:
                config = config.model_copy(update={"vocabulary": _known_genes(atlas, cache, mirror)})
            _LOG.info("building the corpus %s", config.name)
            build(config, folder, cache, mirror)
    return Corpus.open(folder, verify=True)


def _known_genes(atlas: Path | None, cache: Path, mirror: Path | None) -> Path:
    genes: Sequence[str] = atlas_of(atlas, cache, mirror).genes if atlas is not None else profiles(cache, mirror)[0]
    name = PROTEIN_ATLAS.name if atlas is None else f"atlas-{atlas_source(atlas)}"
    path = cache / "corpora" / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, "\n".join(sorted(genes)) + "\n")
    return path


def laid_of(config: PretrainConfig, corpus: Corpus, cache: Path, mirror: Path | None = None) -> Laid | None:
    """Return the atlas of a configuration over the vocabulary; None where it names none."""
    return None if config.atlas is None else Laid.over(atlas_of(config.atlas, cache, mirror), corpus.genes)


def cells_of(config: PretrainConfig, corpus: Corpus, laid: Laid | None) -> tuple[CellSource, SimulatedSource | None]:
    """Return where cells come from: the corpus, and beside it those made from an atlas; the latter again by itself.

    Raises
    ------
    ConfigError
        If cells are to be made and there is no atlas.
    """
    if config.simulated is None:
        return CorpusSource(corpus), None
    if laid is None:
        raise ConfigError("cells are simulated from an atlas", where=f"pretraining {config.name}", fix="name an atlas")
    made = laid.simulated(config.simulated)
    return SeveralSources([CorpusSource(corpus), made]), made


def task_of(
    config: PretrainConfig, corpus: Corpus, model: FoundationModel, laid: Laid | None, device: str = "cpu"
) -> ViewsTask:
    """Return what a model is trained on.

    Raises
    ------
    ConfigError
        If the task needs an atlas or a teacher that is not there.
    """
    source, made = cells_of(config, corpus, laid)
    if config.task.views.technology and laid is None:
        what = "technology is estimated from an atlas"
        raise ConfigError(what, where=f"pretraining {config.name}", fix="name an atlas")
    return ViewsTask(
        source, config.task, model, held_out=CorpusSource(corpus, held_out=True),
        teacher=_teacher(config, model, corpus, source, device), made=made,
        technology_KV=laid.technology() if laid is not None and config.task.views.technology else None,
    )  # fmt: skip


def start(
    config: PretrainConfig, corpus: Corpus, cache: Path, mirror: Path | None = None, laid: Laid | None = None
) -> FoundationModel:
    """Return the model before the first step: random weights, what profiles know of genes, the genes' shares.

    `laid` is the atlas of the configuration, where it is at hand.
    """
    laid = laid_of(config, corpus, cache, mirror) if laid is None else laid
    source, _ = cells_of(config, corpus, laid)
    sizes = FoundationConfig(n_genes=len(corpus.genes), n_groups=len(source.groups), **config.model.model_dump())
    model = initialised(sizes, config.engine.seed)
    if config.gene_features and laid is not None:
        known = laid.start(config.gene_features)
        model.know_genes(torch.from_numpy(known.features_VK), torch.from_numpy(known.weights_V))
    elif config.gene_features:
        model.know_genes(torch.from_numpy(features_of(corpus.genes, cache, mirror, config.gene_features)))
    model.decoder.start_from(expressed_share(source, 512, config.engine.seed))
    return model


def _teacher(
    config: PretrainConfig, model: FoundationModel, corpus: Corpus, source: CellSource, device: str
) -> Teacher | None:
    if config.teacher is None:
        return None
    if config.teacher == "start":
        return teacher_of(model, source, device, config.engine.seed)
    folder = Path(config.teacher)
    if read_genes(folder) != corpus.genes:
        fix = "give both the same vocabulary"
        raise ConfigError("the teacher knows other genes than the corpus", where=str(folder), fix=fix)
    return teacher_of(load(folder), source, device, config.engine.seed)


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
        Folder of the training's state, from which an interrupted run goes on. Where not given it is below the cache,
        one for each configuration and state of the code: weights must not be half of one and half of another.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    # It says of each column of a file that it writes how it keeps it.
    logging.getLogger("anndata").setLevel(logging.WARNING)
    config = read_config(config_path)
    torch.set_num_threads(config.threads)
    numba.set_num_threads(min(config.threads, numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]
    corpus = corpus_of(config.corpus, cache, mirror, bulk=bool(config.gene_features), atlas=config.atlas)
    laid = laid_of(config, corpus, cache, mirror)
    model = start(config, corpus, cache, mirror, laid)
    task = task_of(config, corpus, model, laid, device)
    work = work or cache / "pretrain" / f"{config.name}-{_state_key(config, device)}"
    began = time.monotonic()
    identity = {
        "corpus": corpus.manifest["files"],
        "task": config.task.model_dump(mode="json"),
        "gene_features": config.gene_features,
    }
    # Processes join once: what comes after training needs all of them to gather the weights, and one to write.
    with _one_run(work):
        with joined(config.engine.distributed, device) as place:
            report = fit(model, task, config.engine, work, device=device, identity=identity)
            _LOG.info("%d steps in %.0f s, this time %.0f s", report.steps, report.seconds, time.monotonic() - began)
            whole = initialised(model.config, 0)
            whole.load_state_dict(full_weights(model))
        if place.rank == 0:
            atlas = None if config.atlas is None else atlas_of(config.atlas, cache, mirror)
            if atlas is not None and laid is not None:
                out.mkdir(parents=True, exist_ok=True)
                words = {word: np.asarray(atlas.obs[word].fillna(""), dtype=str) for word in WORDS}
                write_types(types_of(whole.eval(), laid, words, config.engine.seed), out)
            finish(config, corpus, task, whole, report, work, out, atlas)


def _state_key(config: PretrainConfig, device: str) -> str:
    """Return a short hash of what an interrupted training must share with the one that goes on with it."""
    kept = (training_source(config), torch.__version__.partition("+")[0], torch.device(device).type)
    return hashlib.sha256("\n".join(kept).encode()).hexdigest()[:16]


def _one_run(work: Path) -> contextlib.AbstractContextManager[None]:
    # Of processes that torchrun started together the first holds the folder for all.
    return _alone(work) if os.environ.get("RANK", "0") == "0" else contextlib.nullcontext()


def finish(
    config: PretrainConfig, corpus: Corpus, task: ViewsTask, whole: FoundationModel, report: Report, work: Path,
    out: Path, atlas: Profiles | None = None,
) -> None:  # fmt: skip
    """Write the checkpoint, the log of the losses and the fingerprints of the corpus; the atlas is named with it."""
    with replacing(out / "losses.jsonl") as part:
        shutil.copyfile(work / "losses.jsonl", part)
    write_fingerprints(corpus, out)
    manifest = {
        "name": config.name,
        "state": "ok",
        "reason": "",
        "config": json.loads(config.model_dump_json()),
        "corpus": [*corpus.manifest["sources"], *([] if atlas is None else [atlas.corpus_entry()])],
        "gene_features": [_bulk()] if config.gene_features and atlas is None else [],
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
