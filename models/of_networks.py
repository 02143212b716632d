"""Models of networks: they say which gene regulates which and have no vectors; and what several of them start from.

Shapes: R measured regulators, G genes.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import NotApplicable
from scarena.models.base import Context
from scarena.models.without_cells import WithoutCells

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData


class NetworkModel(WithoutCells):
    """One way of ranking which gene regulates which. A subclass a file.

    Its card says ``offers="network"``; `network` is all it has to do.
    """

    @abstractmethod
    def network(self, data: AnnData, regulators: Sequence[str], ctx: Context) -> pd.DataFrame:
        """Return how strongly each regulator is believed to regulate each gene; see `Model.network`."""


def measured(data: AnnData, regulators: Sequence[str], model: str) -> np.ndarray:
    """Return the columns of the regulators that the cells measure, in the order of the regulators ``[R]``.

    Raises
    ------
    NotApplicable
        If none is.
    """
    columns = data.var_names.get_indexer(list(regulators))
    if not (columns >= 0).any():
        raise NotApplicable("no regulator is measured", where=model, fix="none needed: cells say nothing of them")
    return np.asarray(columns[columns >= 0])


def table(data: AnnData, columns: np.ndarray, values: np.ndarray) -> pd.DataFrame:
    """Return a network [R, G] by name."""
    import pandas as pd

    return pd.DataFrame(values, index=data.var_names[columns], columns=data.var_names)


def correlated(data: AnnData, columns: np.ndarray) -> np.ndarray:
    """Return Pearson correlations of log1p counts per 10,000 of some columns with all genes ``[R, G]``, over all cells.

    NaN for a gene that all cells have alike.
    """
    from scarena.models.normalised import log_blocks

    cross_RG, sum_G, square_G = np.zeros((len(columns), data.n_vars)), np.zeros(data.n_vars), np.zeros(data.n_vars)
    for _, _, rows in log_blocks(data.X):
        part = rows.astype(np.float64)
        cross_RG += (part[:, columns].T @ part).toarray()
        sum_G += np.asarray(part.sum(axis=0)).ravel()
        square_G += np.asarray(part.multiply(part).sum(axis=0)).ravel()
    mean_G = sum_G / data.n_obs
    variance_G = square_G / data.n_obs - mean_G**2
    # What is left of equal values after their mean is rounding.
    spread_G = np.sqrt(np.where(variance_G > 1e-10 * np.maximum(square_G / data.n_obs, 1e-12), variance_G, np.nan))
    covariance_RG = cross_RG / data.n_obs - mean_G[columns, None] * mean_G
    return np.asarray(np.clip(covariance_RG / spread_G[columns, None] / spread_G, -1, 1))


def drawn(n_cells: int, most: int, seed: int) -> np.ndarray:
    """Return rows of so many cells at most, drawn without regard to anything, in their order."""
    return np.sort(np.random.default_rng(seed).permutation(n_cells)[:most])
