"""`pack` on the GPU: one program a cell measures it, one selects by bitwise search, one block of tokens after another
is put in order by counting.

The selection finds the least key that is kept bit by bit, then the last place kept among equals; the survivors are
closed up with a running sum. Their order comes from counting, for each, those before it: some twenty times the
exchanges of a bitonic sort at 512 tokens, but without its shuffles, without a limit on `length`, and the same on every
machine. Rows begin anywhere, so that loads are of four bytes, side by side.

Shapes: R counts read at once, I and J blocks of tokens compared with each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import triton  # type: ignore[import-not-found, import-untyped, unused-ignore]
import triton.language as tl  # type: ignore[import-not-found, import-untyped, unused-ignore]

from scarena.models.foundation.kernels.dispatch import launching
from scarena.models.foundation.packed import Packed

if TYPE_CHECKING:
    from torch import Tensor

_MODES = {"continuous": 0, "bins": 1, "rank": 2}


@triton.jit
def _read(
    at_R: tl.tensor, last: tl.tensor, genes: tl.tensor, counts: tl.tensor, remap: tl.tensor, medians: tl.tensor,
    KEYED: tl.constexpr,
) -> tuple[tl.tensor, tl.tensor, tl.tensor]:  # fmt: skip
    """Return place (−1 for what is no token), count, and the key's bits (0 for what is no token)."""
    inside_R = at_R < last
    count_R = tl.load(counts + at_R, mask=inside_R, other=0).to(tl.float32)
    gene_R = tl.load(genes + at_R, mask=inside_R, other=0)
    place_R = tl.load(remap + gene_R, mask=inside_R & (count_R > 0), other=-1)
    key_R = count_R
    if KEYED:
        # Rounded as IEEE asks: the quick division of GPUs would order near ties otherwise than the CPU does.
        key_R = tl.div_rn(count_R, tl.load(medians + place_R, mask=place_R >= 0, other=1.0))
    return place_R, count_R, tl.where(place_R >= 0, key_R.to(tl.int32, bitcast=True), 0)


@triton.jit
def _log1p(x: tl.tensor) -> tl.tensor:
    # log(1 + x) with the rounding of 1 + x taken back; the interpreter has no libdevice.
    u = 1.0 + x
    return tl.where(u == 1.0, x, tl.log(u) * x / tl.where(u == 1.0, 1.0, u - 1.0))


@triton.jit
def _measure(
    starts: tl.tensor, genes: tl.tensor, counts: tl.tensor, remap: tl.tensor, medians: tl.tensor, real_B: tl.tensor,
    depth_B: tl.tensor, BLOCK: tl.constexpr,
) -> None:  # fmt: skip
    cell = tl.program_id(0).to(tl.int64)
    first = tl.load(starts + cell)
    last = tl.load(starts + cell + 1)
    # Sums of integers are exact in float64, in whatever order.
    depth_R = tl.zeros([BLOCK], tl.float64)
    real_R = tl.zeros([BLOCK], tl.int32)
    for start in range(first, last, BLOCK):
        at_R = start + tl.arange(0, BLOCK)
        place_R, _, _ = _read(at_R, last, genes, counts, remap, medians, False)
        depth_R += tl.load(counts + at_R, mask=at_R < last, other=0).to(tl.float64)
        real_R += (place_R >= 0).to(tl.int32)
    tl.store(real_B + cell, tl.sum(real_R, 0))
    tl.store(depth_B + cell, tl.sum(depth_R, 0).to(tl.float32))


@triton.jit
def _least_key(
    first: tl.tensor, last: tl.tensor, genes: tl.tensor, counts: tl.tensor, remap: tl.tensor, medians: tl.tensor,
    KEYED: tl.constexpr, LENGTH: tl.constexpr, BLOCK: tl.constexpr,
) -> tuple[tl.tensor, tl.tensor]:  # fmt: skip
    """Return the bits of the least key kept, and how many of the tokens with it are."""
    least = 0
    for bit in range(31):
        tried = least | (1 << (30 - bit))
        reach_R = tl.zeros([BLOCK], tl.int32)
        for start in range(first, last, BLOCK):
            _, _, bits_R = _read(start + tl.arange(0, BLOCK), last, genes, counts, remap, medians, KEYED)
            reach_R += (bits_R >= tried).to(tl.int32)
        least = tl.where(tl.sum(reach_R, 0) >= LENGTH, tried, least)
    above_R = tl.zeros([BLOCK], tl.int32)
    for start in range(first, last, BLOCK):
        _, _, bits_R = _read(start + tl.arange(0, BLOCK), last, genes, counts, remap, medians, KEYED)
        above_R += (bits_R > least).to(tl.int32)
    return least, LENGTH - tl.sum(above_R, 0)


