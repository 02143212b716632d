"""Which cells are near each other within a batch, or within a type of it, and how far two such pictures agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

K = 15
SMALLEST = 50
"""Cells of a group: in a smaller one most cells are neighbours."""


def near_within(x: NDArray[np.floating], groups: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return the 15 nearest cells of each cell within its group.

    Parameters
    ----------
    x
        Vectors ``[n_cells, d]``.
    groups
        Codes from 0 ``[n_cells]``.

    Returns
    -------
    ndarray
        Rows ``[n_cells, 15]`` without the cell itself; −1 throughout in groups of fewer than 50 cells.
    """
    from sklearn.neighbors import NearestNeighbors

    found = np.full((len(x), K), -1, dtype=np.int32)
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        if len(rows) >= SMALLEST:
            # Without a query the cell itself is not among its neighbours, copies of it may be.
            own = NearestNeighbors(n_neighbors=K, algorithm="brute").fit(x[rows]).kneighbors(return_distance=False)
            found[rows] = rows[own]
    return found


def jaccard_by_group(
    one: NDArray[np.int32], other: NDArray[np.int32], groups: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the groups of 50 cells or more, and the overlap of their two graphs: shared edges over all edges.

    Parameters
    ----------
    one, other
        Of :func:`near_within` with the same groups ``[n_cells, 15]``.
    groups
        Codes from 0 ``[n_cells]``.

    Notes
    -----
    An edge is there if either of its ends has the other among its nearest cells, as in scIB-E.
    """
    n, group_of = len(groups), groups.astype(np.int64)
    n_groups, own, others = int(groups.max()) + 1, _edges(one, n), _edges(other, n)
    shared = np.intersect1d(own, others, assume_unique=True)
    both, first, second = (np.bincount(group_of[each // n], minlength=n_groups) for each in (shared, own, others))
    there = np.flatnonzero(first + second)
    return there, both[there] / (first + second - both)[there]


def _edges(near: NDArray[np.int32], n: int) -> NDArray[np.int64]:
    """Return each undirected edge once, as one number."""
    rows = np.flatnonzero(near[:, 0] >= 0)
    ends = np.repeat(rows, near.shape[1]), near[rows].ravel().astype(np.int64)
    return np.unique(np.minimum(*ends) * n + np.maximum(*ends))
