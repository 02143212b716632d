"""BRAS: silhouettes of the batch within each label, by cosine, against all other batches; the repair of batch ASW."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from scarena.metrics.measured import Measured, Undefined
from scarena.metrics.silhouette import labels_in_batches

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scarena.metrics.resampling import Resampling


class _Widths(NamedTuple):
    """Silhouettes of N cells (D dimensions, B batches) with the two means they come from."""

    unit_ND: NDArray[np.float64]
    width_N: NDArray[np.float64]
    within_N: NDArray[np.float64]
    between_N: NDArray[np.float64]


def bras(
    embedding: NDArray[np.floating], labels: NDArray[np.integer], batch: NDArray[np.integer],
    *, resampling: Resampling | None = None,
) -> Measured:  # fmt: skip
    """Batch removal adapted silhouette: 1 − |s|, cosine, against all cells of the other batches.

    Parameters
    ----------
    embedding
        Array ``[n_cells, d]``. A row of zeros has no direction: it counts as at distance 1 from every cell.
    labels, batch
        Integer codes ``[n_cells]``.

    Returns
    -------
    Measured
        In [0, 1], higher is better. Mean over cells, then over labels. Replicates are linear in the cells drawn, both
        as cells averaged and as cells that distances are measured to; where batches differ by chance only, |s| is near
        its kink at 0 and they spread up to half more than scores do.

    Raises
    ------
    Undefined
        Where no label has two batches.

    References
    ----------
    Rautenstrauch & Ohler 2025, doi 10.1038/s41587-025-02743-4; the form ``mean_other`` of scib-metrics.
    """
    values, effects, offset = [], np.zeros(len(labels)), 0.0
    for rows, codes in labels_in_batches(labels, batch):
        found = _widths(embedding[rows], codes)
        values.append(1 - np.abs(found.width_N).mean())
        if resampling is not None:
            influence = _influence(found, codes) / len(rows)
            effects[rows] = influence - np.abs(found.width_N) / len(rows)
            offset += 1 - influence.sum()
    if not values:
        raise Undefined("no label has cells enough in two batches")
    replicates = None if resampling is None else (resampling.sums(effects) + offset) / len(values)
    return Measured(float(np.mean(values)), replicates)


def _by_batch(values: NDArray[np.float64], codes_N: NDArray[np.integer]) -> NDArray[np.float64]:
    return np.stack([values[codes_N == code].sum(axis=0) for code in range(int(codes_N.max()) + 1)])


def _widths(x_ND: NDArray[np.floating], codes_N: NDArray[np.integer]) -> _Widths:
    """Silhouette of each cell, O(N·B·D) without a distance matrix: a mean cosine needs the sum of unit vectors only."""
    x_ND = x_ND.astype(np.float64)
    norm_N1 = np.linalg.norm(x_ND, axis=1, keepdims=True)
    unit_ND = np.divide(x_ND, norm_N1, out=np.zeros(x_ND.shape), where=norm_N1 > 0)
    size_B = np.bincount(codes_N)
    cos_NB = unit_ND @ _by_batch(unit_ND, codes_N).T
    own_N, mine_N = cos_NB[np.arange(len(codes_N)), codes_N], size_B[codes_N]
    # Σ (1 − cos) over the own batch; a cell of length zero is no neighbour of itself, hence |u|² and not 1.
    within_N = (mine_N - 1) - (own_N - (unit_ND**2).sum(axis=1))
    within_N = within_N / np.maximum(mine_N - 1, 1)
    other_N = len(codes_N) - mine_N
    between_N = (other_N - (cos_NB.sum(axis=1) - own_N)) / other_N
    widest_N = np.maximum(within_N, between_N)
    # Alone in its batch, or all directions equal: the silhouette is zero by convention (Rousseeuw 1987).
    usable_N = (mine_N > 1) & (widest_N > 1e-12)
    width_N = np.where(usable_N, (between_N - within_N) / np.where(usable_N, widest_N, 1.0), 0.0)
    return _Widths(unit_ND, width_N, within_N, between_N)


def _influence(found: _Widths, codes_N: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return what one more copy of each cell adds to the sum of −|s| as a cell that others are measured to."""
    unit_ND, width_N, a_N, b_N = found
    size_B = np.bincount(codes_N)
    mine_N = size_B[codes_N]
    usable_N = (mine_N > 1) & (np.maximum(a_N, b_N) > 1e-12)
    safe_a, safe_b = np.where(usable_N & (a_N >= b_N), a_N, 1.0), np.where(usable_N & (b_N > a_N), b_N, 1.0)
    by_a = np.where(b_N > a_N, -1 / safe_b, -b_N / safe_a**2)
    by_b = np.where(b_N > a_N, a_N / safe_b**2, 1 / safe_a)
    sign_N = np.where(usable_N, -np.sign(width_N), 0.0)
    by_a, by_b = sign_N * by_a / np.maximum(mine_N - 1, 1), sign_N * by_b / (len(codes_N) - mine_N)
    # Σᵢ c(i)·(1 − uᵢ·uⱼ − mean(i)), over the cells i of j's own batch and over those of the others.
    own_B, own_BD = _by_batch(by_a * (1 - a_N), codes_N), _by_batch(by_a[:, None] * unit_ND, codes_N)
    far_B, far_BD = _by_batch(by_b * (1 - b_N), codes_N), _by_batch(by_b[:, None] * unit_ND, codes_N)
    far_B, far_BD = far_B.sum() - far_B, far_BD.sum(axis=0) - far_BD
    constant_N, vector_ND = (own_B + far_B)[codes_N], (own_BD + far_BD)[codes_N]
    of_itself = by_a * (1 - (unit_ND**2).sum(axis=1) - a_N)
    return constant_N - (vector_ND * unit_ND).sum(axis=1) - of_itself
