"""The compiled inside of the silhouettes' sampling error: how a cell shifts the silhouettes of others."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz", "nnan"})
def _distance(a_D: np.ndarray, b_D: np.ndarray) -> np.float32:
    total = np.float32(0)
    for axis in range(len(a_D)):
        gap = a_D[axis] - b_D[axis]
        total += gap * gap
    return np.sqrt(total)


@njit(cache=True, nogil=True)
def reference_influence(
    x_ND: np.ndarray, starts: np.ndarray, asked: np.ndarray, group_of: np.ndarray, other_of: np.ndarray,
    own_mean: np.ndarray, other_mean: np.ndarray, weight_AM: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Return what one more copy of each cell would add to M weighted sums of silhouettes, as a member of its group.

    Parameters
    ----------
    x_ND
        Coordinates, group after group.
    starts
        First row of each group, and the number of rows.
    asked
        Rows whose silhouettes are followed, a sample.
    group_of, other_of
        Their own and nearest other group.
    own_mean, other_mean
        Mean distance to each of the two.
    weight_AM
        Weight of each of them in each sum.
    """
    influence = np.zeros((len(x_ND), weight_AM.shape[1]))
    for number in range(len(asked)):
        row, own, other = asked[number], own_mean[number], other_mean[number]
        widest = max(own, other)
        if widest <= 0:
            continue
        # s = (b − a) / max(a, b): its derivatives by a, the mean within, and b, the mean to the other group.
        by_own = -1 / other if own < other else -other / own**2
        by_other = own / other**2 if own < other else 1 / own
        for by, group, mean, mine in (
            (by_own, group_of[number], own, 1), (by_other, other_of[number], other, 0),
        ):  # fmt: skip
            size = starts[group + 1] - starts[group] - mine
            for cell in range(starts[group], starts[group + 1]):
                if cell != row:
                    shift = by * (_distance(x_ND[row], x_ND[cell]) - mean) / size
                    for place in range(weight_AM.shape[1]):
                        influence[cell, place] += weight_AM[number, place] * shift
    return influence
