"""`pack` on the CPU: one pass over a cell's counts and a radix sort of them where one is needed.

Shapes: B cells, N stored counts, G genes of the dataset, V genes of the vocabulary, T tokens; R the longest row.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numba import njit

from scarena.models.foundation.packed import Packed

if TYPE_CHECKING:
    from torch import Tensor

_CONTINUOUS, _BINS, _RANK = 0, 1, 2
_MODES = {"continuous": _CONTINUOUS, "bins": _BINS, "rank": _RANK}
_DIGIT = 11  # bits of a pass of the radix sort: its 2,048 counters stay in L1
_SMALL = 64  # counts below this take log1p once a cell
_CELLS = 512  # a thread's portion: milliseconds


@njit(cache=True, nogil=True)
def _radix(key_R: np.ndarray, item_R: np.ndarray, other_key_R: np.ndarray, other_R: np.ndarray, n: int) -> None:
    """Sort the first n keys and their items by key, ascending and stable; passes in which all agree are skipped."""
    found = np.zeros(1 << _DIGIT, np.int32)
    key, item, key_to, item_to = key_R, item_R, other_key_R, other_R
    swapped = False
    for shift in range(0, 32, _DIGIT):
        found[:] = 0
        for i in range(n):
            found[(key[i] >> np.uint32(shift)) & np.uint32((1 << _DIGIT) - 1)] += 1
        if found[(key[0] >> np.uint32(shift)) & np.uint32((1 << _DIGIT) - 1)] == n:
            continue
        total = 0
        for digit in range(1 << _DIGIT):
            here = found[digit]
            found[digit] = total
            total += here
        for i in range(n):
            digit = (key[i] >> np.uint32(shift)) & np.uint32((1 << _DIGIT) - 1)
            key_to[found[digit]], item_to[found[digit]] = key[i], item[i]
            found[digit] += 1
        key, item, key_to, item_to, swapped = key_to, item_to, key, item, not swapped
    if swapped:
        key_to[:n], item_to[:n] = key[:n], item[:n]


@njit(cache=True, nogil=True)
def _gather(
    first: int, last: int, genes_N: np.ndarray, counts_N: np.ndarray, remap_G: np.ndarray,
    place_R: np.ndarray, count_R: np.ndarray,
) -> tuple[int, bool, float]:  # fmt: skip
    """Fill the cell's tokens in stored order; return how many, whether their places ascend, and the cell's depth."""
    n, ascending, before, depth = 0, True, -1, 0.0
    for i in range(first, last):
        count = counts_N[i]
        depth += count
        place = remap_G[genes_N[i]]
        if count > 0 and place >= 0:
            place_R[n], count_R[n] = place, count
            ascending &= place > before
            before = place
            n += 1
    return n, ascending, depth


@njit(cache=True, nogil=True)
def _by_place(n: int, place_R: np.ndarray, count_R: np.ndarray, scratch: tuple[Any, ...]) -> None:
    key_R, item_R, other_key_R, other_R, value_R = scratch
    for i in range(n):
        key_R[i], item_R[i] = place_R[i], i
    _radix(key_R, item_R, other_key_R, other_R, n)
    value_R[:n] = count_R[:n]
    for i in range(n):
        place_R[i], count_R[i] = key_R[i], value_R[item_R[i]]


@njit(cache=True, nogil=True)
def _by_key(n: int, key_of_R: np.ndarray, scratch: tuple[Any, ...]) -> None:
    """Leave in the scratch items the order of descending keys, ties in the order they have."""
    key_R, item_R, other_key_R, other_R, _ = scratch
    # Positive floats are ordered as their bits; the complement turns the order round.
    bits_R = key_of_R.view(np.uint32)
    for i in range(n):
        key_R[i], item_R[i] = ~bits_R[i], i
    _radix(key_R, item_R, other_key_R, other_R, n)


@njit(cache=True, nogil=True)
def _least(n: int, length: int, key_of_R: np.ndarray, scratch: tuple[Any, ...]) -> tuple[int, int]:
    """Return the bits of the length-th highest of n > length keys, and how many of the keys equal to it are kept."""
    found = np.zeros(1 << _DIGIT, np.int32)
    alive_R, bits_R, room = scratch[0], key_of_R.view(np.uint32), length
    alive_R[:n] = bits_R[:n]
    # 32 bits in three digits of 11: bit 10 is read twice.
    for shift in (2 * _DIGIT - 1, _DIGIT - 1, 0):
        found[:] = 0
        for i in range(n):
            found[(alive_R[i] >> np.uint32(shift)) & np.uint32((1 << _DIGIT) - 1)] += 1
        digit = (1 << _DIGIT) - 1
        while found[digit] < room:
            room -= found[digit]
            digit -= 1
        if found[digit] == n:
            continue
        m = 0
        for i in range(n):
            alive_R[m] = alive_R[i]
            m += (alive_R[i] >> np.uint32(shift)) & np.uint32((1 << _DIGIT) - 1) == digit
        n = m
        # Most often they are the genes counted once.
        differ = np.uint32(0)
        for i in range(n):
            differ |= alive_R[i] ^ alive_R[0]
        if differ == 0:
            break
    return int(alive_R[0]), room


@njit(cache=True, nogil=True)
def _keep(
    n: int, least: int, room: int, key_of_R: np.ndarray, place_R: np.ndarray, count_R: np.ndarray, value_R: np.ndarray
) -> None:  # fmt: skip
    """Close up, in their order, the tokens above the least key and the first `room` of those that equal it."""
    bits_R, m = key_of_R.view(np.uint32), 0
    for i in range(n):
        bits = bits_R[i]
        place_R[m], count_R[m], value_R[m] = place_R[i], count_R[i], value_R[i]
        equal = bits == least
        m += (bits > least) | (equal & (room > 0))
        room -= equal


@njit(cache=True, nogil=True)
def _bin(n: int, count_R: np.ndarray, item_R: np.ndarray, value_R: np.ndarray, n_bins: int) -> None:
    """Fill each token's bin, from the order of descending counts."""
    bin_ = float(n_bins)
    for rank in range(n):
        if n > 1 and (rank == 0 or count_R[item_R[rank]] != count_R[item_R[rank - 1]]):
            bin_ = 1.0 + (n_bins - 1) * (n - 1 - rank) // (n - 1)
        value_R[item_R[rank]] = bin_


