"""The student with its weights of genes dealt out to other genes: a control of what these weights know."""

from __future__ import annotations

import numpy as np
from anndata import AnnData

from scarena.models.base import Context, Model, ModelCard
from scarena.models.foundation.checkpoint import STUDENT, load, read_genes
from scarena.models.scarena_fm import reading, settings_of, trained_on


class Shuffled(Model):
    """Which gene weighs what is drawn from the seed; all else is the student's."""

    card = ModelCard(
        name="scarena-fm-shuffled",
        title="scArena-FM student (weights of genes shuffled)",
        family="foundation",
        description="the frozen student whose weights of genes are dealt out to other genes: a control",
        settings=settings_of(STUDENT, ("embed", "checkpoint", "shuffled")),
        **{**trained_on(STUDENT), "parameters": None},
    )

    @classmethod
    def work(cls, cells: int, genes: int) -> float:
        """Return the genes of all cells that its encoder reads."""
        return reading(STUDENT, cells, genes)

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the vectors of the spoilt student."""
        import torch

        from scarena.models.foundation.embed import embed
        from scarena.models.foundation.shuffled import with_shuffled_weights

        torch.set_num_threads(ctx.threads)
        model = with_shuffled_weights(load(STUDENT), ctx.seed)
        return embed(model, data, read_genes(STUDENT), ctx.device)