@triton.jit
def _last_place(
    first: tl.tensor, last: tl.tensor, genes: tl.tensor, counts: tl.tensor, remap: tl.tensor, medians: tl.tensor,
    least: tl.tensor, room: tl.tensor, KEYED: tl.constexpr, PLACE_BITS: tl.constexpr, BLOCK: tl.constexpr,
) -> tl.tensor:  # fmt: skip
    """Return the place up to which tokens with the least key find room."""
    bound = 0
    for bit in range(PLACE_BITS):
        tried = bound | (1 << (PLACE_BITS - 1 - bit))
        before_R = tl.zeros([BLOCK], tl.int32)
        for start in range(first, last, BLOCK):
            place_R, _, bits_R = _read(start + tl.arange(0, BLOCK), last, genes, counts, remap, medians, KEYED)
            before_R += ((bits_R == least) & (place_R < tried)).to(tl.int32)
        bound = tl.where(tl.sum(before_R, 0) < room, tried, bound)
    return bound


@triton.jit
def _select(
    starts: tl.tensor, genes: tl.tensor, counts: tl.tensor, remap: tl.tensor, medians: tl.tensor, real_B: tl.tensor,
    out_starts: tl.tensor, place_T: tl.tensor, count_T: tl.tensor, KEYED: tl.constexpr, LENGTH: tl.constexpr,
    PLACE_BITS: tl.constexpr, BLOCK: tl.constexpr,
) -> None:  # fmt: skip
    cell = tl.program_id(0).to(tl.int64)
    first = tl.load(starts + cell)
    last = tl.load(starts + cell + 1)
    least = 0
    bound = -1
    if tl.load(real_B + cell) > LENGTH:
        least, room = _least_key(first, last, genes, counts, remap, medians, KEYED, LENGTH, BLOCK)
        bound = _last_place(first, last, genes, counts, remap, medians, least, room, KEYED, PLACE_BITS, BLOCK)
    to = tl.load(out_starts + cell)
    end = tl.load(out_starts + cell + 1)
    for start in range(first, last, BLOCK):
        place_R, count_R, bits_R = _read(start + tl.arange(0, BLOCK), last, genes, counts, remap, medians, KEYED)
        kept_R = (bits_R > least) | ((bits_R == least) & (place_R >= 0) & (place_R <= bound))
        at_R = to + tl.cumsum(kept_R.to(tl.int32), 0) - 1
        tl.store(place_T + at_R, place_R, mask=kept_R & (at_R < end))
        tl.store(count_T + at_R, count_R, mask=kept_R & (at_R < end))
        to += tl.sum(kept_R.to(tl.int32), 0)


