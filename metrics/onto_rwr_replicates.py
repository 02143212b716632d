"""The bootstrap replicates of OntoRWR: of one set of centroids, and of centroids of many balanced draws of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.metrics.centroids import centroid_distances, centroids, influence_by_centroids
from scarena.metrics.column_correlations import column_correlations, correlation_slopes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from scarena.metrics.resampling import Resampling


def moved_replicates(
    embedding: NDArray[np.floating],
    codes: NDArray[np.integer],
    reference_TT: NDArray[np.floating],
    trim: float,
    resampling: Resampling,
    *,
    with_self: bool,
) -> NDArray[np.float64]:
    """Return the score of every replicate's centroids ``[n_replicates]``.

    Parameters
    ----------
    embedding
        Finite array ``[n_cells, d]``.
    codes
        Type of each cell ``[n_cells]``, −1 for cells of none.
    reference_TT
        Distances between the types in the ontology.
    trim
        As of :func:`~scarena.metrics.centroids.centroids`.
    resampling
        How often each cell is drawn in each replicate.
    with_self
        Whether the distance of a type to itself is among those correlated.
    """
    used_TT = np.ones(reference_TT.shape, bool) if with_self else ~np.eye(len(reference_TT), dtype=bool)
    _, moved = centroids(embedding, codes, trim, resampling)
    correlations = column_correlations(centroid_distances(np.asarray(moved)), reference_TT, used_TT)
    # Which columns have none is up to the reference alone, so it is the same for all.
    return correlations[:, ~np.isnan(correlations[0])].mean(axis=1)


def linear_replicates(
    embedding: NDArray[np.floating],
    draws: Sequence[NDArray[np.integer]],
    found_TT: Sequence[NDArray[np.float64]],
    reference_TT: NDArray[np.floating],
    trim: float,
    correlations: NDArray[np.float64],
    resampling: Resampling,
) -> NDArray[np.float64]:
    """Return replicates ``[n_replicates]`` of the mean correlation, linear in how often each cell is drawn.

    Parameters
    ----------
    embedding, reference_TT, trim, resampling
        As of :func:`moved_replicates`.
    draws
        Codes of the cells in each balanced draw.
    found_TT
        Distances between the centroids of each draw.
    correlations
        Correlation of each type by the mean of these distances, NaN for a type without one, not all of them.
    """
    influence = _influence(embedding, draws, found_TT, reference_TT, trim) / int((~np.isnan(correlations)).sum())
    return float(np.nanmean(correlations)) + resampling.sums(influence)


def _influence(
    embedding: NDArray[np.floating],
    draws: Sequence[NDArray[np.integer]],
    found_TT: Sequence[NDArray[np.float64]],
    reference_TT: NDArray[np.floating],
    trim: float,
) -> NDArray[np.float64]:
    """Return what one more draw of each cell adds ``[n_cells]`` to the sum of the balanced correlations."""
    slopes_TT = correlation_slopes(np.mean(found_TT, axis=0), reference_TT, ~np.eye(len(reference_TT), dtype=bool))
    total = np.zeros(len(embedding))
    for codes, distances_TT in zip(draws, found_TT, strict=True):
        points_TD, _ = centroids(embedding, codes, trim)
        # A distance grows along the line between its two centroids, and stands in the columns of both.
        pull_TT = np.divide(
            slopes_TT + slopes_TT.T, distances_TT, out=np.zeros(distances_TT.shape), where=distances_TT > 0
        )
        slopes_TD = pull_TT.sum(axis=1)[:, None] * points_TD - pull_TT @ points_TD
        total += influence_by_centroids(embedding, codes, trim, slopes_TD) / len(draws)
    return total
