"""The pass over all pairs of cells on an accelerator: the same result as the compiled one, up to float32 rounding.

A block of rows against a block of columns at a time: scalar products, the best of each block merged into the best so
far, and sums of distances by a product with the one-hot groups. It also runs on a CPU, which is how it is tested; there
the compiled pass is faster.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from scarena.metrics.pair_kernels import CANCELLATION, Cells, Kept

if TYPE_CHECKING:
    from torch import Tensor

_ROWS = 2048
_COLUMNS = 1 << 15
_ANEW = 1 << 28  # numbers gathered at a time for distances computed anew: 1 GB
# A key orders pairs by their squared distance, whose bits are ordered as the float32 is, and then by their draw.
_DRAW_BITS = 31


class _Columns(NamedTuple):
    """All N cells on the device, or some of them: coordinates, names and the two codes."""

    x_ND: Tensor
    name_N: Tensor
    label_N: Tensor
    batch_N: Tensor

    def part(self, start: int, size: int) -> _Columns:
        return _Columns(*(each[start : start + size] for each in self))


def visit_all(cells: Cells, kept: Kept, device: torch.device) -> None:
    """Fill `kept` from all pairs of `cells`, both as the compiled pass takes them."""
    everything = _Columns(
        *(torch.as_tensor(part, device=device) for part in (cells.x, cells.name, cells.label, cells.batch))
    )
    with _full_float32():
        for start in range(0, len(cells.x), _ROWS):
            _visit_rows(everything, start, kept)


@contextmanager
def _full_float32() -> Iterator[None]:
    # The shortened floats of the matrix units would cost the digits that ranks are made of.
    before, torch.backends.cuda.matmul.allow_tf32 = torch.backends.cuda.matmul.allow_tf32, False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def _visit_rows(everything: _Columns, first: int, kept: Kept) -> None:
    mine = everything.part(first, _ROWS)
    into, n_rows = slice(first, first + len(mine.x_ND)), len(mine.x_ND)
    near, foreign = (_Best(n_rows, heap.shape[1], mine.x_ND.device) for heap in (kept.near, kept.foreign))
    for start in range(0, len(everything.x_ND), _COLUMNS):
        others = everything.part(start, _COLUMNS)
        square_RC = _squares(mine.x_ND, others.x_ND)
        itself_RC = mine.name_N[:, None] == others.name_N
        root_RC = square_RC.sqrt().masked_fill_(itself_RC, 0)
        kept.label_sums[into] += _grouped(root_RC, others.label_N, kept.label_sums.shape[1])
        root_RC *= mine.label_N[:, None] == others.label_N
        kept.own_sums[into] += _grouped(root_RC, others.batch_N, kept.own_sums.shape[1])
        key_RC = _keys(square_RC.masked_fill_(itself_RC, torch.inf), mine.name_N, others.name_N)
        near.take(key_RC, others.name_N)
        if foreign.key_RK.shape[1]:
            same_RC = mine.batch_N[:, None] == others.batch_N
            foreign.take(key_RC.masked_fill_(same_RC, torch.iinfo(torch.int64).max), others.name_N)
    kept.near[into], kept.near_cell[into] = near.squares_and_names()
    kept.foreign[into], kept.foreign_cell[into] = foreign.squares_and_names()


class _Best:
    """The K pairs of least key in each of R rows, of those seen so far."""

    def __init__(self, n_rows: int, width: int, device: torch.device) -> None:
        self.key_RK = torch.full((n_rows, width), torch.iinfo(torch.int64).max, device=device)
        self.name_RK = torch.full((n_rows, width), -1, device=device)

    def take(self, key_RC: Tensor, name_C: Tensor) -> None:
        width = self.key_RK.shape[1]
        found = key_RC.topk(min(width, key_RC.shape[1]), dim=1, largest=False)
        key_RM = torch.cat([self.key_RK, found.values], 1)
        name_RM = torch.cat([self.name_RK, name_C[found.indices]], 1)
        self.key_RK, kept_RK = key_RM.topk(width, dim=1, largest=False)
        self.name_RK = name_RM.gather(1, kept_RK)

    def squares_and_names(self) -> tuple[np.ndarray, np.ndarray]:
        square_RK = (self.key_RK >> _DRAW_BITS).to(torch.int32).view(torch.float32)
        found_RK = self.key_RK >> _DRAW_BITS < _bits(torch.tensor(torch.inf)).item()
        square_RK, name_RK = square_RK.where(found_RK, torch.inf), self.name_RK.where(found_RK, -1)
        return square_RK.cpu().numpy(), name_RK.cpu().numpy()


def _squares(a_RD: Tensor, b_CD: Tensor) -> Tensor:
    both_RC = (a_RD**2).sum(1)[:, None] + (b_CD**2).sum(1)[None]
    square_RC = (both_RC - 2 * (a_RD @ b_CD.T)).clamp_(min=0)
    close = (square_RC <= float(CANCELLATION) * both_RC).nonzero()
    for part in close.split(max(1, _ANEW // a_RD.shape[1])):
        square_RC[part[:, 0], part[:, 1]] = ((a_RD[part[:, 0]] - b_CD[part[:, 1]]) ** 2).sum(1)
    return square_RC


def _grouped(values_RC: Tensor, group_C: Tensor, n_groups: int) -> np.ndarray:
    one_hot = torch.nn.functional.one_hot(group_C, n_groups).to(values_RC.dtype)
    return (values_RC @ one_hot).double().cpu().numpy()


def _bits(square: Tensor) -> Tensor:
    return square.view(torch.int32).to(torch.int64)


def _keys(square_RC: Tensor, name_R: Tensor, name_C: Tensor) -> Tensor:
    draw_RC = _draws(name_R[:, None], name_C[None]) >> (64 - _DRAW_BITS)
    return (_bits(square_RC) << _DRAW_BITS) + (draw_RC + (1 << _DRAW_BITS - 1))


def _draws(i: Tensor, j: Tensor) -> Tensor:
    """Return what :func:`~scarena.metrics.pair_kernels.draw` does; there is no unsigned shift here."""
    mixed = (torch.minimum(i, j) << 32) ^ torch.maximum(i, j)
    mixed = (mixed ^ ((mixed >> 30) & ((1 << 34) - 1))) * (0xBF58476D1CE4E5B9 - (1 << 64))
    mixed = (mixed ^ ((mixed >> 27) & ((1 << 37) - 1))) * (0x94D049BB133111EB - (1 << 64))
    return mixed ^ ((mixed >> 31) & ((1 << 33) - 1))
