"""scArena-FM, the in-house model: frozen, adapted, its CPU tier, and the twin with random weights."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from anndata import AnnData

from scarena.errors import ModelError
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

_HERE = Path(__file__).parent / "foundation"
_READS = (
    "tokenize.py", "packed.py", "model.py", "embed.py", "kernels/pack.py", "kernels/pack_numba.py",
    "kernels/embed_tokens.py", "kernels/attention.py",
)  # fmt: skip
_TRAINS = ("adapt.py", "task.py", "views.py", "view_kernels.py", "objectives.py", "cell_sources.py", "training/step.py")


def _manifest(folder: Path) -> dict[str, Any]:
    # Without a checkpoint, as before the first pretraining, the models can still be listed; `embed` then says so.
    try:
        return read_manifest(folder)
    except ModelError:
        return {}


def _settings(
    folder: Path, code: tuple[str, ...] = _READS, **more: str | float
) -> dict[str, str | int | float | bool | None]:
    # The code below is not in this file, so a run would not notice that it changed.
    digest = hashlib.sha256(b"".join((_HERE / name).read_bytes() for name in code)).hexdigest()
    weights = weights_digest(folder) if _manifest(folder) else None
    return {"checkpoint": folder.name, "weights_sha256": weights, "code_sha256": digest, **more}


def _trained(folder: Path) -> dict[str, Any]:
    """Return what a card says of a checkpoint's training."""
    manifest = _manifest(folder)
    return {
        "parameters": manifest.get("parameters"),
        "training_corpus": tuple(entry["dataset"] for entry in manifest.get("corpus", ())),
        "source": "models/foundation",
        "licence": "MIT",
    }


class _Frozen(Model):
    """A checkpoint used as it is."""

    checkpoint: ClassVar[Path]

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the encoder's vectors."""
        import torch

        from scarena.models.foundation.embed import embed

        torch.set_num_threads(ctx.threads)
        return embed(load(self.checkpoint), data, read_genes(self.checkpoint), ctx.device)


class ScarenaFM(_Frozen):
    """The shipped transformer, frozen."""

    checkpoint = fingerprints = SHIPPED
    card = ModelCard(
        name="scarena-fm",
        title="scArena-FM",
        family="foundation",
        description="in-house transformer pretrained on other studies and bulk profiles of genes, frozen",
        settings=_settings(SHIPPED),
        **_trained(SHIPPED),
    )


class ScarenaFMStudent(_Frozen):
    """The shipped gene bag, frozen."""

    checkpoint = fingerprints = STUDENT
    card = ModelCard(
        name="scarena-fm-student",
        title="scArena-FM student",
        family="foundation",
        description="the tier for machines without a GPU: a gene bag in place of the transformer, frozen",
        settings=_settings(STUDENT),
        **_trained(STUDENT),
    )


class ScarenaFMAdapted(Model):
    """The student after some hundred label-free steps on the dataset itself."""

    fingerprints = STUDENT
    card = ModelCard(
        name="scarena-fm-adapted",
        title="scArena-FM (adapted)",
        family="foundation",
        description="the student after about a minute of label-free training on the dataset, cells of one batch a step",
        uses_batch=True,
        trains_on_target=True,
        settings=_settings(STUDENT, _READS + _TRAINS, steps=400),
        **_trained(STUDENT),
    )

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the adapted encoder's vectors."""
        import torch

        from scarena.models.foundation.adapt import AdaptConfig, adapt
        from scarena.models.foundation.embed import embed

        torch.set_num_threads(ctx.threads)
        genes = read_genes(STUDENT)
        model, report = adapt(load(STUDENT), data, genes, AdaptConfig(), seed=ctx.seed, device=ctx.device)
        ctx.log.info("%d steps in %.0f s", report.steps, report.seconds)
        return embed(model, data, genes, ctx.device)


class ScarenaFMRandom(Model):
    """The transformer's architecture and vocabulary with weights drawn from the seed."""

    card = ModelCard(
        name="scarena-fm-random",
        title="scArena-FM (random weights)",
        family="foundation",
        description="the untrained twin of scArena-FM: what the architecture gives without pretraining",
        source="models/foundation",
        licence="MIT",
        settings={**_settings(SHIPPED), "weights_sha256": None},
    )

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the untrained encoder's vectors."""
        import torch

        from scarena.models.foundation.embed import embed
        from scarena.models.foundation.model import initialised

        torch.set_num_threads(ctx.threads)
        return embed(initialised(read_config(SHIPPED), ctx.seed), data, read_genes(SHIPPED), ctx.device)
