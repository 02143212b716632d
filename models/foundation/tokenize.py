"""From counts to tokens: which genes of a cell the transformer sees, and with what value.

A token is a gene of the vocabulary and log1p of its counts per 10,000; counts outside the vocabulary still count for
the depth. The same cell gives the same tokens on every machine: ties are broken by the gene's place in the vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from anndata import AnnData
from scipy.sparse import csr_matrix

PAD = -1


@dataclass(frozen=True, slots=True)
class Tokens:
    """Genes and values of a set of cells, in rows padded at the end."""

    genes: np.ndarray
    """int64 [n_cells, length], index into the vocabulary; `PAD` where a cell has fewer genes."""
    values: np.ndarray
    """float32 [n_cells, length], log1p counts per 10,000; 0 at the padding."""


@dataclass(frozen=True, slots=True)
class Expression:
    """Cells over the vocabulary, from which tokens are drawn."""

    values: csr_matrix
    """float32 [n_cells, n_vocabulary], log1p counts per 10,000 of all the cell's counts."""
    depth: np.ndarray
    """float32 [n_cells], all counts of the cell."""


def over_vocabulary(data: AnnData, vocabulary: list[str]) -> Expression:
    """Return the expression of `data` over the vocabulary; genes outside it count for the depth only.

    Parameters
    ----------
    data
        Counts with Ensembl ids as ``var_names``.
    vocabulary
        Ensembl ids in the order of the gene table.
    """
    place = {gene: i for i, gene in enumerate(vocabulary)}
    columns = np.array([place.get(gene, -1) for gene in data.var_names])
    counts = csr_matrix(data.X)
    depth = np.asarray(counts.sum(axis=1), dtype=np.float32).ravel()
    coo = counts.tocoo()
    keep = columns[coo.col] >= 0
    rows, genes = coo.row[keep], columns[coo.col[keep]]
    scaled = np.log1p(coo.data[keep].astype(np.float32) * (1e4 / np.maximum(depth, 1.0))[rows]).astype(np.float32)
    values = csr_matrix((scaled, (rows, genes)), shape=(data.n_obs, len(vocabulary)))
    values.sort_indices()
    return Expression(values, depth)


def _first_by(values: csr_matrix, key: np.ndarray, length: int) -> Tokens:
    """Return the `length` entries of every row with the smallest key; ties go to the lower gene."""
    sizes = np.diff(values.indptr)
    rows = np.repeat(np.arange(values.shape[0]), sizes)
    order = np.lexsort((values.indices, key, rows))
    rank = np.arange(len(order)) - np.repeat(values.indptr[:-1], sizes)
    chosen = order[rank < length]
    at = (rows[chosen], rank[rank < length])
    width = max(1, int(min(length, sizes.max(initial=0))))
    genes = np.full((values.shape[0], width), PAD, dtype=np.int64)
    kept = np.zeros((values.shape[0], width), dtype=np.float32)
    genes[at], kept[at] = values.indices[chosen], values.data[chosen]
    return Tokens(genes, kept)


def highest(values: csr_matrix, length: int) -> Tokens:
    """Return each cell's `length` highest-valued genes, highest first: the choice when embedding."""
    return _first_by(values, -values.data, length)


def sampled(values: csr_matrix, length: int, rng: np.random.Generator) -> Tokens:
    """Return `length` of each cell's expressed genes at random, in random order: the choice when training.

    Drawn in proportion to their value, so that training sees what embedding does, mostly the highest genes.
    """
    return _first_by(values, rng.exponential(size=len(values.data)) / values.data, length)
