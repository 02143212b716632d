"""Silhouettes of the batch within each label: the batch ASW of scIB and BRAS, its repair.

Equal to scib-metrics (tests hold them together), whose jitted version compiles anew for the size of every label: 15
of the 90 seconds of a fresh process on 2,000 cells. The cosine means of BRAS need each batch's sum of unit vectors
only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Samples = Callable[[NDArray[np.floating], NDArray[np.integer]], NDArray[np.floating]]


def silhouette_batch(embedding: NDArray[np.floating], labels: NDArray[np.integer], batch: NDArray[np.integer]) -> float:
    """Average silhouette width of the batch, as 1 − |s|, Euclidean, nearest other batch.

    Parameters
    ----------
    embedding
        Array ``[n_cells, d]``.
    labels, batch
        Integer codes ``[n_cells]``.

    Returns
    -------
    float
        In [0, 1], higher is better; NaN where no label has two batches. Mean over cells, then over labels.

    References
    ----------
    Luecken et al. 2022, doi 10.1038/s41592-021-01336-8. Nested batch effects fool it (Rautenstrauch & Ohler 2025).
    """
    from sklearn.metrics import silhouette_samples

    return _mean_over_labels(embedding, labels, batch, silhouette_samples)


def bras(embedding: NDArray[np.floating], labels: NDArray[np.integer], batch: NDArray[np.integer]) -> float:
    """Batch removal adapted silhouette: 1 − |s|, cosine, against all cells of the other batches.

    Parameters
    ----------
    embedding
        Array ``[n_cells, d]``. A row of zeros has no direction: it counts as at distance 1 from every cell.
    labels, batch
        Integer codes ``[n_cells]``.

    Returns
    -------
    float
        In [0, 1], higher is better; NaN where no label has two batches. Mean over cells, then over labels.

    References
    ----------
    Rautenstrauch & Ohler 2025, doi 10.1038/s41587-025-02743-4; the form ``mean_other`` of scib-metrics.
    """
    return _mean_over_labels(embedding, labels, batch, _cosine_mean_other)


def _mean_over_labels(
    embedding: NDArray[np.floating], labels: NDArray[np.integer], batch: NDArray[np.integer], samples: Samples
) -> float:
    means = [1 - np.abs(samples(embedding[rows], batch[rows])).mean() for rows in _testable(labels, batch)]
    return float(np.mean(means)) if means else float("nan")


def _testable(labels: NDArray[np.integer], batch: NDArray[np.integer]) -> Iterator[NDArray[np.bool_]]:
    """Yield the cells of each label with two batches or more, not every cell its own batch."""
    for label in np.unique(labels):
        rows = labels == label
        if 1 < len(np.unique(batch[rows])) < rows.sum():
            yield rows


def _cosine_mean_other(x_ND: NDArray[np.floating], batch_N: NDArray[np.integer]) -> NDArray[np.floating]:
    """Silhouette of each cell (N cells, D dimensions, B batches), O(N·B·D) without a distance matrix."""
    x_ND = x_ND.astype(np.float64)
    norm_N1 = np.linalg.norm(x_ND, axis=1, keepdims=True)
    unit_ND = np.divide(x_ND, norm_N1, out=np.zeros(x_ND.shape), where=norm_N1 > 0)
    codes_N = np.unique(batch_N, return_inverse=True)[1]
    size_B = np.bincount(codes_N)
    sum_BD = np.stack([unit_ND[codes_N == code].sum(axis=0) for code in range(len(size_B))])
    cos_NB = unit_ND @ sum_BD.T
    own_N, mine_N = cos_NB[np.arange(len(codes_N)), codes_N], size_B[codes_N]
    # Σ (1 − cos) over the own batch; a cell of length zero is no neighbour of itself, hence |u|² and not 1.
    within_N = (mine_N - 1) - (own_N - (unit_ND**2).sum(axis=1))
    within_N = within_N / np.maximum(mine_N - 1, 1)
    other_N = len(codes_N) - mine_N
    between_N = (other_N - (cos_NB.sum(axis=1) - own_N)) / other_N
    widest_N = np.maximum(within_N, between_N)
    # Alone in its batch, or all directions equal: the silhouette is zero by convention (Rousseeuw 1987).
    usable_N = (mine_N > 1) & (widest_N > 1e-12)
    return np.where(usable_N, (between_N - within_N) / np.where(usable_N, widest_N, 1.0), 0.0)
