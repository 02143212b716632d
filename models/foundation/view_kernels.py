"""The loops of `views`, compiled: one pass over the counts of a cell for what is shown, one for what is asked.

Random numbers are a hash of (seed, place of the cell, gene): they do not depend on what the other cells are. One
thread: a call takes a millisecond or two, and threads that wait for each other made a step on a busy machine twenty
times as long.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_UNIT = 1.0 / (1 << 53)


@njit(cache=True, inline="always")
def _mixed(x: np.uint64) -> np.uint64:
    # The finaliser of splitmix64 (Steele et al. 2014, doi 10.1145/2660193.2660195).
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@njit(cache=True, inline="always")
def uniform(seed: np.uint64, a: np.uint64, b: np.uint64) -> float:
    """Return a number in [0, 1) that three integers decide."""
    x = _mixed(seed + np.uint64(0x9E3779B97F4A7C15) * (a + np.uint64(1)))
    return float(_mixed(x + np.uint64(0x9E3779B97F4A7C15) * (b + np.uint64(1))) >> np.uint64(11)) * _UNIT


@njit(cache=True)
def thinned(count: float, share: float, seed: np.uint64, cell: np.uint64, gene: np.uint64) -> float:
    """Return a binomial draw; of more than 64 counts a normal one, rounded, with the same mean and variance."""
    if count <= 64:
        kept = 0.0
        for each in range(int(count)):
            kept += uniform(seed, cell, gene + (np.uint64(each + 1) << np.uint64(32))) < share
        return kept
    a, b = uniform(seed, cell, gene), uniform(seed + np.uint64(1), cell, gene)
    normal = np.sqrt(-2 * np.log(1 - a)) * np.cos(2 * np.pi * b)
    return min(count, max(0.0, np.floor(count * share + normal * np.sqrt(count * share * (1 - share)) + 0.5)))


@njit(cache=True)
def show(
    starts: np.ndarray, genes: np.ndarray, counts: np.ndarray, depth: np.ndarray, mine: np.ndarray,
    effect: np.ndarray, least_kept: float, seed: np.uint64, values: np.ndarray,
) -> None:  # fmt: skip
    """Write the value of every count in its cell's view, zero where it is not in it."""
    for cell in range(len(depth)):
        name = np.uint64(cell)
        share = least_kept + (1 - least_kept) * uniform(seed, name, np.uint64(1) << np.uint64(62))
        scale = 1e4 / max(1.0, depth[cell] * share)
        for entry in range(starts[cell], starts[cell + 1]):
            gene, left = genes[entry], 0.0
            if mine[gene]:
                left = thinned(float(counts[entry]), share, seed, name, np.uint64(gene))
            values[entry] = np.log1p(left * scale * effect[gene])


@njit(cache=True)
def ask(
    starts: np.ndarray, genes: np.ndarray, counts: np.ndarray, asked: np.ndarray, places: np.ndarray,
    n_expressed: int, n_zeros: int, seed: np.uint64, out_genes: np.ndarray, out_counts: np.ndarray,
    kept: np.ndarray,
) -> None:  # fmt: skip
    """Write up to `n_expressed` expressed genes of those asked, then the zeros among `n_zeros` drawn of all."""
    for cell in range(len(kept)):
        name, found = np.uint64(cell), 0
        first, last = starts[cell], starts[cell + 1]
        mine, race = np.empty(last - first, np.int64), np.empty(last - first)
        for entry in range(first, last):
            if asked[int(genes[entry])]:
                mine[found] = entry
                race[found] = uniform(seed, name, np.uint64(genes[entry]))
                found += 1
        if found > n_expressed:
            mine = mine[np.argsort(race[:found])[:n_expressed]]
            found = n_expressed
        for place in range(found):
            out_genes[cell, place] = genes[mine[place]]
            out_counts[cell, place] = counts[mine[place]]
        for draw in range(n_zeros if len(places) else 0):
            gene = places[int(uniform(seed + np.uint64(1), name, np.uint64(draw)) * len(places))]
            # Drawn ones that are expressed would count twice.
            here = np.searchsorted(genes[first:last], gene)
            if here < last - first and genes[first + here] == gene:
                continue
            out_genes[cell, found], out_counts[cell, found] = gene, 0.0
            found += 1
        kept[cell] = found
