"""Correlation of a regulator with a gene over cells: what any model of regulation should be above."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scarena.models.base import Context, ModelCard
from scarena.models.of_networks import NetworkModel, correlated, measured, table

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData


class Pearson(NetworkModel):
    """Pearson's correlation of log expression."""

    card = ModelCard(
        name="net-pearson",
        title="Network: Pearson",
        family="baseline",
        offers="network",
        uses_device=False,
        description="absolute Pearson correlation of log1p counts per 10,000 of regulator and gene over the cells",
        trains_on_target=True,
        source="models/networks",
        licence="MIT",
        settings={"normalisation": "log1p CP10k"},
    )

    def network(self, data: AnnData, regulators: Sequence[str], ctx: Context) -> pd.DataFrame:
        """Return correlations, −1 to 1."""
        columns = measured(data, regulators, self.card.name)
        return table(data, columns, correlated(data, columns))
