"""LISI: how many batches or labels a cell effectively sees among its neighbours.

As ``scib_metrics.lisi_knn``, in double precision: in single precision on several threads the seventh digit of the score
differed between two runs of one embedding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scarena.metrics.neighbors import Neighbors

BISECTIONS = 60


def median_lisi(near: Neighbors, groups: NDArray[np.integer]) -> float:
    """Return the median over cells of the inverse Simpson index of their neighbours' groups.

    Parameters
    ----------
    near
        Neighbours ``[n_cells, k]``, the cell itself first (it does not vote); perplexity is ⌊k/3⌋.
    groups
        Batch or label codes ``[n_cells]``, from 0.

    Returns
    -------
    float
        From 1 (one group) to the number of groups.

    References
    ----------
    Korsunsky et al. 2019, doi 10.1038/s41592-019-0619-0.
    """
    weights = _perplexity_weights(near.distances[:, 1:], near.indices.shape[1] // 3)
    seen = groups[near.indices[:, 1:]]
    shares = np.stack([np.where(seen == group, weights, 0.0).sum(axis=1) for group in range(int(groups.max()) + 1)])
    return float(np.median(1 / (shares**2).sum(axis=0)))


def _perplexity_weights(distance_NK: NDArray[np.float64], perplexity: int) -> NDArray[np.float64]:
    """Return exp(−β·distance), normalised, with the β of each cell at which the entropy is log(perplexity)."""
    # Only differences matter; in units of their mean the bisection (over log β) spans every scale.
    gap_NK = distance_NK - distance_NK[:, :1]
    scale_N1 = gap_NK.mean(axis=1, keepdims=True)
    gap_NK = gap_NK / np.where(scale_N1 > 0, scale_N1, 1.0)
    low_N1, high_N1 = np.full(scale_N1.shape, -30.0), np.full(scale_N1.shape, 30.0)
    target = np.log(max(perplexity, 1))
    for _ in range(BISECTIONS):
        middle_N1 = (low_N1 + high_N1) / 2
        too_wide_N1 = _entropy(_softmax(gap_NK, middle_N1)) > target
        low_N1, high_N1 = np.where(too_wide_N1, middle_N1, low_N1), np.where(too_wide_N1, high_N1, middle_N1)
    return _softmax(gap_NK, (low_N1 + high_N1) / 2)


def _softmax(gap_NK: NDArray[np.float64], log_beta_N1: NDArray[np.float64]) -> NDArray[np.float64]:
    weight_NK = np.exp(-np.minimum(np.exp(log_beta_N1) * gap_NK, 700.0))
    return weight_NK / weight_NK.sum(axis=1, keepdims=True)


def _entropy(p_NK: NDArray[np.float64]) -> NDArray[np.float64]:
    return -(p_NK * np.log(p_NK)).sum(axis=1, keepdims=True)
