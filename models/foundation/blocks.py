"""Tokens of cells as rows of blocks, for attention without padding.

Short cells share a block, which is multiplied as a whole; a row knows which of its columns are its own. Only the end of
a block is padding, and blocks come in few lengths: oneDNN compiles its products anew for each.

Shapes: B cells, T tokens of all of them, R rows of all blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

# Rows of a block unless a cell has more, and what the rows of a block are a multiple of.
_BLOCK, _STEP = 256, 16


@dataclass(frozen=True, slots=True)
class Blocks:
    """Where the tokens of some cells are among the rows, and which rows of its block each row looks at."""

    bounds: list[tuple[int, int]]
    """First row of each block, and the row after its last."""
    cells: slice
    tokens: slice
    row_T: np.ndarray
    start_B: np.ndarray
    """Row of each cell's first token."""
    size_B: np.ndarray
    first_R: np.ndarray
    last_R: np.ndarray
    """int64, counted from the block's first row; both zero for a row without a token."""

    @classmethod
    def of(cls, starts_B1: np.ndarray, *, causal: bool) -> Blocks:
        """Return the cells one after the other in as many blocks as it takes."""
        size_B = np.diff(starts_B1).astype(np.int64)
        start_B, bounds, first, row = np.zeros(len(size_B), np.int64), [], 0, 0
        for cell, size in enumerate(size_B.tolist()):
            if row > first and row + size - first > _BLOCK:
                row = _rounded_up(row)
                bounds.append((first, row))
                first = row
            start_B[cell] = row
            row += size
        if row > first:
            row = _rounded_up(row)
            bounds.append((first, row))
        n_tokens = int(size_B.sum())
        place_T = np.arange(n_tokens) - np.repeat(size_B.cumsum() - size_B, size_B)
        row_T = np.repeat(start_B, size_B) + place_T
        block_R = np.repeat([first for first, _ in bounds], [last - first for first, last in bounds]).astype(np.int64)
        first_R, last_R = np.zeros(row, np.int64), np.zeros(row, np.int64)
        begin_T = np.repeat(start_B, size_B) - block_R[row_T]
        first_R[row_T] = begin_T
        last_R[row_T] = begin_T + (place_T + 1 if causal else np.repeat(size_B, size_B))
        whole = slice(0, len(size_B)), slice(0, n_tokens)
        return cls(bounds, *whole, row_T, start_B, size_B, first_R, last_R)

    def pieces(self, n_rows: int) -> Iterator[Blocks]:
        """Yield the blocks in runs of at most `n_rows` rows, or of one block that has more."""
        first = 0
        while first < len(self.bounds):
            a = self.bounds[first][0]
            last = first + 1
            while last < len(self.bounds) and self.bounds[last][1] - a <= n_rows:
                last += 1
            yield self._piece(first, last)
            first = last

    def _piece(self, first: int, last: int) -> Blocks:
        a, b = self.bounds[first][0], self.bounds[last - 1][1]
        cells, tokens = (slice(*np.searchsorted(found, [a, b]).tolist()) for found in (self.start_B, self.row_T))
        return Blocks(
            [(one - a, other - a) for one, other in self.bounds[first:last]], cells, tokens, self.row_T[tokens] - a,
            self.start_B[cells] - a, self.size_B[cells], self.first_R[a:b], self.last_R[a:b],
        )  # fmt: skip


def _rounded_up(row: int) -> int:
    return -(-row // _STEP) * _STEP
