"""`nearest` on the GPU: a program a block of queries goes through all rows and keeps the least keys, in no order.

A key is a distance's bits above the row's number, so that keys are unique and ties go to the lower row. A block of
distances is searched again and again for each query's least key while any query finds one below its worst: of N rows in
random order C log(N / C) do, some 150 of 100,000.

Shapes: M queries and N rows of a block, D dimensions of a block, C keys kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import triton  # type: ignore[import-not-found, import-untyped, unused-ignore]
import triton.language as tl  # type: ignore[import-not-found, import-untyped, unused-ignore]

from scarena.models.foundation.kernels.dispatch import launching

if TYPE_CHECKING:
    from torch import Tensor


@triton.jit
def _squares(
    asked: tl.tensor, x: tl.tensor, asked_sq: tl.tensor, x_sq: tl.tensor, row_M: tl.tensor, col_N: tl.tensor,
    n_asked: tl.tensor, n_rows: tl.tensor, WIDTH: tl.constexpr, BD: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr,
) -> tl.tensor:  # fmt: skip
    """Return squared distances, at least zero."""
    dot_MN = tl.zeros([BM, BN], tl.float32)
    for first in range(0, WIDTH, BD):
        dim_D = first + tl.arange(0, BD)
        asked_mask = (row_M < n_asked)[:, None] & (dim_D < WIDTH)[None, :]
        x_mask = (col_N < n_rows)[:, None] & (dim_D < WIDTH)[None, :]
        asked_MD = tl.load(asked + row_M.to(tl.int64)[:, None] * WIDTH + dim_D[None, :], mask=asked_mask, other=0.0)
        x_ND = tl.load(x + col_N.to(tl.int64)[:, None] * WIDTH + dim_D[None, :], mask=x_mask, other=0.0)
        dot_MN += tl.dot(asked_MD, tl.trans(x_ND), input_precision="tf32x3")
    asked_sq_M = tl.load(asked_sq + row_M, mask=row_M < n_asked, other=0.0)
    x_sq_N = tl.load(x_sq + col_N, mask=col_N < n_rows, other=0.0)
    return tl.maximum(asked_sq_M[:, None] + x_sq_N[None, :] - 2.0 * dot_MN, 0.0)


@triton.jit
def _candidates(
    asked: tl.tensor, x: tl.tensor, asked_sq: tl.tensor, x_sq: tl.tensor, keys: tl.tensor, n_asked: tl.tensor,
    n_rows: tl.tensor, OWN: tl.constexpr, C: tl.constexpr, WIDTH: tl.constexpr, BD: tl.constexpr, BM: tl.constexpr,
    BN: tl.constexpr,
) -> None:  # fmt: skip
    row_M = tl.program_id(0) * BM + tl.arange(0, BM)
    at_C = tl.arange(0, C)
    # Above every distance, and no two alike, so that replacing one leaves the others.
    kept_MC = tl.zeros([BM, C], tl.int64) + (0x7FFFFFFFFFFFFFFF - at_C.to(tl.int64))[None, :]
    for start in range(0, n_rows, BN):
        col_N = start + tl.arange(0, BN)
        square_MN = _squares(asked, x, asked_sq, x_sq, row_M, col_N, n_asked, n_rows, WIDTH, BD, BM, BN)
        key_MN = (square_MN.to(tl.int32, bitcast=True).to(tl.int64) << 32) | col_N.to(tl.int64)[None, :]
        if OWN:
            key_MN = tl.where(row_M[:, None] == col_N[None, :], -1, key_MN)
        key_MN = tl.where((col_N < n_rows)[None, :] & (row_M < n_asked)[:, None], key_MN, 0x7FFFFFFFFFFFFFFF)
        worst_M = tl.max(kept_MC, 1)
        least_M = tl.min(key_MN, 1)
        while tl.max((least_M < worst_M).to(tl.int32), 0) > 0:
            better_M = least_M < worst_M
            replaced_MC = better_M[:, None] & (kept_MC == worst_M[:, None])
            kept_MC = tl.where(replaced_MC, least_M[:, None], kept_MC)
            key_MN = tl.where(key_MN == least_M[:, None], 0x7FFFFFFFFFFFFFFF, key_MN)
            worst_M = tl.max(kept_MC, 1)
            least_M = tl.min(key_MN, 1)
    tl.store(keys + row_M.to(tl.int64)[:, None] * C + at_C[None, :], kept_MC, mask=(row_M < n_asked)[:, None])


def candidates(
    x_ND: Tensor, asked_MD: Tensor, n: int, *, own: bool, block: tuple[int, int] = (64, 64)
) -> tuple[Tensor, Tensor]:
    """Return rows int64 [M, at least min(n, N)], and the squared distance, by the product, that all others reach.

    Parameters
    ----------
    x_ND, asked_MD
        float32, contiguous.
    n
        Candidates wanted.
    own
        Whether query i is row i, which then is a candidate whatever its distance.
    block
        Queries and rows, powers of two, at least 16 on a GPU.
    """
    (n_rows, width), n_asked = x_ND.shape, len(asked_MD)
    kept = triton.next_power_of_2(min(n, max(1, n_rows)))
    if n_rows <= kept:
        every = torch.arange(n_rows, device=x_ND.device).expand(n_asked, n_rows)
        return every, torch.full((n_asked,), torch.inf, device=x_ND.device)
    # Without the mean: the rounding of the product grows with the distance from the origin.
    mean_D = x_ND.mean(0)
    x_ND, asked_MD = x_ND - mean_D, asked_MD - mean_D
    keys_MC = torch.empty(n_asked, kept, dtype=torch.int64, device=x_ND.device)
    if n_asked:
        with launching(x_ND):
            _candidates[(triton.cdiv(n_asked, block[0]),)](
                asked_MD, x_ND, asked_MD.square().sum(1), x_ND.square().sum(1), keys_MC, n_asked, n_rows, OWN=own,
                C=kept, WIDTH=width, BD=min(64, max(16, triton.next_power_of_2(width))), BM=block[0], BN=block[1],
                num_warps=4 if kept <= 32 else 8,
            )  # fmt: skip
    reach_M = (keys_MC.max(dim=1).values >> 32).to(torch.int32).view(torch.float32)
    rows_MC = keys_MC & 0xFFFFFFFF
    if own:
        rows_MC = torch.where(keys_MC == -1, torch.arange(n_asked, device=x_ND.device)[:, None], rows_MC)
    return rows_MC, reach_M
