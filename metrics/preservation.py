"""How much of the input space is left in an embedding: its neighbourhoods, its distances, and how these are spread.

The input space still has its batch effect, so an embedding that removes it well does not reach 1 here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import DataError
from scarena.metrics.checks import checked_embedding
from scarena.metrics.measured import Measured, Undefined
from scarena.metrics.subsampling import subsample, subsample_note

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scarena.metrics.resampling import Resampling

MAX_CELLS = 1000
_CELLS_AT_ONCE = 1 << 13


def knn_preservation(
    before: NDArray[np.integer], after: NDArray[np.integer], *, resampling: Resampling | None = None
) -> Measured:
    """Return the share of a cell's nearest neighbours in the input space that are so in the embedding too.

    Parameters
    ----------
    before, after
        Row numbers of the nearest neighbours ``[n_cells, k]`` in the input space and in the embedding, the cell itself
        in column 0.
    resampling
        How often each cell is drawn in each replicate.

    Returns
    -------
    Measured
        Mean over cells of the share of the k − 1 neighbours without the cell itself, in [0, 1], higher is better. By
        chance (k − 1) / (n_cells − 1), which the note gives.

    Raises
    ------
    Undefined
        If there is no neighbour.
    DataError
        If the two do not have one shape, or column 0 is not the cell itself.

    Notes
    -----
    Replicates hold the neighbours fixed and count a cell both for its own share and as a neighbour: drawn once more, it
    adds to the overlap of those cells that have it in both neighbourhoods, and to the size of every neighbourhood that
    it is in. Its own share alone would give two thirds of the standard deviation.

    References
    ----------
    Heiser & Lau 2020, doi 10.1016/j.celrep.2020.107576.
    """
    if before.shape != after.shape or before.ndim != 2:
        raise DataError(
            f"{before.shape} and {after.shape}", where="before, after", fix="search equally many neighbours"
        )
    n_cells, k = before.shape
    itself = np.arange(n_cells)
    if k < 1 or (before[:, 0] != itself).any() or (after[:, 0] != itself).any():
        raise DataError("column 0 is not the cell", where="before, after", fix="use nearest_neighbors")
    if k < 2:
        raise Undefined("one cell has no neighbours")
    kept = np.empty((n_cells, k - 1), dtype=bool)
    for start in range(0, n_cells, _CELLS_AT_ONCE):
        piece = slice(start, start + _CELLS_AT_ONCE)
        kept[piece] = (before[piece, 1:, None] == after[piece, None, 1:]).any(axis=2)
    shares = kept.mean(axis=1)
    note = f"{k - 1} neighbours, by chance {(k - 1) / (n_cells - 1):.2g}"
    value = float(shares.mean())
    if resampling is None:
        return Measured(value, note=note)
    influence = shares - value + _influence_as_neighbour(before[:, 1:], after[:, 1:], kept, shares)
    return Measured(value, value + resampling.means(influence), note)


def distance_preservation(
    before: NDArray[np.floating],
    after: NDArray[np.floating],
    *,
    max_cells: int = MAX_CELLS,
    seed: int = 0,
    resampling: Resampling | None = None,
) -> dict[str, Measured]:
    """Compare the Euclidean distances of all pairs of cells in the input space and in the embedding.

    Parameters
    ----------
    before, after
        Finite arrays ``[n_cells, d_before]`` and ``[n_cells, d]``: the input space and the embedding.
    max_cells
        Of more cells a random subsample of this size is taken.
    seed
        Of the subsample.
    resampling
        How often each cell is drawn in each replicate.

    Returns
    -------
    dict of str to Measured
        ``distance_correlation``: the Pearson correlation of the distances of pairs, in [−1, 1], higher is better (not
        the distance correlation of Székely). ``distance_emd``: the earth mover's distance of the two distributions of
        distances, each scaled to [0, 1] by its smallest and largest, in [0, 1], lower is better; it compares
        distributions only, so which pair has which distance does not matter. A collapsed embedding correlates 0 and has
        all its distances at 0.

    Raises
    ------
    Undefined
        If all distances in the input space are equal, as with two cells.
    ModelError, DataError
        If an array is not one of cells, or the two differ in their number.

    Notes
    -----
    In the replicates of the correlation a pair of cells weighs the product of how often they are drawn, which is
    exact; they are those of the subsample and do not narrow with the cells beyond it. The earth mover's distance has
    none: what moves it most is the largest distance, and a bootstrap of an extreme value is not consistent. Held
    fixed, the replicates had a sixth of the true standard deviation.

    References
    ----------
    Heiser & Lau 2020, doi 10.1016/j.celrep.2020.107576; the scaling is that of their code.
    """
    x, y = _of_the_same_cells(before, after)
    taken = subsample(len(x), max_cells, seed)
    a, b = _unit_distances(x[taken]), _unit_distances(y[taken])
    if not a.any():
        raise Undefined("all cells are equally far from each other in the input space")
    note = subsample_note(len(taken), len(x), seed)
    correlation, replicates = _correlations(a, b, None if resampling is None else resampling.at(taken))
    return {
        "distance_correlation": Measured(correlation, replicates, note),
        "distance_emd": Measured(float(np.abs(np.sort(a) - np.sort(b)).mean()), note=note),
    }


def _influence_as_neighbour(
    before: NDArray[np.integer], after: NDArray[np.integer], kept: NDArray[np.bool_], shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return Σ over the cells that have a cell as a neighbour of what one more draw of it adds to their share.

    A share is overlap / size of a neighbourhood, the size the mean of the two: the derivative by the draws of a
    neighbour is 1/k in the overlap, and −share / 2k for each neighbourhood it is in. They sum to 0 over all cells.
    """
    n_cells, k = before.shape
    of_neighbour = np.repeat(shares / 2, k)
    overlap = np.bincount(before[kept], minlength=n_cells)
    sizes = np.bincount(before.ravel(), of_neighbour, n_cells) + np.bincount(after.ravel(), of_neighbour, n_cells)
    return (overlap - sizes) / k


