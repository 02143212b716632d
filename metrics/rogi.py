"""ROGI: how rough are the labels as a function on the embedding?

Cells are merged by complete linkage, and with every merge the labels are averaged over larger clusters. Where near
cells have the same label the labels survive the averaging until late; where they do not, it flattens them at once.
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

MAX_CELLS = 2000
MIN_STEP = 0.01


def rogi(
    embedding: NDArray[np.floating],
    labels: NDArray[np.integer],
    *,
    max_cells: int = MAX_CELLS,
    seed: int = 0,
    resampling: Resampling | None = None,
) -> dict[str, Measured]:
    """Return the roughness of every type against the rest, averaged over types.

    Parameters
    ----------
    embedding
        Finite array ``[n_cells, d]``.
    labels
        Code of each cell's type ``[n_cells]``.
    max_cells
        The distances of all pairs are needed, so of more cells a random subsample of this size is taken.
    seed
        Of the subsample.
    resampling
        Taken for the common form of a metric and not used: there are no replicates, see the notes.

    Returns
    -------
    dict of str to Measured
        ``rogi`` and ``rogi_xd``, each in [0, 1], lower is smoother is better. They grow with how even the types are, so
        they compare embeddings of one dataset only. A collapsed embedding has the highest ``rogi`` and half of that as
        ``rogi_xd``.

    Raises
    ------
    Undefined
        If the cells taken have one type.
    ModelError, DataError
        If the embedding is not one, or there is not one label a cell.

    Notes
    -----
    ``rogi`` falls with the dimension of the embedding, whatever is in it: distances that are nearly all equal put the
    merges at the end of the axis that it integrates over. On 2,000 cells of six types a random embedding of 512
    dimensions has 0.09, one-hot labels 0.35. ``rogi_xd`` has 0.53 and 0.08: prefer it.

    There are no replicates. The only cheap ones reweight the cells below a fixed dendrogram; their standard deviation
    is a half to a sixth of the true one, because complete linkage and the largest distance, which both change with the
    sample, make most of it.

    References
    ----------
    Aldeghi et al. 2022, doi 10.1021/acs.jcim.2c00903 (ROGI); Graff et al. 2023, doi 10.1039/D3DD00088E (ROGI-XD).
    """
    x, codes = checked_embedding(embedding), np.asarray(labels)
    if codes.shape != (len(x),):
        raise DataError(f"{codes.shape} labels for {len(x)} cells", where="labels", fix="join labels by cell name")
    taken = subsample(len(x), max_cells, seed)
    by_distance, by_clusters, n_types = _each_against_the_rest(x[taken], codes[taken])
    parts = f"{n_types} types, each against the rest", subsample_note(len(taken), len(x), seed)
    note = "; ".join(filter(None, parts))
    return {"rogi": Measured(by_distance, note=note), "rogi_xd": Measured(by_clusters, note=note)}


def roughness(condensed: NDArray[np.floating], y: NDArray[np.floating]) -> tuple[float, float]:
    """Return the roughness of one property of cells.

    Parameters
    ----------
    condensed
        Distances of all pairs ``[n·(n − 1)/2]``, as of :func:`scipy.spatial.distance.pdist`.
    y
        The property ``[n]``; scaled to [0, 1] here.

    Returns
    -------
    tuple of float
        ROGI and ROGI-XD, in [0, 1], lower is smoother; 0 for a constant property.

    Raises
    ------
    DataError
        If there is not one distance a pair, or a value is not finite.

    Notes
    -----
    The dispersion of y over clusters is twice the standard deviation of their means, weighted by their sizes. With
    distances divided by the largest, it is followed over the heights t of the complete-linkage dendrogram that lie at
    least 0.01 apart, and integrated by trapezoids from t = 0 (every cell for itself) to 1 (one cluster). ROGI is the
    dispersion at 0 less that integral. ROGI-XD integrates the same dispersions over 1 − ln(clusters) / ln(n).

    The published code divides the Euclidean distances of descriptors by the diagonal of their bounding box, which
    changes with rotation and grows with dimension; distances that are given it takes as they are.

    Examples
    --------
    >>> round(roughness(np.arange(1, 11) / 10, np.arange(5))[0], 9)
    0.153091397
    """
    values = np.asarray(y, dtype=np.float64)
    if len(values) < 2 or len(condensed) != len(values) * (len(values) - 1) // 2:
        raise DataError(f"{len(condensed)} distances for {len(values)} cells", where="condensed", fix="one a pair")
    if not (np.isfinite(values).all() and np.isfinite(condensed).all()):
        raise DataError("NaN or infinite", where="condensed, y", fix="drop these cells")
    width = np.ptp(values)
    return _roughness(condensed, (values - values.min())[:, None] / (width if width > 0 else 1.0))


def _each_against_the_rest(x: NDArray[np.floating], codes: NDArray[np.integer]) -> tuple[float, float, int]:
    """Return both forms averaged over the types, and the number of these."""
    from scipy.spatial.distance import pdist

    types = np.unique(codes)
    if len(types) < 2:
        raise Undefined("one cell type, so no type has a rest")
    return *_roughness(pdist(x), (codes[:, None] == types).astype(np.float64)), len(types)


def _roughness(condensed: NDArray[np.floating], y_NP: NDArray[np.float64]) -> tuple[float, float]:
    """Return both forms, averaged over P properties in [0, 1], which share one dendrogram."""
    from scipy.cluster.hierarchy import linkage

    merges, n_cells = linkage(condensed, method="complete"), len(y_NP)
    top = merges[-1, 2]
    heights = merges[:, 2] / top if top > 0 else merges[:, 2]
    steps = _steps(heights)
    # Merges that are done at each of the points that are integrated over.
    done = np.concatenate([[0], np.searchsorted(heights, steps, side="right"), [n_cells - 1]])
    dispersion = _dispersions(merges, y_NP)[done].mean(axis=1)
    by_distance = np.trapezoid(dispersion, np.concatenate([[0.0], steps, [1.0]]))
    by_clusters = np.trapezoid(dispersion, 1 - np.log(n_cells - done) / np.log(n_cells))
    return float(dispersion[0] - by_distance), float(dispersion[0] - by_clusters)


def _steps(heights: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the ascending heights that lie ``MIN_STEP`` or more above the last one returned."""
    steps: list[float] = []
    for height in map(float, heights):
        if not steps or height - MIN_STEP >= steps[-1]:
            steps.append(height)
    return np.array(steps)


def _dispersions(merges: NDArray[np.floating], y_NP: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the dispersion of the cluster means after 0 … n − 1 merges ``[n, P]``, by one walk up the dendrogram."""
    n_cells = len(y_NP)
    left, right = merges[:, 0].astype(np.int64), merges[:, 1].astype(np.int64)
    sums = np.vstack([y_NP, np.empty((n_cells - 1, y_NP.shape[1]))])
    for merge in range(n_cells - 1):
        sums[n_cells + merge] = sums[left[merge]] + sums[right[merge]]
    sizes = np.concatenate([np.ones(n_cells), merges[:, 3]])
    means = sums / sizes[:, None]
    # A merge takes from the sum of squares between clusters what lay between its two.
    harmonic = sizes[left] * sizes[right] / (sizes[left] + sizes[right])
    lost = harmonic[:, None] * np.square(means[left] - means[right])
    between = np.square(y_NP - means[-1]).sum(axis=0) - np.vstack([np.zeros(y_NP.shape[1]), np.cumsum(lost, axis=0)])
    dispersions = 2 * np.sqrt(np.maximum(between, 0.0) / n_cells)
    # What is left of the subtraction: one cluster has no dispersion.
    dispersions[-1] = 0.0
    return dispersions
