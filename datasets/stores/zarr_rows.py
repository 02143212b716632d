"""Rows of a sparse matrix in a zarr store, one stretch after another, no chunk being decoded twice.

zarr keeps no chunk that it has decoded, and rows do not end where chunks do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from scarena.base.untrusted import reading


class _Ahead:
    """A vector on disk, read in stretches that follow each other: to the end of a chunk, and what is over is kept."""

    def __init__(self, array: Any) -> None:
        self._array, self._chunk = array, int(array.chunks[0])
        self._held = np.empty(0, array.dtype)

    def take(self, first: int, last: int) -> np.ndarray:
        """Return the values of a stretch that begins where the one before it ended."""
        from zarr.buffer.cpu import NDBuffer

        held, got = self._held, first + len(self._held)
        if last > got:
            end = min(-(-last // self._chunk) * self._chunk, self._array.shape[0])
            held = np.empty(end - first, self._array.dtype)
            held[: got - first] = self._held
            # Decoded to where it stays: a stretch is some ten million values.
            self._array.get_basic_selection(slice(got, end), out=NDBuffer.from_numpy_array(held[got - first :]))
        # A copy, since a view would keep all of the stretch.
        self._held = held[last - first :].copy()
        return held[: last - first]


def in_order(counts: Any) -> Callable[[int, int], csr_matrix]:
    """Return what gives rows first to last of a matrix on disk, asked from the first on without a gap.

    Raises
    ------
    DataError
        When a chunk cannot be decoded.
    """
    group = counts.group
    starts = group["indptr"][:].astype(np.int64)
    data, indices = _Ahead(group["data"]), _Ahead(group["indices"])
    where = f"{group.store_path}"

    def rows(first: int, last: int) -> csr_matrix:
        a, b = int(starts[first]), int(starts[last])
        with reading(where, what="a chunk cannot be decoded", fix="copy or write the store again"):
            parts = data.take(a, b), indices.take(a, b), starts[first : last + 1] - a
        return csr_matrix(parts, shape=(last - first, counts.shape[1]))

    return rows
