"""LISI: how many labels (cLISI) or batches (iLISI) a cell's neighbourhood holds, as scib-metrics 0.5.10 computes them.

The weights of the 90 neighbours fall off as exp(−β·distance), β such that they have the entropy of 30 equal ones; the
cell itself has none. scib-metrics has this in jax, which compiles for seconds per shape; this is the same bisection
(from β = 1, entropy to 10⁻⁵, at most 50 steps) in double precision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.metrics.measured import Measured, Undefined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scarena.metrics.neighbor_lists import Neighbors
    from scarena.metrics.resampling import Resampling

N_NEIGHBORS = 90
TOLERANCE = 1e-5
MAX_STEPS = 50
_MIDDLE = 0.2  # share of the cells around the median
# With five cells the perplexity, a third of the neighbours, is 1, and one neighbour gets all the weight.
MIN_CELLS = 6


def clisi(
    near: Neighbors,
    labels: NDArray[np.integer],
    resampling: Resampling | None = None,
    *,
    beta: NDArray[np.float64] | None = None,
) -> Measured:
    """Return the scaled median number of labels in a cell's neighbourhood.

    Parameters
    ----------
    near
        At least 90 exact neighbours of each cell, itself included; of fewer (a small dataset) all are used.
    labels
        Label codes ``[n_cells]``, from 0 without gaps.
    resampling
        For replicates: the median is over the cells drawn, and moves by the first order of their weights as neighbours
        (neighbour lists and β held fixed; the indices may leave their range by a little). With the index of each cell
        held fixed too, replicates would spread a third as much as samples do: a cell is in 90 neighbourhoods.
    beta
        :func:`bandwidths` of ``near``, to share them with :func:`ilisi`; computed where not given.

    Returns
    -------
    Measured
        (labels − median) / (labels − 1), in [0, 1], higher is better; 1: one label in most neighbourhoods.

    Raises
    ------
    Undefined
        With one label, or fewer than six cells.

    References
    ----------
    Korsunsky et al. 2019, doi 10.1038/s41592-019-0619-0; scaled by Luecken et al. 2022, doi 10.1038/s41592-021-01336-8.
    """
    n_labels = int(labels.max()) + 1
    if n_labels < 2:
        raise Undefined("one label: there is nothing to tell apart")
    value, medians = _medians(near, labels, beta, resampling)
    scaled = None if medians is None else (n_labels - medians) / (n_labels - 1)
    return Measured((n_labels - value) / (n_labels - 1), scaled)


def ilisi(
    near: Neighbors,
    batch: NDArray[np.integer],
    resampling: Resampling | None = None,
    *,
    beta: NDArray[np.float64] | None = None,
) -> Measured:
    """Return the scaled median number of batches in a cell's neighbourhood.

    Parameters
    ----------
    near, resampling, beta
        As for :func:`clisi`.
    batch
        Batch codes ``[n_cells]``, from 0 without gaps.

    Returns
    -------
    Measured
        (median − 1) / (batches − 1), in [0, 1], higher is better; unequal batches cannot reach 1.

    Raises
    ------
    Undefined
        With one batch, or fewer than six cells.

    References
    ----------
    As :func:`clisi`.
    """
    n_batches = int(batch.max()) + 1
    if n_batches < 2:
        raise Undefined("one batch: there is nothing to mix")
    value, medians = _medians(near, batch, beta, resampling)
    scaled = None if medians is None else (medians - 1) / (n_batches - 1)
    return Measured((value - 1) / (n_batches - 1), scaled)


def bandwidths(near: Neighbors) -> NDArray[np.float64]:
    """Return the β of each cell's weights exp(−β·distance) ``[n_cells]``: all of LISI that takes time.

    Raises
    ------
    Undefined
        With fewer than six cells.
    """
    import scarena.metrics.lisi_kernels as lisi_kernels

    indices, distances = _nearest(near)
    if len(indices) < MIN_CELLS:
        raise Undefined(f"{len(indices)} cells, {MIN_CELLS} needed")
    return lisi_kernels.bandwidths(indices, distances, float(indices.shape[1] // 3), TOLERANCE, MAX_STEPS)


def lisi(
    near: Neighbors, groups: NDArray[np.integer], *, beta: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return the local inverse Simpson index of each cell ``[n_cells]``, between 1 and the number of groups.

    Parameters
    ----------
    near, beta
        As for :func:`clisi`.
    groups
        Codes ``[n_cells]``, from 0 without gaps.
    """
    import scarena.metrics.lisi_kernels as lisi_kernels

    codes = np.ascontiguousarray(groups, dtype=np.int64)
    width = bandwidths(near) if beta is None else beta
    return lisi_kernels.inverse_simpson(*_nearest(near), width, codes, int(codes.max()) + 1)


def _nearest(near: Neighbors) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    return (
        np.ascontiguousarray(near.indices[:, :N_NEIGHBORS], dtype=np.int64),
        np.ascontiguousarray(near.distances[:, :N_NEIGHBORS], dtype=np.float32),
    )


def _medians(
    near: Neighbors, groups: NDArray[np.integer], beta: NDArray[np.float64] | None, resampling: Resampling | None
) -> tuple[float, NDArray[np.float64] | None]:
    """Return the median index, and what it would have been in each replicate."""
    import scarena.metrics.lisi_kernels as lisi_kernels

    beta = bandwidths(near) if beta is None else beta
    values = lisi(near, groups, beta=beta)
    value = float(np.median(values))
    if resampling is None:
        return value, None
    order = np.argsort(values)
    # The median moves as the cells in the middle move on average.
    middle = np.sort(order[int(0.5 * (1 - _MIDDLE) * len(order)) : int(np.ceil(0.5 * (1 + _MIDDLE) * len(order)))])
    codes = np.ascontiguousarray(groups, dtype=np.int64)
    pull = lisi_kernels.pull(*_nearest(near), beta, codes, int(codes.max()) + 1, middle)
    return value, _weighted_medians(values, order, resampling) + resampling.sums(pull) - pull.sum()


def _weighted_medians(
    values: NDArray[np.float64], order: NDArray[np.intp], resampling: Resampling
) -> NDArray[np.float64]:
    """Return the median of the values drawn in each replicate; ``order`` sorts the values, once for all."""
    ascending = values[order]
    medians = np.empty(len(resampling.counts))
    for replicate, counts in enumerate(resampling.counts):
        upto = np.cumsum(counts[order], dtype=np.int64)
        # Cells number (n − 1)//2 and n//2 of the n drawn: the same one where n is odd.
        middle = np.searchsorted(upto, [(upto[-1] - 1) // 2, upto[-1] // 2], side="right")
        medians[replicate] = ascending[middle].mean()
    return medians
