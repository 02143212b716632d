"""scArena-FM, the in-house transformer, frozen; and its twin with random weights, which pretraining must beat."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from anndata import AnnData

from scarena.errors import ModelError
from scarena.models.base import Context, Model, ModelCard
from scarena.models.foundation.checkpoint import SHIPPED, load, read_config, read_genes, read_manifest

_CODE = ("tokenize.py", "model.py", "embed.py")


def _shipped() -> dict[str, Any]:
    # Without a checkpoint, as before the first pretraining, the models can still be listed; `embed` then says so.
    try:
        return read_manifest()
    except ModelError:
        return {}


def _settings(weights: str | None) -> dict[str, str | int | float | bool | None]:
    # The code below is not in this file, so a run would not notice that it changed.
    here = Path(__file__).parent / "foundation"
    code = hashlib.sha256(b"".join((here / name).read_bytes() for name in _CODE)).hexdigest()
    return {"checkpoint": SHIPPED.name, "weights_sha256": weights, "code_sha256": code}


class ScarenaFM(Model):
    """The shipped checkpoint, frozen."""

    card = ModelCard(
        name="scarena-fm",
        title="scArena-FM",
        family="foundation",
        description="in-house transformer pretrained on other studies (masked values and disjoint panels), frozen",
        source="models/foundation",
        licence="MIT",
        parameters=_shipped().get("parameters"),
        training_corpus=tuple(entry["card"] for entry in _shipped().get("corpus", ())),
        settings=_settings(_shipped().get("weights_sha256")),
    )

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the encoder's vectors."""
        import torch

        from scarena.models.foundation.embed import embed

        torch.set_num_threads(ctx.threads)
        return embed(load(), data, read_genes(), ctx.device)


class ScarenaFMRandom(Model):
    """The same architecture and vocabulary with weights drawn from the seed."""

    card = ModelCard(
        name="scarena-fm-random",
        title="scArena-FM (random weights)",
        family="foundation",
        description="the untrained twin of scArena-FM: what the architecture gives without pretraining",
        source="models/foundation",
        licence="MIT",
        settings=_settings(None),
    )

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the untrained encoder's vectors."""
        import torch

        from scarena.models.foundation.embed import embed
        from scarena.models.foundation.model import initialised

        torch.set_num_threads(ctx.threads)
        return embed(initialised(read_config(), ctx.seed), data, read_genes(), ctx.device)
