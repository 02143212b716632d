"""Highly variable genes kept: where a model returns corrected expression, do the same genes vary within a batch?

As scIB: in each batch the 500 most variable genes before and after, by the dispersion of the "cell_ranger" flavour of
scanpy (normalised within bins of mean expression), and the share of them that agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from scarena.base.errors import DataError
from scarena.metrics.measured import Measured, Undefined

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    from scarena.metrics.resampling import Resampling

    Expression: TypeAlias = NDArray[np.floating] | csr_matrix

N_TOP = 500
MIN_CELLS = 3


def hvg_overlap(
    before: Expression,
    after: Expression | None,
    batch: NDArray[np.integer],
    *,
    n_top: int = N_TOP,
    resampling: Resampling | None = None,
) -> Measured:
    """Return the share of the most variable genes of each batch that still are after integration.

    Parameters
    ----------
    before, after
        Log expression ``[n_cells, n_genes]`` of the same genes, dense or sparse; ``after`` is ``None`` where the model
        returns an embedding.
    batch
        Batch codes ``[n_cells]``, from 0 without gaps.
    n_top
        Genes to compare, at most half of those expressed in the batch before integration.
    resampling
        For replicates: genes are ranked anew from the means and variances of the cells drawn, so unlike those of other
        metrics they cost as much as two products with the matrix for each. The variance of a resample is noisier than
        that of the sample, and so the replicates lie below the value.

    Returns
    -------
    Measured
        |both| / the smaller of the two numbers (ties at the last rank are all in), in [0, 1], higher is better, mean
        over the batches of three cells or more.

    Raises
    ------
    Undefined
        If the model returns an embedding, or no batch has three cells and two expressed genes.
    DataError
        If the matrices are not of the same shape, with a row a cell.

    References
    ----------
    Luecken et al. 2022, doi 10.1038/s41592-021-01336-8; dispersion: Zheng et al. 2017, doi 10.1038/ncomms14049.
    """
    if after is None:
        raise Undefined("the model returns an embedding, not expression")
    if before.shape != after.shape or before.shape[0] != len(batch):
        shapes = f"shapes {before.shape}, {after.shape} for {len(batch)} cells"
        raise DataError(shapes, where="hvg_overlap", fix="align the matrices")
    values: list[float] = []
    replicates: list[NDArray[np.float64]] = []
    n_batches = int(batch.max()) + 1
    for code in range(n_batches):
        cells = np.flatnonzero(batch == code)
        drawn = None if resampling is None else resampling.at(cells)
        found = _of_batch((before[cells], after[cells]), n_top, drawn)
        values += found[0]
        replicates += found[1]
    if not values:
        raise Undefined(f"no batch of {MIN_CELLS} cells with two expressed genes")
    note = f"{n_batches - len(values)} of {n_batches} batches left out" if len(values) < n_batches else ""
    return Measured(float(np.mean(values)), np.mean(replicates, axis=0) if replicates else None, note)


def _of_batch(
    pair: tuple[Expression, Expression], n_top: int, resampling: Resampling | None
) -> tuple[list[float], list[NDArray[np.float64]]]:
    """Return the overlap in one batch and its replicates, each in a list: nothing where nothing can be compared."""
    n_cells = pair[0].shape[0]
    expressed = [np.asarray((part > 0).sum(axis=0)).ravel() > 0 for part in pair]
    wanted = min(n_top, int(expressed[0].sum()) // 2)
    if n_cells < MIN_CELLS or wanted < 1 or not expressed[1].any():
        return [], []
    value = float(_overlap(pair, expressed, np.ones((1, n_cells)), wanted)[0])
    if resampling is None:
        return [value], []
    return [value], [_overlap(pair, expressed, resampling.counts.astype(np.float64), wanted)]


def _overlap(
    pair: tuple[Expression, Expression],
    expressed: list[NDArray[np.bool_]],
    weights_RN: NDArray[np.float64],
    wanted: int,
) -> NDArray[np.float64]:
    """Return the overlap for each row of weights."""
    moments = [_moments(part, weights_RN) for part in pair]
    found = np.empty(len(weights_RN))
    for r in range(len(weights_RN)):
        first, then = (
            _most_variable(mean[r], variance[r], used, wanted)
            for (mean, variance), used in zip(moments, expressed, strict=True)
        )
        found[r] = (first & then).sum() / max(1, min(first.sum(), then.sum()))
    return found


def _moments(x: Expression, weights_RN: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and variance of each gene, ``[n_rows_of_weights, n_genes]``."""
    values = x.astype(np.float64)
    squares = values**2 if isinstance(values, np.ndarray) else values.multiply(values).tocsr()
    total = weights_RN.sum(axis=1, keepdims=True)
    # Transposed, because a sparse matrix multiplies from the left.
    mean = (values.T @ weights_RN.T).T / total
    variance = ((squares.T @ weights_RN.T).T / total - mean**2) * total / (total - 1)
    return mean, np.maximum(variance, 0.0)


def _most_variable(
    mean: NDArray[np.float64], variance: NDArray[np.float64], used: NDArray[np.bool_], wanted: int
) -> NDArray[np.bool_]:
    """Return which genes are among the ``wanted`` of the largest normalised dispersion, ties included."""
    mean, variance = mean[used], variance[used]
    mean = np.where(mean == 0, 1e-12, mean)
    dispersion = variance / mean
    edges = np.unique(np.percentile(mean, np.arange(10, 105, 5)))
    # Bins are closed above; what lies below the first edge is one bin.
    bin_of = np.searchsorted(edges, mean, side="left")
    score = np.full(len(mean), np.nan)
    for number in np.unique(bin_of):
        genes = bin_of == number
        away = dispersion[genes] - np.median(dispersion[genes])
        spread = np.median(np.abs(away))
        # A bin without spread ranks its outliers first and says nothing of the others, as a division by zero would.
        score[genes] = away / spread if spread > 0 else np.where(away == 0, np.nan, np.sign(away) * np.inf)
    found = np.zeros(len(used), dtype=bool)
    defined = np.sort(score[~np.isnan(score)])
    if len(defined):
        found[used] = score >= defined[-min(wanted, len(defined))]
    return found
