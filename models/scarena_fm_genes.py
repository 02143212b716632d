"""scArena-FM's vectors of genes in their cells: what the transformer's last block makes of a gene, over a sample.

A bag has no such thing: what it knows of a gene is the same in every cell, and its static vector is all there is.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from scarena.models.base import Context, ModelCard
from scarena.models.foundation.checkpoint import SHIPPED, load, read_config, read_genes
from scarena.models.genes.corpus import CARDS, SAMPLED
from scarena.models.genes.kept import kept_table
from scarena.models.of_genes import GeneModel
from scarena.models.scarena_fm import GENE_KNOWLEDGE, settings_of, trained_on

if TYPE_CHECKING:
    import pandas as pd

    from scarena.models.foundation.model import FoundationModel

_CODE = ("gene_context", "checkpoint")
_SAMPLE: dict[str, str | float] = {"reference_cells": SAMPLED * len(CARDS), "reference": ", ".join(CARDS)}


class ScarenaFMGeneContext(GeneModel):
    """The shipped transformer's last block, averaged over some thousand cells."""

    checkpoint: ClassVar[Path] = SHIPPED
    fingerprints: ClassVar[Path] = SHIPPED
    card = ModelCard(
        name="scarena-fm-gene-context",
        title="scArena-FM (genes in cells)",
        family="foundation",
        offers="genes",
        description="mean of a gene's token after the last block of the frozen transformer, over the reference cells "
        "that read it, five at least",
        settings=settings_of(SHIPPED, _CODE, **_SAMPLE),
        gene_knowledge=GENE_KNOWLEDGE,
        **trained_on(SHIPPED),
    )

    def gene_vectors(self, genes: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return the means, computed once for a checkpoint."""
        table = kept_table(type(self), ctx, lambda: self._means(ctx), self._variant(ctx))
        return table.loc[genes.index.intersection(table.index)]

    def _variant(self, ctx: Context) -> str:
        return ""

    def _model(self, ctx: Context) -> FoundationModel:
        return load(self.checkpoint)

    def _means(self, ctx: Context) -> pd.DataFrame:
        import torch

        from scarena.models.foundation.gene_context import context_vectors
        from scarena.models.genes.corpus import parts, sample

        torch.set_num_threads(ctx.threads)
        return context_vectors(self._model(ctx), sample(parts(ctx.cache)), read_genes(self.checkpoint), ctx.device)


class ScarenaFMRandomGeneContext(ScarenaFMGeneContext):
    """The same of the untrained twin."""

    card = ModelCard(
        name="scarena-fm-random-gene-context",
        title="scArena-FM (random weights, genes in cells)",
        family="foundation",
        offers="genes",
        description="mean of a gene's token after the last block of the untrained twin, over the reference cells that "
        "read it, five at least",
        parameters=0,
        source="models/foundation",
        licence="MIT",
        settings={**settings_of(SHIPPED, _CODE, **_SAMPLE), "weights_sha256": None},
    )

    def _variant(self, ctx: Context) -> str:
        return f"seed {ctx.seed}"

    def _model(self, ctx: Context) -> FoundationModel:
        from scarena.models.foundation.model import initialised

        return initialised(read_config(self.checkpoint), ctx.seed)
