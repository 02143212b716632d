"""Tokens of cells as published models read them: some of a cell's genes, and what stands before or after them.

Shapes: B cells, N counts of all of them, R of these that become tokens, T tokens.
"""

from __future__ import annotations

import numpy as np
import torch

from scarena.models.foundation.packed import Packed
from scarena.models.foundation.tokenize import Cells


def packed(ids_T: np.ndarray, values_T: np.ndarray, sizes_B: np.ndarray) -> Packed:
    """Return tokens that are cell after cell."""
    starts_B1 = np.concatenate([[0], np.cumsum(sizes_B)]).astype(np.int32)
    ids, values = ids_T.astype(np.int32), values_T.astype(np.float32)
    longest = int(sizes_B.max(initial=0))
    return Packed(torch.from_numpy(ids), torch.from_numpy(values), torch.from_numpy(starts_B1), longest)


def kept_sizes(cells: Cells, rows: np.ndarray) -> np.ndarray:
    """Return how many of the rows each cell has, int64 [B]."""
    return np.bincount(np.searchsorted(cells.starts_B1, rows, "right") - 1, minlength=len(cells))


def with_first(cells: Cells, rows: np.ndarray, values_R: np.ndarray, token: int, value: float) -> Packed:
    """Return the genes of some rows as tokens, with one token before them in each cell.

    Parameters
    ----------
    cells
        The cells.
    rows
        Which of their counts, cell after cell.
    values_R
        The value of each.
    token, value
        Of what stands before.
    """
    return between(cells.genes_N[rows], values_R, kept_sizes(cells, rows), [(token, value)], [])


def between(
    ids_R: np.ndarray, values_R: np.ndarray, sizes_B: np.ndarray, before: list[tuple[int, float]],
    after: list[tuple[int, float]],
) -> Packed:  # fmt: skip
    """Return tokens with the same ones put before and after those of every cell."""
    more = len(before) + len(after)
    sizes = sizes_B + more
    starts = np.concatenate([[0], np.cumsum(sizes)])
    ids, values = np.zeros(starts[-1], np.int64), np.zeros(starts[-1], np.float32)
    inside = np.arange(len(ids_R)) + np.repeat(np.arange(len(sizes_B)) * more + len(before), sizes_B)
    ids[inside], values[inside] = ids_R, values_R
    for place, (token, value) in enumerate(before):
        ids[starts[:-1] + place], values[starts[:-1] + place] = token, value
    for place, (token, value) in enumerate(reversed(after), 1):
        ids[starts[1:] - place], values[starts[1:] - place] = token, value
    return packed(ids, values, sizes)
