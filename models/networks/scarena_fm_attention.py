"""scArena-FM's network by attention."""

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


class Attention(OfTransformer):
    """Attention."""

    n_cells = 500
    card = ModelCard(
        name="scarena-fm-attention",
        title="scArena-FM (attention)",
        family="foundation",
        offers="network",
        description="in-house transformer: how much of its attention a regulator gives to a gene, over layers, heads "
        "and cells",
        settings=settings_of(SHIPPED, CODE, n_cells=n_cells),
        **trained_on(SHIPPED),
    )

    def scores(
        self, model: FoundationModel, data: AnnData, genes: Sequence[str], regulators: Sequence[str], ctx: Context
    ) -> pd.DataFrame:
        """Return shares of attention, 0 to 1."""
        from scarena.models.foundation.regulator_scores import attention_scores

        return attention_scores(model, data, genes, regulators, ctx.device)
