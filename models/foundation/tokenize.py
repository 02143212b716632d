"""From a prepared dataset to cells over a vocabulary, and to packed tokens.

Genes are found by Ensembl id. Counts of genes outside the vocabulary still count for a cell's depth. The same cell
gives the same tokens on every machine and in any company.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from scarena.base.errors import ModelError
from scarena.models.foundation.kernels.pack import Encoding, pack

if TYPE_CHECKING:
    from anndata import AnnData

    from scarena.models.foundation.packed import Packed

ALL = 1 << 30
"""A length that no cell reaches."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Counts of some cells over a vocabulary, cell by cell."""

    starts_B1: np.ndarray
    """int64 [B + 1], where each cell's genes begin, and the end."""
    genes_N: np.ndarray
    """int32 [N], places in the vocabulary, ascending within a cell."""
    counts_N: np.ndarray
    """float32 [N], above zero."""
    depth_B: np.ndarray
    """float32 [B], all counts of a cell, outside the vocabulary too."""

    def __len__(self) -> int:
        return len(self.depth_B)

    def rows(self, rows: np.ndarray) -> Cells:
        """Return some of the cells, in the order asked for."""
        sizes = np.diff(self.starts_B1)[rows]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        at = np.repeat(self.starts_B1[:-1][rows] - starts[:-1], sizes) + np.arange(starts[-1])
        return Cells(starts, self.genes_N[at], self.counts_N[at], self.depth_B[rows])


def places(genes: Sequence[str], vocabulary: Sequence[str], where: str = "var_names") -> np.ndarray:
    """Return the place of each gene in the vocabulary, int32, −1 outside.

    Raises
    ------
    ModelError
        If no gene is in it.
    """
    place = {gene: number for number, gene in enumerate(vocabulary)}
    found = np.array([place.get(gene, -1) for gene in genes], np.int32)
    if not (found >= 0).any():
        fix = "the model knows human genes by Ensembl id"
        raise ModelError("no gene in common with the model's vocabulary", where=where, fix=fix)
    return found


def over_vocabulary(data: AnnData, vocabulary: Sequence[str]) -> Cells:
    """Return the cells of a dataset (counts, Ensembl ids as ``var_names``) over a vocabulary.

    Raises
    ------
    ModelError
        If they have no gene in common.
    """
    return cells_at(data, places(list(data.var_names), vocabulary))


def cells_at(data: AnnData, place_G: np.ndarray) -> Cells:
    """Return the cells of a dataset over a vocabulary in which each gene's place is known.

    Parameters
    ----------
    data
        Counts.
    place_G
        Integer, a place for each gene of the dataset, −1 outside. Two genes of one place stay two.
    """
    from scipy.sparse import csr_matrix

    counts = csr_matrix(data.X)
    depth = np.asarray(counts.sum(axis=1), np.float32).ravel()
    kept = np.flatnonzero(place_G >= 0)
    kept = kept[np.argsort(place_G[kept], kind="stable")]
    inside = counts[:, kept].astype(np.float32)
    inside.eliminate_zeros()
    inside.sort_indices()
    return Cells(inside.indptr.astype(np.int64), place_G[kept][inside.indices].astype(np.int32), inside.data, depth)


def tokens_of(
    cells: Cells, n_genes: int, encoding: Encoding, medians_V: np.ndarray | None = None, length: int = ALL
) -> Packed:
    """Return the packed tokens of cells already over the vocabulary, all of them or the `length` highest."""
    starts_B1, genes_N, counts_N = map(torch.from_numpy, (cells.starts_B1, cells.genes_N, cells.counts_N))
    return pack(
        starts_B1, genes_N, counts_N, torch.arange(n_genes, dtype=torch.int32), length=length, encoding=encoding,
        medians_V=None if medians_V is None else torch.from_numpy(medians_V), depth_B=torch.from_numpy(cells.depth_B),
    )  # fmt: skip


def gene_medians(cells: Sequence[Cells], n_genes: int) -> np.ndarray:
    """Return each gene's median count per 10,000 over the cells that express it, float32 [n_genes]; 1 where none does.

    What ranks are relative to (Theodoris et al. 2023, doi:10.1038/s41586-023-06139-9).
    """
    genes = np.concatenate([each.genes_N for each in cells])
    share = np.concatenate(
        [each.counts_N * np.repeat(1e4 / np.maximum(each.depth_B, 1), np.diff(each.starts_B1)) for each in cells]
    )
    order = np.lexsort((share, genes))
    genes, share = genes[order], share[order]
    first, last = (np.searchsorted(genes, np.arange(n_genes), side=side) for side in ("left", "right"))
    seen = np.flatnonzero(last > first)
    medians = np.ones(n_genes, np.float32)
    low, high = (first[seen] + last[seen] - 1) // 2, (first[seen] + last[seen]) // 2
    medians[seen] = (share[low] + share[high]) / 2
    return medians
