"""Fingerprints of cells: one-permutation MinHash over the set of genes a cell expresses.

Every gene has a bin and a value, both from a hash of its Ensembl id alone; of the genes a cell expresses, each bin
keeps the one with the smallest value (Li, Owen, Zhang 2012, doi 10.48550/arXiv.1208.1259). Kept is *which gene* that
is and not its hash, so that cells measured on different genes can still be compared: a bin tells nothing where its gene
was not measured in the other cell, and elsewhere the same cell must have the same gene.

Shapes: C cells, V genes of the vocabulary, K bins, N expressed genes of all cells.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numba import njit

EMPTY = 65_535
"""In a bin into which no expressed gene falls."""


def gene_hashes(genes: Sequence[str]) -> np.ndarray:
    """Return uint64 [V], the first eight bytes of BLAKE2b of each Ensembl id: the same in every vocabulary."""
    digests = b"".join(hashlib.blake2b(gene.encode(), digest_size=8).digest() for gene in genes)
    return np.frombuffer(digests, "<u8")


@njit(cache=True, nogil=True)
def _smallest(
    genes_N: np.ndarray, starts: np.ndarray, bin_V: np.ndarray, value_V: np.ndarray, out_CK: np.ndarray
) -> None:
    for cell in range(out_CK.shape[0]):
        for at in range(starts[cell], starts[cell + 1]):
            gene = genes_N[at]
            kept = out_CK[cell, bin_V[gene]]
            if kept == EMPTY or value_V[gene] < value_V[kept]:
                out_CK[cell, bin_V[gene]] = gene


class MinHash:
    """The fingerprints over one vocabulary.

    Parameters
    ----------
    genes
        Ensembl ids [V], at most 65,535.
    bins
        K.
    """

    def __init__(self, genes: Sequence[str], bins: int) -> None:
        hashes = gene_hashes(genes)
        self.bins = bins
        self._bin_V = (hashes % np.uint64(bins)).astype(np.int64)
        self._value_V = hashes // np.uint64(bins)

    def __call__(self, genes_N: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """Return uint16 [C, K], the places in the vocabulary of the genes kept; `EMPTY` where there is none.

        Parameters
        ----------
        genes_N
            Places of the expressed genes, one cell after the other.
        starts
            int64 [C + 1], where each cell's genes begin, and the end.
        """
        found_CK = np.full((len(starts) - 1, self.bins), EMPTY, np.uint16)
        # A copy in memory: the compiled loop then exists for one kind of array, mapped files included.
        _smallest(np.array(genes_N, np.uint16), np.array(starts, np.int64), self._bin_V, self._value_V, found_CK)
        return found_CK
