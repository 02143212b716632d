"""scArena-FM's network by in-silico knock-out."""

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

N_CELLS = 1000
"""Drawn without regard to anything."""
N_KNOCKED_OUT = 16
"""Cells that express a regulator from which it is taken, at most."""


class Knockout(NetworkModel):
    """In-silico knock-out."""

    card = ModelCard(
        name="scarena-fm-knockout",
        title="scArena-FM (in-silico knock-out)",
        family="foundation",
        offers="network",
        description="in-house transformer: how the decoded log share of a gene changes without the regulator's counts",
        settings=settings_of(SHIPPED, ("regulator_scores", "checkpoint"), n_cells=N_CELLS, n_knocked_out=N_KNOCKED_OUT),
        **trained_on(SHIPPED),
    )

    def network(self, data: AnnData, regulators: Sequence[str], ctx: Context) -> pd.DataFrame:
        """Return changes of log shares, of either sign."""
        import torch

        from scarena.models.foundation.regulator_scores import knockout_scores

        torch.set_num_threads(ctx.threads)
        some = data[drawn(data.n_obs, N_CELLS, ctx.seed)]
        return knockout_scores(
            load(SHIPPED), some, read_genes(SHIPPED), regulators, ctx.device, n_cells=N_KNOCKED_OUT, seed=ctx.seed
        )
