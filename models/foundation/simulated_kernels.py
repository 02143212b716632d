"""The loop of `simulated`, compiled: counts of cells from what their genes are expected to have.

Random numbers are a hash of (seed, place of the cell, gene), as in `view_kernels`: a cell does not depend on others.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from scarena.models.foundation.view_kernels import uniform

# Above it a Poisson number is drawn as a normal one, rounded.
_LARGE = 40.0


@njit(cache=True)
def _normal(seed: np.uint64, cell: np.uint64, gene: np.uint64) -> float:
    a, b = uniform(seed, cell, gene), uniform(seed + np.uint64(1), cell, gene)
    return float(np.sqrt(-2 * np.log(1 - a)) * np.cos(2 * np.pi * b))


@njit(cache=True)
def poisson(mean: float, seed: np.uint64, cell: np.uint64, gene: np.uint64) -> float:
    """Return a Poisson number, by inversion; of a mean above 40 a normal one, rounded, with the same mean and SD."""
    if mean > _LARGE:
        return max(0.0, np.floor(mean + np.sqrt(mean) * _normal(seed, cell, gene) + 0.5))
    at, chance, found = uniform(seed, cell, gene), np.exp(-mean), 0.0
    summed = chance
    while at > summed and chance > 0:
        found += 1
        chance *= mean / found
        summed += chance
    return found


@njit(cache=True)
def drawn(
    shares: np.ndarray, soup: np.ndarray, first: np.ndarray, second: np.ndarray, other: np.ndarray,
    ambient: np.ndarray, depth: np.ndarray, variation: float, seed: np.uint64,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Return where each cell's counts begin, and the end; their genes, ascending; and the counts, above zero."""
    n_cells, n_genes = len(depth), shares.shape[1]
    starts = np.zeros(n_cells + 1, np.int64)
    genes, counts = np.empty(1024, np.int32), np.empty(1024, np.float32)
    n, shift = 0, -0.5 * variation * variation
    for cell in range(n_cells):
        name = np.uint64(cell)
        if n + n_genes > len(genes):
            room = max(2 * len(genes), n + n_genes)
            more_genes, more_counts = np.empty(room, np.int32), np.empty(room, np.float32)
            more_genes[:n], more_counts[:n] = genes[:n], counts[:n]
            genes, counts = more_genes, more_counts
        mine, its, a, b = shares[first[cell]], shares[second[cell]], other[cell], ambient[cell]
        for gene in range(n_genes):
            share = (1 - b) * ((1 - a) * mine[gene] + a * its[gene]) + b * soup[gene]
            if share <= 0:
                continue
            mean = depth[cell] * share
            if variation > 0:
                # The mean of the factors is one.
                mean *= np.exp(variation * _normal(seed + np.uint64(2), name, np.uint64(gene)) + shift)
            found = poisson(mean, seed, name, np.uint64(gene))
            if found > 0:
                genes[n], counts[n] = gene, found
                n += 1
        starts[cell + 1] = n
    return starts, genes[:n].copy(), counts[:n].copy()
