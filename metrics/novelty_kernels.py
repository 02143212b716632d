"""The loops of the novel-type metric over cells and replicates, compiled once and kept on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def reference_lists(
    products: NDArray[np.float64],
    rows: NDArray[np.int64],
    norms: NDArray[np.float64],
    batch: NDArray[np.int64],
    types: NDArray[np.int64],
    n_types: int,
    k: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the 2k nearest cells of other batches, at most k of one type, and their distances, both ``[m, 2k]``.

    From the inner products ``[m, n]`` of ``rows`` with all cells, and the squared norms ``[n]``. Without any one type,
    k of the 2k are left. −1 and ∞ where there are fewer.
    """
    m, n = products.shape
    indices, distances = np.full((m, 2 * k), -1, dtype=np.int64), np.full((m, 2 * k), np.inf)
    nearest, who = np.empty((n_types, k)), np.empty((n_types, k), dtype=np.int64)
    place = np.zeros(n_types, dtype=np.int64)
    for i in range(m):
        nearest[:] = np.inf
        own_batch, own_norm = batch[rows[i]], norms[rows[i]]
        for j in range(n):
            t, both = types[j], own_norm + norms[j]
            squared = both - 2 * products[i, j]
            if squared < nearest[t, k - 1] and batch[j] != own_batch:
                # What is left of a zero after rounding would rank cells that coincide.
                squared = 0.0 if squared < 1e-13 * both else squared
                at = k - 1
                while at > 0 and nearest[t, at - 1] > squared:
                    nearest[t, at], who[t, at] = nearest[t, at - 1], who[t, at - 1]
                    at -= 1
                nearest[t, at], who[t, at] = squared, j
        place[:] = 0
        for merged in range(2 * k):
            best, of = np.inf, -1
            for t in range(n_types):
                if place[t] < k and nearest[t, place[t]] < best:
                    best, of = nearest[t, place[t]], t
            if of < 0:
                break
            indices[i, merged], distances[i, merged] = who[of, place[of]], np.sqrt(best)
            place[of] += 1
    return indices, distances


@njit(cache=True, nogil=True)
def novelty(
    indices: NDArray[np.int64], distances: NDArray[np.float64], types: NDArray[np.int64], left_out: int, k: int
) -> NDArray[np.float64]:
    """Return the mean distance ``[m]`` to the ``k`` nearest of the lists but those of one type; NaN without any."""
    found = np.empty(len(indices))
    for i in range(len(indices)):
        total, used = 0.0, 0
        for at in range(indices.shape[1]):
            j = indices[i, at]
            if j >= 0 and used < k and types[j] != left_out:
                total += distances[i, at]
                used += 1
        found[i] = total / used if used > 0 else np.nan
    return found


@njit(cache=True, nogil=True)
def add_pull(
    indices: NDArray[np.int64],
    distances: NDArray[np.float64],
    types: NDArray[np.int64],
    left_out: int,
    k: int,
    slopes: NDArray[np.float64],
    into: NDArray[np.float64],
) -> None:
    """Add to ``into`` ``[n]`` how Σ slope·novelty changes with the weight of each cell in the reference.

    More of a neighbour at distance d among the k nearest, whose farthest is at D, pushes as much at D out: (d − D)/k.
    """
    for i in range(len(indices)):
        used, farthest, total = 0, 0.0, 0.0
        for at in range(indices.shape[1]):
            j = indices[i, at]
            if j >= 0 and used < k and types[j] != left_out:
                used += 1
                farthest = distances[i, at]
                total += distances[i, at]
        # With fewer than k in all, nothing is pushed out: the mean moves towards d.
        level = farthest if used == k else total / max(used, 1)
        seen = 0
        for at in range(indices.shape[1]):
            j = indices[i, at]
            if j >= 0 and seen < used and types[j] != left_out:
                seen += 1
                into[j] += slopes[i] * (distances[i, at] - level) / used


@njit(cache=True, nogil=True)
def weighted_auroc(
    scores: NDArray[np.float64], positive: NDArray[np.bool_], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the AUROC ``[n_replicates]`` of ascending ``scores`` ``[m]`` for ``weights`` ``[n_replicates, m]``.

    Equal scores count half; NaN in a replicate without weight on either side.
    """
    found = np.empty(len(weights))
    for r in range(len(weights)):
        below, wins, of_positive = 0.0, 0.0, 0.0
        start = 0
        while start < len(scores):
            end, tied_positive, tied_negative = start, 0.0, 0.0
            while end < len(scores) and scores[end] == scores[start]:
                if positive[end]:
                    tied_positive += weights[r, end]
                else:
                    tied_negative += weights[r, end]
                end += 1
            wins += tied_positive * (below + tied_negative / 2)
            of_positive += tied_positive
            below += tied_negative
            start = end
        total = of_positive * below
        found[r] = wins / total if total > 0 else np.nan
    return found
