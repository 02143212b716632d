"""The compiled inside of UMAP's neighbour graph: the width of each cell's kernel and the weights of its edges."""

from __future__ import annotations

import numpy as np
from numba import njit

_STEPS = 64
_TOLERANCE = 1e-5
_LEAST_WIDTH = 1e-3  # of the mean distance: a cell among duplicates still has a kernel of some width


@njit(cache=True, nogil=True)
def edge_weights(distances: np.ndarray) -> np.ndarray:
    """Return the weight of every neighbour ``[n_cells, k]``, the first column (the cell itself) 0.

    exp(−(d − ρ)/σ), ρ the distance of the nearest other cell and σ such that the weights sum to log₂ k: the smooth
    nearest-neighbour distance of McInnes et al. 2018, arXiv 1802.03426, with local connectivity 1.
    """
    n_cells, k = distances.shape
    weights, target, overall = np.zeros(distances.shape, np.float32), np.log2(k), distances.mean()
    for row in range(n_cells):
        nearest = np.float32(0)
        for place in range(k):
            if distances[row, place] > 0:
                nearest = distances[row, place]
                break
        low, high, width = 0.0, np.inf, 1.0
        for _ in range(_STEPS):
            total = 0.0
            for place in range(1, k):
                gap = distances[row, place] - nearest
                total += np.exp(-gap / width) if gap > 0 else 1.0
            if abs(total - target) < _TOLERANCE:
                break
            if total > target:
                high = width
                width = (low + high) / 2
            else:
                low = width
                width = width * 2 if high == np.inf else (low + high) / 2
        mean = distances[row].mean() if nearest > 0 else overall
        width = max(width, _LEAST_WIDTH * mean)
        for place in range(1, k):
            gap = distances[row, place] - nearest
            weights[row, place] = 1.0 if gap <= 0 or width == 0 else np.exp(-gap / width)
    return weights