@triton.jit
def _order(
    starts: tl.tensor, genes: tl.tensor, counts: tl.tensor, remap: tl.tensor, medians: tl.tensor, real_B: tl.tensor,
    depth_B: tl.tensor, out_starts: tl.tensor, place_T: tl.tensor, count_T: tl.tensor, genes_T: tl.tensor,
    values_T: tl.tensor, blocks: tl.tensor, MODE: tl.constexpr, N_BINS: tl.constexpr, BI: tl.constexpr,
    BJ: tl.constexpr,
) -> None:  # fmt: skip
    cell = (tl.program_id(0) // blocks).to(tl.int64)
    to = tl.load(out_starts + cell)
    end = tl.load(out_starts + cell + 1)
    at_I = to + (tl.program_id(0) % blocks) * BI + tl.arange(0, BI)
    if to + (tl.program_id(0) % blocks) * BI >= end:
        return
    place_I = tl.load(place_T + at_I, mask=at_I < end, other=0)
    count_I = tl.load(count_T + at_I, mask=at_I < end, other=1.0)
    key_I = count_I
    if MODE == 2:
        key_I = tl.div_rn(count_I, tl.load(medians + place_I))
    before_I = tl.zeros([BI], tl.int32)
    for start in range(to, end, BJ):
        at_J = start + tl.arange(0, BJ)
        place_J = tl.load(place_T + at_J, mask=at_J < end, other=0)
        earlier_IJ = (place_J[None, :] < place_I[:, None]) & (at_J < end)[None, :]
        if MODE == 2:
            count_J = tl.load(count_T + at_J, mask=at_J < end, other=0.0)
            key_J = tl.div_rn(count_J, tl.load(medians + place_J))
            higher_IJ = (key_J[None, :] > key_I[:, None]) & (at_J < end)[None, :]
            earlier_IJ = higher_IJ | (earlier_IJ & (key_J[None, :] == key_I[:, None]))
        before_I += tl.sum(earlier_IJ.to(tl.int32), 1)
    value_I = before_I.to(tl.float32)
    if MODE == 0:
        # The quick division is good enough: values may differ in the last place, tokens may not.
        value_I = _log1p(count_I * (1e4 / tl.maximum(tl.load(depth_B + cell), 1.0)))
    if MODE == 1:
        up_to_I = tl.zeros([BI], tl.int32)
        last = tl.load(starts + cell + 1)
        for start in range(tl.load(starts + cell), last, BJ):
            place_J, count_J, _ = _read(start + tl.arange(0, BJ), last, genes, counts, remap, medians, False)
            up_to_I += tl.sum(((count_J[None, :] <= count_I[:, None]) & (place_J >= 0)[None, :]).to(tl.int32), 1)
        real = tl.load(real_B + cell)
        bin_I = (N_BINS - 1) * (up_to_I - 1) // tl.maximum(real - 1, 1)
        value_I = (1 + tl.where(real == 1, N_BINS - 1, bin_I)).to(tl.float32)
    tl.store(genes_T + to + before_I, place_I, mask=at_I < end)
    tl.store(values_T + to + before_I, value_I, mask=at_I < end)


def pack_triton(
    starts_B1: Tensor, genes_N: Tensor, counts_N: Tensor, remap_G: Tensor, length: int, encoding: str,
    n_bins: int = 50, medians_V: Tensor | None = None, depth_B: Tensor | None = None, *,
    block: int = 1024, pair: tuple[int, int] = (128, 64),
) -> Packed:  # fmt: skip
    """Return what `pack` does; `block` counts are read at once and `pair` tokens compared, powers of two."""
    n_cells, device, mode = len(starts_B1) - 1, counts_N.device, _MODES[encoding]
    if not len(counts_N):
        none = torch.empty(0, dtype=torch.int32, device=device)
        return Packed(none, none.float(), torch.zeros(n_cells + 1, dtype=torch.int32, device=device), 0)
    read = [x.contiguous() for x in (starts_B1, genes_N, counts_N, remap_G)]
    medians = counts_N.new_ones(1, dtype=torch.float32) if medians_V is None else medians_V.float().contiguous()
    real_B = torch.empty(n_cells, dtype=torch.int32, device=device)
    summed_B = torch.empty(n_cells, dtype=torch.float32, device=device)
    with launching(counts_N):
        _measure[(n_cells,)](*read, medians, real_B, summed_B, BLOCK=block)
        kept_B = real_B.clamp(max=length)
        out_B1 = torch.nn.functional.pad(kept_B.cumsum(0), (1, 0)).int()
        # The one read that waits for the device.
        total, longest, highest = torch.stack([out_B1[-1], kept_B.max(), remap_G.max()]).tolist()
        place_T, genes_T = (torch.empty(total, dtype=torch.int32, device=device) for _ in range(2))
        count_T, values_T = (torch.empty(total, dtype=torch.float32, device=device) for _ in range(2))
        if total:
            _select[(n_cells,)](
                *read, medians, real_B, out_B1, place_T, count_T,
                KEYED=medians_V is not None, LENGTH=length, PLACE_BITS=highest.bit_length(), BLOCK=block,
            )  # fmt: skip
            blocks = triton.cdiv(longest, pair[0])
            depth = summed_B if depth_B is None else depth_B.float().contiguous()
            _order[(n_cells * blocks,)](
                *read, medians, real_B, depth, out_B1, place_T, count_T, genes_T, values_T, blocks,
                MODE=mode, N_BINS=n_bins, BI=pair[0], BJ=pair[1],
            )  # fmt: skip
    return Packed(genes_T, values_T, out_B1, longest)
