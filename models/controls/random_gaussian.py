"""Negative controls: Gaussian noise of 2, 64 and 512 dimensions.

Three dimensions, because metrics that reward dimension by itself are known; these rows show which.
"""

from __future__ import annotations

import numpy as np
from anndata import AnnData

from scarena.models.base import Context, Model, ModelCard


def _card(name: str, dimension: int) -> ModelCard:
    return ModelCard(
        name=name,
        title=f"Random {dimension}-d",
        family="control",
        control="negative",
        out_of_core=True,
        description=f"independent Gaussian noise in {dimension} dimensions",
        source="models/controls",
        licence="MIT",
        settings={"dimension": dimension},
    )


class _Random(Model):
    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return standard normal noise."""
        shape = (data.n_obs, int(self.card.settings["dimension"] or 0))
        return np.random.default_rng(ctx.seed).standard_normal(shape, dtype=np.float32)


class Random2(_Random):
    """Two dimensions of noise."""

    card = _card("random-2", 2)


class Random64(_Random):
    """Sixty-four dimensions of noise."""

    card = _card("random-64", 64)


class Random512(_Random):
    """Five hundred and twelve dimensions of noise."""

    card = _card("random-512", 512)
