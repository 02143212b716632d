"""scArena-FM's network by derivatives."""

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


class Jacobian(OfTransformer):
    """Jacobian."""

    n_cells = 200
    card = ModelCard(
        name="scarena-fm-jacobian",
        title="scArena-FM (jacobian)",
        family="foundation",
        offers="network",
        description="in-house transformer: how the decoded log share of a gene changes with the regulator's value",
        settings=settings_of(SHIPPED, CODE, n_cells=n_cells),
        **trained_on(SHIPPED),
    )

    def scores(
        self, model: FoundationModel, data: AnnData, genes: Sequence[str], regulators: Sequence[str], ctx: Context
    ) -> pd.DataFrame:
        """Return derivatives, of either sign."""
        from scarena.models.foundation.regulator_scores import jacobian_scores

        return jacobian_scores(model, data, genes, regulators, ctx.device)
