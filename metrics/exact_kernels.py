"""Candidates of a neighbour search put in the order of their exact distances."""

from __future__ import annotations

import numpy as np
from numba import njit

from scarena.metrics.pair_kernels import draw

# A thread's portion: milliseconds.
_ROWS = 2048


@njit(cache=True, nogil=True)
def _distance(a_D: np.ndarray, b_D: np.ndarray) -> float:
    total = 0.0
    for axis in range(len(a_D)):
        gap = np.float64(a_D[axis]) - np.float64(b_D[axis])
        total += gap * gap
    return np.sqrt(total)


@njit(cache=True, nogil=True)
def _sort(x_ND: np.ndarray, cell_NK: np.ndarray, dist_NK: np.ndarray, first: int, last: int) -> None:
    """Sort the candidates of rows first … last − 1 in place, by insertion: there are a hundred."""
    for row in range(first, last):
        for place in range(cell_NK.shape[1]):
            cell, at = cell_NK[row, place], place
            dist = np.inf if cell < 0 else _distance(x_ND[row], x_ND[cell])
            while at > 0:
                before = dist_NK[row, at - 1]
                if before < dist or (before == dist and draw(row, cell_NK[row, at - 1]) <= draw(row, cell)):
                    break
                dist_NK[row, at], cell_NK[row, at] = before, cell_NK[row, at - 1]
                at -= 1
            dist_NK[row, at], cell_NK[row, at] = dist, cell


def by_exact_distance(x: np.ndarray, cells: np.ndarray, k: int, threads: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return float64 distances and int64 rows ``[n_cells, k]`` of the k nearest candidates, nearest first.

    Parameters
    ----------
    x
        Coordinates ``[n_cells, d]``.
    cells
        Candidates ``[n_cells, at least k]``, −1 for none.
    k
        How many to keep; where fewer exist, −1 at distance infinity.
    threads
        Rows are independent, so that the result does not depend on it.
    """
    from concurrent.futures import ThreadPoolExecutor

    distances, cells = np.empty(cells.shape), np.array(cells, np.int32, order="C")
    # Equal distances by the draw that chose the candidates. By number, the first fifteen of ninety equal neighbours
    # would be of the first batch: most datasets hold their batches one after the other.
    starts = range(0, len(cells), _ROWS)
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda first: _sort(x, cells, distances, first, min(first + _ROWS, len(cells))), starts):
            pass
    return distances[:, :k], cells[:, :k].astype(np.int64)