def _of_the_same_cells(
    before: NDArray[np.floating], after: NDArray[np.floating]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    x, y = checked_embedding(before), checked_embedding(after)
    if len(x) != len(y):
        raise DataError(f"{len(x)} and {len(y)} cells", where="before, after", fix="join them by cell name")
    return x, y


def _unit_distances(x: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the distances of all pairs, scaled to [0, 1] by their smallest and largest; equal ones become 0."""
    from scipy.spatial.distance import pdist

    distances: NDArray[np.float64] = pdist(x)
    low, width = distances.min(), np.ptp(distances)
    # Relative to the size of the distances: equal distances differ in their last digits.
    return (distances - low) / width if width > 1e-9 * distances.max() else np.zeros(len(distances))


def _correlations(
    a: NDArray[np.float64], b: NDArray[np.float64], resampling: Resampling | None
) -> tuple[float, NDArray[np.float64] | None]:
    """Return the correlation of two kinds of distances of all pairs of cells, and its replicates."""
    moments = (a, b, a * a, b * b, a * b)
    value = float(_correlation(*(np.asarray(values.mean()) for values in moments)))
    if resampling is None:
        return value, None
    draws = resampling.counts.astype(np.float64)
    return value, _correlation(*(_pair_means(values, draws) for values in moments))


def _correlation(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    aa: NDArray[np.float64],
    bb: NDArray[np.float64],
    ab: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return Pearson correlations from means of values, squares and products; 0 where a variance is."""
    variances = (aa - a * a) * (bb - b * b)
    known = variances > 0
    return np.where(known, (ab - a * b) / np.sqrt(np.where(known, variances, 1.0)), 0.0)


def _pair_means(values: NDArray[np.float64], draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over pairs of different cells, each weighing the product of its draws ``[n_replicates]``."""
    from scipy.spatial.distance import squareform

    sums = ((draws @ squareform(values, checks=False)) * draws).sum(axis=1)
    return sums / (np.square(draws.sum(axis=1)) - np.square(draws).sum(axis=1))