@njit(cache=True, nogil=True)
def _logarithms(n: int, count_R: np.ndarray, value_R: np.ndarray, depth: float) -> None:
    known = np.full(_SMALL, np.float32(-1))
    scale = np.float32(1e4) / max(np.float32(depth), np.float32(1))
    for i in range(n):
        whole = int(min(count_R[i], np.float32(_SMALL)))
        if whole < _SMALL and count_R[i] == whole:
            if known[whole] < 0:
                known[whole] = np.log1p(count_R[i] * scale)
            value_R[i] = known[whole]
        else:
            value_R[i] = np.log1p(count_R[i] * scale)


@njit(cache=True, nogil=True)
def _pack(
    cells: tuple[int, int], starts_B1: np.ndarray, genes_N: np.ndarray, counts_N: np.ndarray, remap_G: np.ndarray,
    length: int, mode: int, n_bins: int, medians_V: np.ndarray, depth_B: np.ndarray,
    room_B1: np.ndarray, genes_T: np.ndarray, values_T: np.ndarray, kept_B: np.ndarray,
) -> None:  # fmt: skip
    """Write the tokens of cells[0] … cells[1] − 1 where there is room for the most they can be."""
    longest = 1
    for cell in range(cells[0], cells[1]):
        longest = max(longest, starts_B1[cell + 1] - starts_B1[cell])
    place_R, count_R, value_R = (
        np.empty(longest, np.int32),
        np.empty(longest, np.float32),
        np.empty(longest, np.float32),
    )
    weighted_R = np.empty(longest if len(medians_V) else 0, np.float32)
    key_R, item_R = np.empty(longest, np.uint32), np.empty(longest, np.int32)
    scratch = (key_R, item_R, np.empty(longest, np.uint32), np.empty(longest, np.int32), value_R)
    for cell in range(cells[0], cells[1]):
        first, last, at = starts_B1[cell], starts_B1[cell + 1], room_B1[cell]
        n, ascending, depth = _gather(first, last, genes_N, counts_N, remap_G, place_R, count_R)
        kept = min(n, length)
        kept_B[cell] = kept
        if n == 0:
            continue
        if not ascending:
            _by_place(n, place_R, count_R, scratch)
        key_of_R = count_R
        if len(medians_V) and (mode == _RANK or n > length):
            key_of_R = weighted_R
            for i in range(n):
                key_of_R[i] = count_R[i] / medians_V[place_R[i]]
        if mode == _RANK:
            _by_key(n, key_of_R, scratch)
            for i in range(kept):
                genes_T[at + i], values_T[at + i] = place_R[item_R[i]], i
            continue
        if mode == _BINS:
            _by_key(n, count_R, scratch)
            _bin(n, count_R, item_R, value_R, n_bins)
        if n > length:
            least, room = _least(n, length, key_of_R, scratch)
            _keep(n, least, room, key_of_R, place_R, count_R, value_R)
        if mode == _CONTINUOUS:
            _logarithms(kept, count_R, value_R, depth_B[cell] if len(depth_B) else depth)
        genes_T[at : at + kept], values_T[at : at + kept] = place_R[:kept], value_R[:kept]


