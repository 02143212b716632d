"""scArena-FM's network by derivatives."""

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

N_CELLS = 200
"""Drawn without regard to anything."""


class Jacobian(NetworkModel):
    """Jacobian."""

    card = ModelCard(
        name="scarena-fm-jacobian",
        title="scArena-FM (jacobian)",
        family="foundation",
        offers="network",
        description="in-house transformer: how the decoded log share of a gene changes with the regulator's value",
        settings=settings_of(SHIPPED, ("regulator_scores", "checkpoint"), n_cells=N_CELLS),
        **trained_on(SHIPPED),
    )

    def network(self, data: AnnData, regulators: Sequence[str], ctx: Context) -> pd.DataFrame:
        """Return derivatives, of either sign."""
        import torch

        from scarena.models.foundation.regulator_scores import jacobian_scores

        torch.set_num_threads(ctx.threads)
        some = data[drawn(data.n_obs, N_CELLS, ctx.seed)]
        return jacobian_scores(load(SHIPPED), some, read_genes(SHIPPED), regulators, ctx.device)
