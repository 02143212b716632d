"""Log-normalised counts of every gene, some thousand cells at a time: for models that choose no variable genes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from anndata import AnnData
from scipy.sparse import csr_matrix

from scarena.datasets.stored import blocks

TARGET = 10_000
_ROWS = 2048


def log_blocks(counts: Any) -> Iterator[tuple[int, int, csr_matrix]]:
    """Yield ``(first, last, rows)``: log1p of counts per 10,000 of at most 2,048 cells, wherever the counts lie.

    A cell without counts keeps its zeros.
    """
    for start, stop, part in blocks(counts):
        for first in range(start, stop, _ROWS):
            last = min(first + _ROWS, stop)
            yield first, last, log_normalised(part[first - start : last - start])


def log_means(data: AnnData) -> np.ndarray:
    """Return the mean log expression of each gene over all cells, float64 [n_genes]."""
    total = np.zeros(data.n_vars)
    for _, _, rows in log_blocks(data.X):
        total += np.asarray(rows.sum(axis=0, dtype=np.float64)).ravel()
    return total / data.n_obs


def log_normalised(counts: csr_matrix) -> csr_matrix:
    """Return log1p of counts per 10,000, float32 [n_cells, n_genes]."""
    depth = np.asarray(counts.sum(axis=1), np.float64).ravel()
    scale = (TARGET / np.maximum(depth, 1)).astype(np.float32)
    values = np.log1p(counts.data.astype(np.float32) * np.repeat(scale, np.diff(counts.indptr)))
    return csr_matrix((values, counts.indices, counts.indptr), shape=counts.shape)
