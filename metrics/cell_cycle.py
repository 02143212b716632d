"""Cell-cycle conservation: does the embedding keep as much of the cell cycle as the data had before?

In each batch, the share of the variance that a linear regression on the S and G2M scores explains, before and after.
Deviations from scIB, which computes a PCA and the scores anew in each batch: the PCA before integration is one over
all batches, the embedding is regressed as it is (all its dimensions, so no PCA is needed), and control genes are
chosen once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import DataError
from scarena.base.phases import phase_weights
from scarena.metrics.measured import Measured, Undefined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    from scarena.metrics.resampling import Resampling

# Two covariates and an intercept explain part of any noise: a batch of few cells tells nothing.
MIN_CELLS = 10


def cell_cycle(
    pre_pca: NDArray[np.floating],
    embedding: NDArray[np.floating],
    phase_scores: NDArray[np.floating],
    batch: NDArray[np.integer],
    *,
    resampling: Resampling | None = None,
) -> Measured:
    """Compare the variance that the cell cycle explains before and after integration.

    Parameters
    ----------
    pre_pca, embedding
        PCA of the data before integration ``[n_cells, d_pre]`` and the embedding ``[n_cells, d]``.
    phase_scores
        S and G2M score of each cell ``[n_cells, 2]`` (:func:`phase_scores`).
    batch
        Batch codes ``[n_cells]``, from 0 without gaps.
    resampling
        For replicates: explained shares move by the first order of the cells' weights (influence function), the score
        is computed from them as it stands; regressions are not fitted anew.

    Returns
    -------
    Measured
        1 − |after − before| / before, not below 0, mean over batches of ten cells or more; higher is better. A batch
        whose embedding is constant explains nothing and scores 0. The note counts batches left out.

    Raises
    ------
    Undefined
        If no batch has ten cells and a cell cycle that explains variance before integration.
    DataError
        If the arrays have not one row a cell.

    References
    ----------
    Luecken et al. 2022, doi 10.1038/s41592-021-01336-8.
    """
    if not len(pre_pca) == len(embedding) == len(phase_scores) == len(batch):
        raise DataError("arrays of different lengths", where="cell_cycle", fix="join them by cell name")
    values, replicates = [], []
    n_batches = int(batch.max()) + 1
    for code in range(n_batches):
        cells = np.flatnonzero(batch == code)
        if len(cells) < MIN_CELLS:
            continue
        before, change_before = _explained(pre_pca[cells], phase_scores[cells])
        if before <= 0:
            continue
        after, change_after = _explained(embedding[cells], phase_scores[cells])
        values.append(_conserved(np.array(before), np.array(after)))
        if resampling is not None:
            drawn = resampling.counts[:, cells].astype(np.float64) @ np.stack([change_before, change_after], axis=1)
            replicates.append(_conserved(before + drawn[:, 0], after + drawn[:, 1]))
    if not values:
        raise Undefined(f"no batch of {MIN_CELLS} cells in which the cell cycle explains variance")
    note = f"{n_batches - len(values)} of {n_batches} batches left out" if len(values) < n_batches else ""
    return Measured(float(np.mean(values)), np.mean(replicates, axis=0) if replicates else None, note)


def phase_scores(
    log_expression: csr_matrix, symbols: Sequence[str] | NDArray[np.str_], *, seed: int = 0
) -> NDArray[np.float64]:
    """Return the S and G2M score of each cell: mean of the phase's genes minus mean of genes as highly expressed.

    Parameters
    ----------
    log_expression
        Log-normalised expression ``[n_cells, n_genes]``.
    symbols
        Gene symbols ``[n_genes]``, human or mouse; case does not matter. Of a repeated symbol the first counts.
    seed
        Of the draw of at most 50 control genes from each of 25 bins of mean expression in which the phase has a gene.

    Returns
    -------
    ndarray
        ``[n_cells, 2]``, in units of log expression.

    Raises
    ------
    Undefined
        With fewer than ten genes of either phase, or no control gene for one of them.

    References
    ----------
    Tirosh et al. 2016, doi 10.1126/science.aad0501 (genes); Satija et al. 2015, doi 10.1038/nbt.3192 (controls).
    """
    means = np.asarray(log_expression.mean(axis=0), dtype=np.float64).ravel()
    try:
        return np.asarray(log_expression @ phase_weights(means, symbols, seed=seed))
    except LookupError as why:
        raise Undefined(str(why)) from why


def _explained(x: NDArray[np.floating], scores: NDArray[np.floating]) -> tuple[float, NDArray[np.float64]]:
    """Return the share of the variance of ``x`` that ``scores`` explain, and its change with each cell's weight.

    Σ var·R² / Σ var over the principal components is the squared norm of the fitted values over that of ``x``, both
    centred, whatever the axes. The share's derivative by the weight of a cell with values x and fit f is
    (2 f·x − |f|² − share·|x|²) / Σ|x|².
    """
    centred = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    z = scores.astype(np.float64) - scores.mean(axis=0, dtype=np.float64)
    own = np.einsum("nd,nd->n", centred, centred)
    # Relative to the values: what is left of a constant after subtracting its mean is rounding.
    if own.sum() <= 1e-24 * float(np.square(x.astype(np.float64)).sum()):
        return 0.0, np.zeros(len(x))
    fitted = z @ (np.linalg.pinv(z.T @ z, rcond=1e-12, hermitian=True) @ (z.T @ centred))
    size = np.einsum("nd,nd->n", fitted, fitted)
    share = float(size.sum() / own.sum())
    change = (2 * np.einsum("nd,nd->n", fitted, centred) - size - share * own) / own.sum()
    return share, change


def _conserved(before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(1 - np.abs(after - before) / np.maximum(before, 1e-300), 0.0, 1.0)
