"""scArena-FM's network by attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scarena.models.base import Context, ModelCard
from scarena.models.foundation.checkpoint import SHIPPED, load, read_genes
from scarena.models.networks.spearman import drawn
from scarena.models.of_networks import NetworkModel
from scarena.models.scarena_fm import settings_of, trained_on

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

N_CELLS = 500
"""Drawn without regard to anything."""


class Attention(NetworkModel):
    """Attention."""

    card = ModelCard(
        name="scarena-fm-attention",
        title="scArena-FM (attention)",
        family="foundation",
        offers="network",
        description="in-house transformer: how much of its attention a regulator gives to a gene, over layers, heads "
        "and cells",
        settings=settings_of(SHIPPED, ("regulator_scores", "checkpoint"), n_cells=N_CELLS),
        **trained_on(SHIPPED),
    )

    def network(self, data: AnnData, regulators: Sequence[str], ctx: Context) -> pd.DataFrame:
        """Return shares of attention, 0 to 1."""
        import torch

        from scarena.models.foundation.regulator_scores import attention_scores

        torch.set_num_threads(ctx.threads)
        some = data[drawn(data.n_obs, N_CELLS, ctx.seed)]
        return attention_scores(load(SHIPPED), some, read_genes(SHIPPED), regulators, ctx.device)
