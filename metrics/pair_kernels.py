"""The compiled inside of the pass over all pairs of cells: one tile of squared distances, used in both directions.

Kept apart so that numba is imported only by those who score. Shapes: N cells, D dimensions, I and J the cells of a
tile's two blocks, C chunks of W of them, K neighbours kept, L labels, B batches. Everything is float32 but the
totals: a tile adds at most a block's worth of float32 terms before they go to float64.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

# Below this share of |a|² + |b|² the expansion |a|² + |b|² − 2ab has lost too many of float32's digits, and the
# distance is computed anew from the difference.
CANCELLATION = np.float32(0.01)
# Pairs looked at together: one comparison turns all of them away, as it does nearly always.
CHUNK = 32
_FAST = {"reassoc", "contract", "nsz", "nnan"}


class Cells(NamedTuple):
    """The cells, ordered so that those of one label and batch stand together.

    Parameters
    ----------
    x
        Centred coordinates ``[N, D]``, the largest between 1/2 and 1.
    norm
        Their squared lengths, padded with infinity to whole blocks.
    name
        Their rows before they were ordered: ties are drawn by them.
    label, batch
        Integer codes ``[N]``.
    """

    x: np.ndarray
    norm: np.ndarray
    name: np.ndarray
    label: np.ndarray
    batch: np.ndarray


class Kept(NamedTuple):
    """What the pairs leave.

    Parameters
    ----------
    near, near_cell
        Heaps of the nearest cells: squared distances and names ``[N, K]``, −1 where a place is empty.
    foreign, foreign_cell
        The same over cells of other batches; no columns where there is one batch.
    limit, foreign_limit
        Squared distance of the worst neighbour in each heap, padded with −infinity to whole blocks.
    label_sums, own_sums
        Sums of distances to each label's cells ``[N, L]``, and to the cells of the own label in each batch ``[N, B]``.
    """

    near: np.ndarray
    near_cell: np.ndarray
    foreign: np.ndarray
    foreign_cell: np.ndarray
    limit: np.ndarray
    foreign_limit: np.ndarray
    label_sums: np.ndarray
    own_sums: np.ndarray


@njit(cache=True, nogil=True, inline="always")
def draw(i: int, j: int) -> np.int64:
    """Return a number that looks random but depends on the pair only, and not on which of the two asks.

    The finaliser of splitmix64 (Steele et al. 2014, doi 10.1145/2660193.2660195). One round of a weaker hash strews
    the cells of a batch more evenly than chance does, and kBET sees that.
    """
    mixed = np.uint64(min(i, j)) << np.uint64(32) ^ np.uint64(max(i, j))
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.int64(mixed ^ (mixed >> np.uint64(31)))


@njit(cache=True, nogil=True, inline="always")
def _is_worse(me: int, dist_a: float, cell_a: int, dist_b: float, cell_b: int) -> bool:
    # The draws cost more than all else here, and equal distances are rare on most data.
    if dist_a != dist_b:
        return dist_a > dist_b
    return bool(draw(me, cell_a) > draw(me, cell_b))


@njit(cache=True, nogil=True)
def _offer(dist_NK: np.ndarray, cell_NK: np.ndarray, row: int, me: int, dist: float, cell: int) -> float:
    """Put a neighbour into a row's max-heap in place of its worst, unless it is worse; return the worst distance kept.

    Equal distances are told apart by a draw: with the cells in the order of their labels and batches, "first come"
    would choose among thousands of equal one-hot cells those of one batch. An empty place is infinitely far.
    """
    if not _is_worse(me, dist_NK[row, 0], cell_NK[row, 0], dist, cell):
        return dist_NK[row, 0]
    size, hole = dist_NK.shape[1], 0
    while True:
        child = 2 * hole + 1
        if child >= size:
            break
        other = child + 1
        if other < size and _is_worse(
            me, dist_NK[row, other], cell_NK[row, other], dist_NK[row, child], cell_NK[row, child]
        ):
            child = other
        if not _is_worse(me, dist_NK[row, child], cell_NK[row, child], dist, cell):
            break
        dist_NK[row, hole], cell_NK[row, hole] = dist_NK[row, child], cell_NK[row, child]
        hole = child
    dist_NK[row, hole], cell_NK[row, hole] = dist, cell
    return dist_NK[row, 0]


@njit(cache=True, nogil=True, fastmath=_FAST)
def _squares(
    dot_CW: np.ndarray, norm_i: np.float32, norm_CW: np.ndarray, limit_i: np.float32, limit_CW: np.ndarray,
    foreign_limit_i: np.float32, foreign_limit_CW: np.ndarray, same_batch_CW: np.ndarray, hits_C: np.ndarray,
) -> None:  # fmt: skip
    """Turn a row of dot products into squared distances; count in each chunk those that anybody may want.

    Wanted: within the limit of either cell, or of either cell's foreign neighbours unless ``same_batch`` (0 or
    infinity) forbids, or so small that it has to be computed anew.
    """
    for chunk in range(dot_CW.shape[0]):
        hits = np.float32(0)
        for place in range(CHUNK):
            both = norm_i + norm_CW[chunk, place]
            square = both - np.float32(2) * dot_CW[chunk, place]
            square = square if square > np.float32(0) else np.float32(0)
            dot_CW[chunk, place] = square
            limit = limit_CW[chunk, place]
            limit = limit if limit > limit_i else limit_i
            least = CANCELLATION * both
            limit = limit if limit > least else least
            foreign = foreign_limit_CW[chunk, place]
            foreign = foreign if foreign > foreign_limit_i else foreign_limit_i
            wanted = np.float32(1) if square <= limit else np.float32(0)
            hits += np.float32(1) if square + same_batch_CW[chunk, place] <= foreign else wanted
        hits_C[chunk] = hits


@njit(cache=True, nogil=True, fastmath=_FAST)
def _square_anew(a_D: np.ndarray, b_D: np.ndarray) -> np.float32:
    total = np.float32(0)
    for axis in range(len(a_D)):
        gap = a_D[axis] - b_D[axis]
        total += gap * gap
    return total


@njit(cache=True, nogil=True, fastmath=_FAST)
def _add_roots(square_J: np.ndarray, column_J: np.ndarray) -> np.float32:
    total = np.float32(0)
    for j in range(len(square_J)):
        root = np.sqrt(square_J[j])
        column_J[j] += root
        total += root
    return total


@njit(cache=True, nogil=True)
def visit_tile(
    dot_IJ: np.ndarray, first_i: int, first_j: int, n_i: int, n_j: int, cuts_i: np.ndarray, cuts_j: np.ndarray,
    cells: Cells, kept: Kept,
) -> None:  # fmt: skip
    """Use every pair of two blocks of cells once for both cells: their neighbours and their sums of distances.

    Parameters
    ----------
    dot_IJ
        Scalar products of the two blocks, J padded to whole chunks; overwritten.
    first_i, first_j
        First row of each block; equal on the diagonal, where only j > i is visited.
    n_i, n_j
        Cells in each block.
    cuts_i, cuts_j
        Ends of the runs of cells of one label and batch in each block, relative to its first row, from 0.
    """
    # One long function, and all looked up once: handing these tuples on, or taking a row of an array, counts
    # references, which threads fight for.
    x, norm, name, label, batch = cells
    near, near_cell, foreign, foreign_cell, limit, far, label_sums, own_sums = kept
    width = dot_IJ.shape[1]
    shape, diagonal = (width // CHUNK, CHUNK), first_i == first_j
    column_J, hits_C = np.zeros(width, np.float32), np.zeros(shape[0], np.float32)
    same_batch_J, padded = np.zeros(width, np.float32), slice(first_j, first_j + width)
    norm_CW, limit_CW = norm[padded].reshape(shape), limit[padded].reshape(shape)
    far_CW, same_batch_CW = far[padded].reshape(shape), same_batch_J.reshape(shape)
    for run in range(len(cuts_i) - 1):
        lead = first_i + cuts_i[run]
        label_i, batch_i = label[lead], batch[lead]
        column_J[:] = 0
        for j in range(n_j):
            same_batch_J[j] = np.inf if batch[first_j + j] == batch_i else 0
        for i in range(cuts_i[run], cuts_i[run + 1]):
            row, square_J, visible = first_i + i, dot_IJ[i], i + 1 if diagonal else 0
            _squares(
                square_J.reshape(shape), norm[row], norm_CW, limit[row], limit_CW, far[row],
                far_CW, same_batch_CW, hits_C,
            )  # fmt: skip
            for chunk in range(visible // CHUNK, shape[0]):
                if hits_C[chunk] > 0:
                    for j in range(max(chunk * CHUNK, visible), min(chunk * CHUNK + CHUNK, n_j)):
                        other = first_j + j
                        if square_J[j] <= CANCELLATION * (norm[row] + norm[other]):
                            square_J[j] = _square_anew(x[row], x[other])
                        square, is_foreign = square_J[j], same_batch_J[j] == 0
                        if square <= limit[row]:
                            limit[row] = _offer(near, near_cell, row, name[row], square, name[other])
                        if square <= limit[other]:
                            limit[other] = _offer(near, near_cell, other, name[other], square, name[row])
                        if is_foreign and square <= far[row]:
                            far[row] = _offer(foreign, foreign_cell, row, name[row], square, name[other])
                        if is_foreign and square <= far[other]:
                            far[other] = _offer(foreign, foreign_cell, other, name[other], square, name[row])
            for part in range(len(cuts_j) - 1):
                start, end = max(cuts_j[part], visible), cuts_j[part + 1]
                if start < end:
                    total = _add_roots(square_J[start:end], column_J[start:end])
                    label_j = label[first_j + start]
                    label_sums[row, label_j] += total
                    if label_i == label_j:
                        own_sums[row, batch[first_j + start]] += total
        for j in range(n_j):
            label_sums[first_j + j, label_i] += column_J[j]
            if label[first_j + j] == label_i:
                own_sums[first_j + j, batch_i] += column_J[j]
