"""Effective rank: in how many dimensions does an embedding really vary? It describes and ranks nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.metrics.checks import checked_embedding
from scarena.metrics.measured import Measured

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scarena.metrics.resampling import Resampling

_CELLS_AT_ONCE = 1 << 16


def effective_rank(embedding: NDArray[np.floating], *, resampling: Resampling | None = None) -> Measured:
    """Return the exponential of the entropy of the singular values.

    Parameters
    ----------
    embedding
        Finite array ``[n_cells, d]``.
    resampling
        How often each cell is drawn in each replicate.

    Returns
    -------
    Measured
        Dimensions, in [1, min(n_cells − 1, d)]; 0 for a collapsed embedding, which varies in none. Neither direction
        is better: a random embedding reaches d, one-hot labels their number less one.

    Raises
    ------
    ModelError
        If the embedding is not one.

    Notes
    -----
    The source takes the *singular values* of the matrix, divided by their sum; here of the embedding with its mean
    taken off, hence the square roots of the eigenvalues of the covariance. (The eigenvalues themselves, also seen under
    this name, give smaller numbers.) Shift, rotation and scale do not matter.

    Replicates are linear in how often each cell is drawn: the derivative of the rank to first order in the change of
    the covariance. A bootstrap sample repeats cells, which lowers the rank where cells are few for the dimensions; the
    linear form has the spread without that shift.

    References
    ----------
    Roy & Vetterli 2007, The effective rank: a measure of effective dimensionality, EUSIPCO, pages 606–610.
    """
    x = checked_embedding(embedding)
    mean = x.mean(axis=0, dtype=np.float64)
    eigenvalues, axes = np.linalg.eigh(_covariance(x, mean))
    # Below rounding errors of the largest: dimensions that are constant or repeat others.
    kept = eigenvalues > eigenvalues.max(initial=0.0) * x.shape[1] * np.finfo(np.float64).eps
    if not kept.any() or not np.ptp(x, axis=0).any():
        return Measured(0.0, None if resampling is None else np.zeros(len(resampling.counts)), "a single point")
    singular = np.sqrt(eigenvalues[kept])
    share = singular / singular.sum()
    entropy = -(share * np.log(share)).sum()
    rank = float(np.exp(entropy))
    if resampling is None:
        return Measured(rank)
    # d rank / d eigenvalue, by the chain entropy ← share ← singular value ← eigenvalue.
    slope = -rank * (np.log(share) + entropy) / singular.sum() / (2 * singular)
    form = (axes[:, kept] * slope) @ axes[:, kept].T
    influence = _quadratic(x, mean, form)
    return Measured(rank, rank + resampling.means(influence - influence.mean()))


def _covariance(x_ND: NDArray[np.floating], mean_D: NDArray[np.float64]) -> NDArray[np.float64]:
    total = np.zeros((x_ND.shape[1], x_ND.shape[1]))
    # In pieces, so that no float64 copy of the embedding is made.
    for start in range(0, len(x_ND), _CELLS_AT_ONCE):
        centred = x_ND[start : start + _CELLS_AT_ONCE] - mean_D
        total += centred.T @ centred
    return total / len(x_ND)


def _quadratic(
    x_ND: NDArray[np.floating], mean_D: NDArray[np.float64], form_DD: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (x − mean)ᵀ form (x − mean) of every cell."""
    values = np.empty(len(x_ND))
    for start in range(0, len(x_ND), _CELLS_AT_ONCE):
        centred = x_ND[start : start + _CELLS_AT_ONCE] - mean_D
        values[start : start + _CELLS_AT_ONCE] = np.einsum("nd,nd->n", centred @ form_DD, centred)
    return values
