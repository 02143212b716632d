"""scArena-FM's network by in-silico knock-out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scarena.models.base import Context, ModelCard
from scarena.models.foundation.checkpoint import SHIPPED
from scarena.models.networks.of_transformer import CODE, OfTransformer
from scarena.models.scarena_fm import settings_of, trained_on

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from scarena.models.foundation.model import FoundationModel

N_KNOCKED_OUT = 16
"""Cells that express a regulator from which it is taken, at most."""


class Knockout(OfTransformer):
    """In-silico knock-out."""

    n_cells = 1000
    card = ModelCard(
        name="scarena-fm-knockout",
        title="scArena-FM (in-silico knock-out)",
        family="foundation",
        offers="network",
        description="in-house transformer: how the decoded log share of a gene changes without the regulator's counts",
        settings=settings_of(SHIPPED, CODE, n_cells=n_cells, n_knocked_out=N_KNOCKED_OUT),
        **trained_on(SHIPPED),
    )

    def scores(
        self, model: FoundationModel, data: AnnData, genes: Sequence[str], regulators: Sequence[str], ctx: Context
    ) -> pd.DataFrame:
        """Return changes of log shares, of either sign."""
        from scarena.models.foundation.regulator_scores import knockout_scores

        return knockout_scores(model, data, genes, regulators, ctx.device, n_cells=N_KNOCKED_OUT, seed=ctx.seed)
