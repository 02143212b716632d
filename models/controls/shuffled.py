"""Negative control: a real embedding whose rows were dealt to the wrong cells.

Of PCA, not of the board's best model: the best is known only once all are scored, and a control must not depend on
which models happen to be on the board.
"""

from __future__ import annotations

import numpy as np
from anndata import AnnData

from scarena.models.base import Context, Model, ModelCard
from scarena.models.expression import principal_components


class Shuffled(Model):
    """PCA's embedding, rows permuted."""

    card = ModelCard(
        name="shuffled",
        title="Shuffled PCA",
        family="control",
        control="negative",
        description="the PCA embedding with its rows permuted over all cells",
        uses_batch=True,
        out_of_core=True,
        source="models/controls",
        licence="MIT",
    )

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the permuted principal components."""
        order = np.random.default_rng(ctx.seed).permutation(data.n_obs)
        return principal_components(data, ctx.seed)[order]
