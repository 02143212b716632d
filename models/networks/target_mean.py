"""Every regulator acts on what is expressed most: what a ranking gains by that alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scarena.models.base import Context, ModelCard
from scarena.models.of_networks import NetworkModel

if TYPE_CHECKING:
    from anndata import AnnData


class TargetMean(NetworkModel):
    """Mean log expression of the gene, whatever the regulator."""

    card = ModelCard(
        name="net-target-mean",
        title="Network: mean of the target",
        family="baseline",
        offers="network",
        uses_device=False,
        description="mean log1p counts per 10,000 of the gene, the same for every regulator: it knows no regulation",
        trains_on_target=True,
        source="models/networks",
        licence="MIT",
        settings={"normalisation": "log1p CP10k"},
    )

    def network(self, data: AnnData, regulators: Sequence[str], ctx: Context) -> pd.DataFrame:
        """Return one row, many times."""
        from scarena.models.normalised import log_means

        rows = np.broadcast_to(log_means(data), (len(regulators), data.n_vars))
        return pd.DataFrame(rows, index=list(regulators), columns=data.var_names)
