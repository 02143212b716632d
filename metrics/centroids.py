"""Centroids of groups of cells by trimmed means, and how they move over resampled cells, for scGraph and OntoRWR.

No metric of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scarena.metrics.resampling import Resampling


def trimmed_mean(x_ND: NDArray[np.floating], trim: float) -> NDArray[np.float64]:
    """Return the mean ``[d]`` of each dimension without the ``trim`` share of cells at either end (rounded down)."""
    return _mean_without_ends(np.sort(x_ND, axis=0), int(trim * len(x_ND)))


def centroids(
    x_ND: NDArray[np.floating], codes: NDArray[np.integer], trim: float, resampling: Resampling | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Return the trimmed mean of every group of cells, and what it would have been in each bootstrap replicate.

    Parameters
    ----------
    x_ND
        Finite array ``[n_cells, d]``.
    codes
        Group of each cell ``[n_cells]``, from 0, none empty; −1 for cells of no group.
    trim
        Share of the cells cut at each end of every dimension, in [0, 0.5).
    resampling
        How often each cell is drawn.

    Returns
    -------
    tuple of arrays
        Centroids ``[k, d]`` and replicates of them ``[n_replicates, k, d]``, ``None`` without a resampling.

    Raises
    ------
    DataError
        If ``trim`` leaves nothing, there is not one code a cell, or a group is empty.

    Notes
    -----
    A replicate is not sorted anew: it is the centroid moved by the influence function of the trimmed mean, the sum
    over the cells of (draws − 1)·(winsorised value − their mean) divided by the number of cells that are not cut. That
    is exact without trimming and right to first order with it; a group of one cell does not move.

    References
    ----------
    Huber 1981, Robust Statistics, section 3.3, doi 10.1002/0471725250.
    """
    if not 0 <= trim < 0.5:
        raise DataError(f"trim {trim} is not in [0, 0.5)", where="trim", fix="cut less than half at each end")
    rows = _rows_of_groups(codes, len(x_ND))
    points = np.empty((len(rows), x_ND.shape[1]))
    moved = None if resampling is None else np.empty((len(resampling.counts), *points.shape))
    for group, cells in enumerate(rows):
        values = x_ND[cells]
        ranked = np.sort(values, axis=0)
        points[group] = _mean_without_ends(ranked, int(trim * len(cells)))
        if resampling is not None and moved is not None:
            influence = _influence(values, ranked, trim)
            moved[:, group] = points[group] + resampling.counts[:, cells].astype(influence.dtype) @ influence
    return points, moved


def influence_by_centroids(
    x_ND: NDArray[np.floating], codes: NDArray[np.integer], trim: float, slopes_KD: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Return what one more draw of each cell adds ``[n_cells]`` to a score that depends on the centroids.

    Parameters
    ----------
    x_ND, codes, trim
        As of :func:`centroids`.
    slopes_KD
        Derivative ``[k, d]`` of the score by each centroid.

    Notes
    -----
    The first order of what :func:`centroids` does a replicate at a time, for scores that are made of many centroids.
    """
    found = np.zeros(len(x_ND))
    for cells, slope in zip(_rows_of_groups(codes, len(x_ND)), slopes_KD, strict=True):
        values = x_ND[cells]
        found[cells] = _influence(values, np.sort(values, axis=0), trim) @ slope
    return found


def centroid_distances(points_KD: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return Euclidean distances ``[…, k, k]`` between points ``[…, k, d]``, for many sets of points at once.

    By inner products of points seen from the first, so distances below 1e-7 of the largest are rounding errors; it is
    for replicates, where :func:`scipy.spatial.distance.cdist` would be called a set at a time.
    """
    centred = points_KD - points_KD[..., :1, :]
    squares = np.square(centred).sum(axis=-1)
    inner = centred @ np.swapaxes(centred, -1, -2)
    squared = squares[..., :, None] + squares[..., None, :] - 2 * inner
    squared[..., np.arange(squared.shape[-1]), np.arange(squared.shape[-1])] = 0.0
    return np.sqrt(np.maximum(squared, 0.0))


def _mean_without_ends(ranked_ND: NDArray[np.floating], cut: int) -> NDArray[np.float64]:
    kept_ND = ranked_ND[cut : len(ranked_ND) - cut]
    return _bounded_mean(kept_ND, kept_ND[0], kept_ND[-1])


def _bounded_mean(
    x_ND: NDArray[np.floating], low_D: NDArray[np.floating], high_D: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Return the mean, between the bounds of the values: of equal ones it would differ from them in the last digit.

    And so would the means of two groups of one point, of which a correlation then takes the rounding for distances.
    """
    mean_D: NDArray[np.float64] = np.clip(x_ND.mean(axis=0, dtype=np.float64), low_D, high_D)
    return mean_D


def _rows_of_groups(codes: NDArray[np.integer], n_cells: int) -> list[NDArray[np.intp]]:
    if codes.shape != (n_cells,):
        raise DataError(f"{codes.shape} codes for {n_cells} cells", where="codes", fix="give one code a cell")
    sizes = np.bincount(codes[codes >= 0])
    if (sizes == 0).any():
        raise DataError(f"group {int(sizes.argmin())} has no cells", where="codes", fix="number groups without gaps")
    order = np.argsort(codes, kind="stable")[int((codes < 0).sum()) :]
    return np.split(order, np.cumsum(sizes)[:-1])


def _influence(values_ND: NDArray[np.floating], ranked_ND: NDArray[np.floating], trim: float) -> NDArray[np.floating]:
    """Return what one more draw of each cell adds to the trimmed mean of its group ``[n, d]``; columns of sum 0."""
    cut = int(trim * len(values_ND))
    low_D, high_D = ranked_ND[cut], ranked_ND[len(values_ND) - 1 - cut]
    clipped_ND = np.clip(values_ND, low_D, high_D)
    # Centred in float64 first: products may then run in the embedding's own precision.
    centred_ND = clipped_ND - _bounded_mean(clipped_ND, low_D, high_D)
    return (centred_ND / (len(values_ND) - 2 * cut)).astype(np.result_type(values_ND, np.float32))
