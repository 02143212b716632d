"""scArena-FM, the in-house model: frozen, adapted, its CPU tier, and the twin with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from anndata import AnnData

from scarena.base.errors import ModelError
from scarena.models.base import Context, Model, ModelCard
from scarena.models.foundation.checkpoint import (
    SHIPPED,
    STUDENT,
    load,
    read_config,
    read_genes,
    read_manifest,
    weights_digest,
)
from scarena.models.foundation.code import digest_of

if TYPE_CHECKING:
    import pandas as pd

    from scarena.models.foundation.adapt import AdaptConfig
    from scarena.models.foundation.model import FoundationModel

# What the vectors depend on that is not in this file: a run would not notice that it changed.
_READS = ("embed", "checkpoint")
_TRAINS = (*_READS, "adapt", "guard")
_OFFERS = (*_READS, "gene_inputs")

# A step of a transformer takes so much longer than one of a bag that this is what there is time for.
_TRANSFORMER_TASK = {"cells": 96, "tokens": 64}
GENE_KNOWLEDGE = ("HPA single-cell types", "profiles of cell types (CellProfileLibrary, Human Cell Landscape)")
"""Of the shipped checkpoints, whose tables of genes begin with components of an atlas."""
MOST_STEPS = {"bag": 200, "transformer": 50}
"""Of adapting, however many cells there are."""
PASSES = 2.0
"""Of adapting over a dataset's cells: what overfits is how often a cell is seen, and not how long one trains."""

# Of a panel's genes a cell expresses about a third, and a transformer reads so many of them at most as it is long.
_EXPRESSED = 3
# A step of training goes forward and back, which is the time of three times forward.
_FORWARDS = 3


def _manifest(folder: Path) -> dict[str, Any]:
    # Without a checkpoint, as before the first pretraining, the models can still be listed; `embed` then says so.
    try:
        return read_manifest(folder)
    except ModelError:
        return {}


def settings_of(
    folder: Path, code: tuple[str, ...] = _READS, **more: str | float
) -> dict[str, str | int | float | bool | None]:
    """Return what a card says of the checkpoint and the modules of `foundation` that its vectors depend on."""
    weights = weights_digest(folder) if _manifest(folder) else None
    return {"checkpoint": folder.name, "weights_sha256": weights, "code_sha256": digest_of(*code), **more}


def trained_on(folder: Path) -> dict[str, Any]:
    """Return what a card says of the training of a checkpoint."""
    manifest = _manifest(folder)
    corpus = manifest.get("corpus", ())
    # A dataset's card has its studies; of an atlas there is none.
    studies = [study for entry in corpus if entry.get("kind") == "atlas" for study in entry["study"]]
    return {
        "parameters": manifest.get("parameters"),
        "training_cells": sum(entry["cells"] for entry in corpus) or None,
        "training_corpus": (*(entry["dataset"] for entry in corpus), *dict.fromkeys(studies)),
        "source": "models/foundation",
        "licence": "MIT",
    }


def adapting(folder: Path) -> AdaptConfig:
    """Return how a checkpoint is adapted in some minutes on two cores."""
    from scarena.models.foundation.adapt import AdaptConfig

    kind = read_config(folder).kind
    config = AdaptConfig(passes=PASSES, most_steps=MOST_STEPS[kind])
    if kind == "bag":
        return config
    return config.model_copy(update={"task": config.task.model_copy(update=_TRANSFORMER_TASK)})


def reading(folder: Path, cells: int, genes: int) -> float:
    """Return what the time of embedding with a checkpoint goes with: the genes of all cells that it reads."""
    config = read_config(folder)
    return float(cells) * (min(genes, _EXPRESSED * config.length) if config.kind == "transformer" else genes)


