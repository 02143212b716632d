"""Log-normalised highly variable genes and their principal components of counts that lie on disk.

What `expression` does with scanpy in memory, in passes over blocks of cells: one for the mean and variance of every
gene in every batch, one that fills or sums up the chosen columns, one for the scores. Memory goes with a block, never
with the number of cells, but for what is returned.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from scarena.datasets.stored import blocks

if TYPE_CHECKING:
    from anndata import AnnData

_TARGET, _BINS, _SMALLEST_BATCH = 1e4, 20, 3


def _normalised(part: csr_matrix) -> csr_matrix:
    """Return counts per 10,000, float32."""
    depth = np.asarray(part.sum(axis=1), np.float64).ravel()
    scale = (_TARGET / np.maximum(depth, 1)).astype(np.float32)
    data = part.data.astype(np.float32) * np.repeat(scale, np.diff(part.indptr))
    return csr_matrix((data, part.indices, part.indptr), shape=part.shape)


def moments(data: AnnData) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean and variance of each gene's counts per 10,000 in each batch, and the batches' sizes.

    Returns
    -------
    mean, variance
        float64 [n_batches, n_genes], the variance with n - 1; batches sorted by name.
    sizes
        int64 [n_batches].
    """
    codes = pd.Categorical(data.obs["batch"].astype(str)).codes
    sizes = np.bincount(codes)
    sums, squares = (np.zeros((len(sizes), data.n_vars)) for _ in range(2))
    for first, last, part in blocks(data.X):
        rows = _normalised(part).astype(np.float64)
        ones = np.ones(last - first)
        member = csr_matrix((ones, (codes[first:last], np.arange(last - first))), shape=(len(sizes), last - first))
        sums += (member @ rows).toarray()
        rows.data **= 2
        squares += (member @ rows).toarray()
    mean = sums / sizes[:, None]
    variance = (squares - sizes[:, None] * mean**2) / np.maximum(sizes - 1, 1)[:, None]
    return mean, np.maximum(variance, 0), sizes


def _dispersion(mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Return genes' log dispersion relative to genes of like mean [n_genes], NaN where one has none (Satija 2015)."""
    mean = np.where(mean == 0, 1e-12, mean)
    ratio = pd.Series(variance / mean)
    log = pd.Series(np.log(ratio.where(ratio > 0)))
    bins = pd.cut(pd.Series(np.log1p(mean)), _BINS)
    grouped = log.groupby(bins, observed=True)
    centre, spread = grouped.transform("mean"), grouped.transform("std")
    # A gene alone in its bin has no spread to be measured by: it gets 1.
    alone = spread.isna()
    return ((log - centre.where(~alone, 0)) / spread.where(~alone, centre)).to_numpy()


def _chosen(relative: np.ndarray, n_top: int) -> np.ndarray:
    known = np.sort(relative[~np.isnan(relative)])[::-1]
    return np.nan_to_num(relative, nan=-np.inf) >= known[min(n_top, len(known)) - 1]


def variable_genes(data: AnnData, n_top: int) -> np.ndarray:
    """Return the columns that scanpy's "seurat" flavour with ``batch_key`` would choose, ascending, int64 [≤ n_top].

    Genes are sorted by the number of batches in which they are among the `n_top`, then by their mean dispersion.
    """
    if data.n_vars <= n_top:
        return np.arange(data.n_vars)
    mean, variance, sizes = moments(data)
    choosing = np.flatnonzero(sizes >= _SMALLEST_BATCH)
    if len(choosing) == 1:
        return np.flatnonzero(_chosen(_dispersion(mean[choosing[0]], variance[choosing[0]]), n_top))
    times, relative = np.zeros(data.n_vars), np.zeros((len(choosing), data.n_vars))
    for row, batch in enumerate(choosing):
        seen = mean[batch] > 0
        relative[row, seen] = _dispersion(mean[batch, seen], variance[batch, seen])
        times[seen] += _chosen(relative[row, seen], n_top)
    known = ~np.isnan(relative)
    average = np.where(known, relative, 0).sum(axis=0) / np.where(known.any(axis=0), known.sum(axis=0), np.nan)
    by_name = np.argsort(np.asarray(data.var_names.astype(str)), kind="stable")
    order = np.lexsort((-average[by_name], -times[by_name]))
    return np.sort(by_name[order[:n_top]])


def _log(data: AnnData, columns: np.ndarray) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield blocks of log-normalised counts of some genes, float32 [n_block, n_columns]."""
    for first, last, part in blocks(data.X):
        yield first, last, np.log1p(_normalised(part)[:, columns].toarray())


def hvg_matrix(data: AnnData, n_top: int) -> np.ndarray:
    """Return log1p CP10k of the highly variable genes, float32 [n_cells, ≤ n_top]: all that need fit in memory."""
    columns = variable_genes(data, n_top)
    matrix = np.empty((data.n_obs, len(columns)), np.float32)
    for first, last, rows in _log(data, columns):
        matrix[first:last] = rows
    return matrix


def principal_components(data: AnnData, n_top: int, n_comps: int) -> np.ndarray:
    """Return the first principal components of the highly variable genes, float32 [n_cells, ≤ n_comps].

    Exact, from the covariance of the chosen genes, which is summed up block by block; a component's largest loading is
    positive.
    """
    columns = variable_genes(data, n_top)
    total, product = np.zeros(len(columns)), np.zeros((len(columns), len(columns)))
    for _, _, rows in _log(data, columns):
        total += rows.sum(axis=0, dtype=np.float64)
        product += rows.T @ rows
    centre = total / data.n_obs
    covariance = product - data.n_obs * np.outer(centre, centre)
    n_comps = min(n_comps, data.n_obs - 1, len(columns) - 1)
    loadings = np.linalg.eigh(covariance)[1][:, ::-1][:, :n_comps]
    largest = loadings[np.abs(loadings).argmax(axis=0), np.arange(n_comps)]
    loadings = (loadings * np.where(largest < 0, -1, 1)).astype(np.float32)
    shift = centre.astype(np.float32) @ loadings
    scores = np.empty((data.n_obs, n_comps), np.float32)
    for first, last, rows in _log(data, columns):
        scores[first:last] = rows @ loadings - shift
    return scores
