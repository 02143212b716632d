"""scArena-FM, the in-house transformer, frozen; and its twin with random weights, which pretraining must beat."""

from __future__ import annotations

import numpy as np
from anndata import AnnData

from scarena.models.base import Context, Model, ModelCard
from scarena.models.foundation.checkpoint import load, read_genes, read_manifest


def _settings() -> dict[str, str | int | float | bool | None]:
    return {"checkpoint": "nano", "weights_sha256": read_manifest()["weights_sha256"], "frozen": True}


class ScarenaFM(Model):
    """The shipped checkpoint, frozen."""

    card = ModelCard(
        name="scarena-fm",
        title="scArena-FM",
        family="foundation",
        description="in-house transformer pretrained on other studies (masked values and disjoint panels), frozen",
        source="models/foundation",
        licence="MIT",
        parameters=read_manifest()["parameters"],
        training_corpus=tuple(entry["card"] for entry in read_manifest()["corpus"]),
        settings=_settings(),
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
        parameters=read_manifest()["parameters"],
    )

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the untrained encoder's vectors."""
        import torch

        from scarena.models.foundation.embed import embed
        from scarena.models.foundation.model import initialised

        torch.set_num_threads(ctx.threads)
        return embed(initialised(load().config, ctx.seed), data, read_genes(), ctx.device)
