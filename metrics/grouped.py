"""Sums over the cells of each group in every bootstrap replicate: weighted contingency tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scarena.metrics.resampling import Resampling


def group_sums(
    resampling: Resampling,
    groups: NDArray[np.integer],
    n_groups: int,
    values: NDArray[np.floating] | None = None,
) -> NDArray[np.float64]:
    """Return Σ countᵢ·valueᵢ over the cells of each group, in every replicate.

    Parameters
    ----------
    resampling
        How often each cell is drawn.
    groups
        Group of each cell ``[n_cells]``, codes from 0; some may be empty.
    n_groups
        Number of groups.
    values
        One number a cell ``[n_cells]``; ones where not given.

    Returns
    -------
    ndarray
        ``[n_replicates, n_groups]``.
    """
    order = np.argsort(groups, kind="stable")
    occurring, starts = np.unique(groups[order], return_index=True)
    found = np.zeros((len(resampling.counts), n_groups))
    weights = None if values is None else values[order].astype(np.float64)
    # A row at a time: sorted, its groups are contiguous, and nothing larger than one replicate is ever converted.
    for row, counts in zip(found, resampling.counts, strict=True):
        drawn = counts[order]
        terms = drawn.astype(np.float64) * weights if weights is not None else drawn.astype(np.int64)
        row[occurring] = np.add.reduceat(terms, starts)
    return found
