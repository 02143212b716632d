"""Negative control: edges drawn at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scarena.models.base import Context, ModelCard
from scarena.models.of_networks import NetworkModel

if TYPE_CHECKING:
    from anndata import AnnData


class RandomNetwork(NetworkModel):
    """Independent noise for every edge."""

    card = ModelCard(
        name="net-random",
        title="Network: random",
        family="control",
        offers="network",
        control="negative",
        uses_device=False,
        description="independent uniform noise for every pair of a regulator and a gene",
        source="models/networks",
        licence="MIT",
    )

    def network(self, data: AnnData, regulators: Sequence[str], ctx: Context) -> pd.DataFrame:
        """Return noise, 0 to 1."""
        values = np.random.default_rng(ctx.seed).random((len(regulators), data.n_vars), dtype=np.float32)
        return pd.DataFrame(values, index=list(regulators), columns=data.var_names)