@njit(cache=True, nogil=True)
def _close_up(
    room_B1: np.ndarray, out_B1: np.ndarray, genes_T: np.ndarray, values_T: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the tokens without the room that cells did not need."""
    genes, values = np.empty(out_B1[-1], np.int32), np.empty(out_B1[-1], np.float32)
    for cell in range(len(out_B1) - 1):
        first, last, at = out_B1[cell], out_B1[cell + 1], room_B1[cell]
        genes[first:last], values[first:last] = genes_T[at : at + last - first], values_T[at : at + last - first]
    return genes, values


def pack_numba(
    starts_B1: Tensor, genes_N: Tensor, counts_N: Tensor, remap_G: Tensor, length: int, encoding: str,
    n_bins: int = 50, medians_V: Tensor | None = None, depth_B: Tensor | None = None,
) -> Packed:  # fmt: skip
    """Return what `pack` does, in as many threads as torch has; the result does not depend on how many."""
    starts, none = starts_B1.numpy(), np.empty(0, np.float32)
    n_cells = len(starts) - 1
    room = np.concatenate([[0], np.minimum(np.diff(starts), length).cumsum()])
    genes, values, kept = np.empty(room[-1], np.int32), np.empty(room[-1], np.float32), np.empty(n_cells, np.int64)
    medians, depth = (none if x is None else x.float().contiguous().numpy() for x in (medians_V, depth_B))
    stored, counts, remap = (x.contiguous().numpy() for x in (genes_N, counts_N, remap_G))

    def work(first: int) -> None:
        cells = (first, min(first + _CELLS, n_cells))
        _pack(
            cells, starts, stored, counts, remap, length, _MODES[encoding], n_bins, medians, depth, room, genes, values,
            kept,
        )  # fmt: skip

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for _ in pool.map(work, range(0, n_cells, _CELLS)):
            pass
    out = np.concatenate([[0], kept.cumsum()])
    if out[-1] < room[-1]:
        genes, values = _close_up(room, out, genes, values)
    longest = int(kept.max(initial=0))
    return Packed(torch.from_numpy(genes), torch.from_numpy(values), torch.from_numpy(out.astype(np.int32)), longest)
