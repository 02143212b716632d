"""The vote of the nearest neighbours of every cell, compiled once and kept on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def votes(
    indices: NDArray[np.int64], distances: NDArray[np.float64], classes: NDArray[np.int64], n_classes: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the class with most votes and its share of them, of each cell ``[n]``.

    A neighbour votes by the inverse of its distance; those at distance zero by 1, and then no other votes. Index −1 is
    no neighbour. Of equal classes the first wins; a cell without neighbours gets class 0 with a share of 0.
    """
    n, k = indices.shape
    winner, share = np.zeros(n, dtype=np.int64), np.zeros(n)
    tally = np.zeros(n_classes)
    for i in range(n):
        touching = False
        for j in range(k):
            touching = touching or (indices[i, j] >= 0 and distances[i, j] == 0.0)
        total = 0.0
        for j in range(k):
            if indices[i, j] >= 0 and (distances[i, j] == 0.0 or not touching):
                weight = 1.0 if touching else 1.0 / distances[i, j]
                tally[classes[indices[i, j]]] += weight
                total += weight
        best = 0
        for j in range(k):
            if indices[i, j] >= 0:
                voted = classes[indices[i, j]]
                if tally[voted] > tally[best] or (tally[voted] == tally[best] and voted < best):
                    best = voted
        if total > 0.0:
            winner[i], share[i] = best, tally[best] / total
        for j in range(k):
            if indices[i, j] >= 0:
                tally[classes[indices[i, j]]] = 0.0
    return winner, share
