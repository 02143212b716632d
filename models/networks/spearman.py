"""Rank correlation of a regulator with a gene over cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from scarena.models.base import Context, ModelCard
from scarena.models.of_networks import NetworkModel, drawn, measured, table

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

MOST_CELLS = 5000
"""Ranks take a dense matrix."""
_GENES = 1024


class Spearman(NetworkModel):
    """Spearman's correlation of log expression."""

    card = ModelCard(
        name="net-spearman",
        title="Network: Spearman",
        family="baseline",
        offers="network",
        uses_device=False,
        description="absolute Spearman correlation of counts per 10,000 of regulator and gene over 5,000 cells at most",
        trains_on_target=True,
        source="models/networks",
        licence="MIT",
        settings={"most_cells": MOST_CELLS},
    )

    def network(self, data: AnnData, regulators: Sequence[str], ctx: Context) -> pd.DataFrame:
        """Return rank correlations, −1 to 1; ties have their mean rank."""
        from scarena.models.normalised import log_normalised

        columns = measured(data, regulators, self.card.name)
        log = log_normalised(data.X[drawn(data.n_obs, MOST_CELLS, ctx.seed)]).tocsc()
        own = _unit_ranks(log[:, columns].toarray())
        parts = [
            own.T @ _unit_ranks(log[:, first : first + _GENES].toarray()) for first in range(0, data.n_vars, _GENES)
        ]
        return table(data, columns, np.concatenate(parts, axis=1))


def _unit_ranks(values: np.ndarray) -> np.ndarray:
    """Return ranks of each column about their mean, of length 1; NaN where all are alike."""
    from scipy.stats import rankdata

    ranks = rankdata(values, axis=0)
    ranks -= ranks.mean(axis=0)
    length = np.linalg.norm(ranks, axis=0)
    return np.asarray(ranks / np.where(length > 0, length, np.nan))
