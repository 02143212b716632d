"""Each gene as a sum of all regulators: what of a correlation is left when the other regulators are known.

In place of GRNBoost2, whose trees take hours for a whole transcriptome; its weights are of the same question.

Shapes: R measured regulators, G genes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from scarena.models.base import Context, ModelCard
from scarena.models.of_networks import NetworkModel, correlated, measured, table

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

PENALTY = 0.1
"""In units of a standardised regulator's variance."""


class Ridge(NetworkModel):
    """Ridge regression of each gene on all other regulators, standardised, in closed form."""

    card = ModelCard(
        name="net-ridge",
        title="Network: ridge",
        family="baseline",
        offers="network",
        uses_device=False,
        description="absolute weights of ridge regression of each gene's standardised log1p counts per 10,000 on those "
        "of all other regulators; in place of GRNBoost2",
        trains_on_target=True,
        source="models/networks",
        licence="MIT",
        settings={"penalty": PENALTY},
    )

    def network(self, data: AnnData, regulators: Sequence[str], ctx: Context) -> pd.DataFrame:
        """Return standardised weights; a gene's own is NaN."""
        columns = measured(data, regulators, self.card.name)
        return table(data, columns, weights(correlated(data, columns), columns))


def weights(correlation_RG: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return ridge weights [R, G] from correlations; of a gene that is a regulator itself those on the others.

    Parameters
    ----------
    correlation_RG
        Of regulators with all genes; NaN for a gene that does not vary, which has no weights.
    columns
        Places of the regulators among the genes.
    """
    found = np.full(correlation_RG.shape, np.nan)
    varies = np.flatnonzero(np.isfinite(correlation_RG[np.arange(len(columns)), columns]))
    if not len(varies):
        return found
    own = correlation_RG[np.ix_(varies, columns[varies])]
    inverse = np.linalg.inv(own + PENALTY * np.eye(len(varies)))
    found[varies] = inverse @ correlation_RG[varies]
    # The weights of one regulator on the others are in the inverse with it (the partitioned inverse of a matrix).
    found[np.ix_(varies, columns[varies])] = -inverse / np.diag(inverse)
    found[varies, columns[varies]] = np.nan
    return found