class _Frozen(Model):
    """A checkpoint used as it is."""

    checkpoint: ClassVar[Path]

    @classmethod
    def work(cls, cells: int, genes: int) -> float:
        """Return the genes of all cells that its encoder reads."""
        return reading(cls.checkpoint, cells, genes)

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the encoder's vectors."""
        import torch

        from scarena.models.foundation.embed import embed

        torch.set_num_threads(ctx.threads)
        return embed(load(self.checkpoint), data, read_genes(self.checkpoint), ctx.device)

    def gene_vectors(self, genes: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return the static vectors: a gene's rows of the tables that the encoder reads."""
        return _static(load(self.checkpoint), self.checkpoint, genes)


def _static(model: FoundationModel, folder: Path, genes: pd.DataFrame) -> pd.DataFrame:
    from scarena.models.foundation.gene_inputs import input_vectors

    table = input_vectors(model, read_genes(folder))
    return table.loc[genes.index.intersection(table.index)]


class ScarenaFM(_Frozen):
    """The shipped transformer, frozen."""

    checkpoint = fingerprints = SHIPPED
    card = ModelCard(
        name="scarena-fm",
        title="scArena-FM",
        family="foundation",
        draws=False,
        out_of_core=True,
        description="in-house transformer pretrained on other studies and bulk profiles of genes, frozen",
        settings=settings_of(SHIPPED, _OFFERS),
        gene_knowledge=GENE_KNOWLEDGE,
        **trained_on(SHIPPED),
    )


class ScarenaFMStudent(_Frozen):
    """The shipped gene bag, frozen."""

    checkpoint = fingerprints = STUDENT
    card = ModelCard(
        name="scarena-fm-student",
        title="scArena-FM student",
        family="foundation",
        draws=False,
        out_of_core=True,
        description="the tier for machines without a GPU: a gene bag in place of the transformer, frozen",
        settings=settings_of(STUDENT, _OFFERS),
        gene_knowledge=GENE_KNOWLEDGE,
        **trained_on(STUDENT),
    )


class ScarenaFMAdapted(Model):
    """The student after some hundred label-free steps on the dataset itself."""

    checkpoint: ClassVar[Path] = STUDENT
    fingerprints = STUDENT
    card = ModelCard(
        name="scarena-fm-adapted",
        title="scArena-FM (adapted)",
        family="foundation",
        description="the student after two label-free passes over the dataset, along its own components where the "
        "dataset's signal is there rather than along the model's directions",
        uses_batch=True,
        trains_on_target=True,
        settings=settings_of(STUDENT, _TRAINS, passes=PASSES, most_steps=MOST_STEPS["bag"]),
        **trained_on(STUDENT),
    )

    @classmethod
    def work(cls, cells: int, genes: int) -> float:
        """Return the genes of the cells of all steps and of one pass."""
        config = adapting(cls.checkpoint)
        return reading(cls.checkpoint, cells + _FORWARDS * config.steps_for(cells) * config.task.cells, genes)

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the adapted encoder's vectors."""
        import torch

        from scarena.models.foundation.adapt import adapt, check_enough
        from scarena.models.foundation.embed import embed
        from scarena.models.foundation.guard import guarded

        torch.set_num_threads(ctx.threads)
        genes, config = read_genes(self.checkpoint), adapting(self.checkpoint)
        check_enough(data, config)
        begun, found = guarded(load(self.checkpoint), data, genes, seed=ctx.seed)
        ctx.notes.append(found.words())
        model, report = adapt(begun, data, genes, config, seed=ctx.seed, device=ctx.device)
        ctx.log.info("%d steps in %.0f s", report.steps, report.seconds)
        return embed(model, data, genes, ctx.device)


class ScarenaFMAdaptedHarmony(ScarenaFMAdapted):
    """The adapted student's vectors, corrected by Harmony."""

    starts_from = ScarenaFMAdapted.card.name
    card = ScarenaFMAdapted.card.model_copy(
        update={
            "name": "scarena-fm-adapted-harmony",
            "title": "scArena-FM (adapted) + Harmony",
            "description": "the adapted student, and Harmony (harmonypy's defaults) on its vectors",
            "settings": settings_of(STUDENT, (*_TRAINS, "align"), passes=PASSES, most_steps=MOST_STEPS["bag"]),
        }
    )

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the corrected vectors."""
        from scarena.models.foundation.adapt import pooled
        from scarena.models.foundation.align import aligned

        batch = pooled(data.obs["batch"].to_numpy(), adapting(self.checkpoint).smallest_batch)
        adapted = super().embed(data, ctx) if ctx.begun is None else ctx.begun
        return aligned(adapted, batch, seed=ctx.seed, threads=ctx.threads)


class ScarenaFMRandom(Model):
    """The transformer's architecture and vocabulary with weights drawn from the seed."""

    checkpoint: ClassVar[Path] = SHIPPED
    card = ModelCard(
        name="scarena-fm-random",
        title="scArena-FM (random weights)",
        family="foundation",
        out_of_core=True,
        description="the untrained twin of scArena-FM: what the architecture gives without pretraining",
        parameters=0,
        source="models/foundation",
        licence="MIT",
        settings={**settings_of(SHIPPED, _OFFERS), "weights_sha256": None},
    )

    @classmethod
    def work(cls, cells: int, genes: int) -> float:
        """Return the genes of all cells that its encoder reads."""
        return reading(cls.checkpoint, cells, genes)

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the untrained encoder's vectors."""
        import torch

        from scarena.models.foundation.embed import embed
        from scarena.models.foundation.model import initialised

        torch.set_num_threads(ctx.threads)
        model = initialised(read_config(self.checkpoint), ctx.seed)
        return embed(model, data, read_genes(self.checkpoint), ctx.device)

    def gene_vectors(self, genes: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return the static vectors of the untrained twin."""
        from scarena.models.foundation.model import initialised

        return _static(initialised(read_config(self.checkpoint), ctx.seed), self.checkpoint, genes)
