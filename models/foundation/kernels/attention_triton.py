"""`varlen_attention` on the GPU: scores in blocks with a running softmax, and their recomputation backward.

A program takes a block of a cell's queries (or, for the gradients of keys and values, of its keys) and one head, and
goes through the other side; the logarithm of the softmax's sum (base 2) is kept for backward. No atomics: the gradients
are the same in every run. Under a generative mask the loops end at the known tokens, and a token's own key is added by
itself.

Block sizes are fixed rather than autotuned: an autotuner chooses by the clock, so that two runs could round
differently.

Shapes: M queries and N keys of a block, K head width rounded up to a power of two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import triton  # type: ignore[import-not-found, import-untyped, unused-ignore]
import triton.language as tl  # type: ignore[import-not-found, import-untyped, unused-ignore]

from scarena.models.foundation.kernels.dispatch import launching

if TYPE_CHECKING:
    from torch import Tensor

_LOG2_E = 1.4426950408889634


@dataclass(frozen=True, slots=True)
class Ragged:
    """Which tokens belong together and see each other."""

    q_starts: Tensor
    k_starts: Tensor
    longest_q: int
    longest_k: int
    mode: int
    """0 full, 1 causal, 2 generative."""
    known: Tensor
    """Integer [B]; read only if generative."""


@triton.jit
def _rows(
    x: tl.tensor, at: tl.tensor, mine: tl.tensor, stride: tl.tensor, head: tl.tensor, head_stride: tl.tensor,
    D: tl.constexpr, BK: tl.constexpr,
) -> tl.tensor:  # fmt: skip
    """Return rows `at` of one head, zero where they are not `mine`."""
    dim_K = tl.arange(0, BK)
    where = at.to(tl.int64)[:, None] * stride + head * head_stride + dim_K[None, :]
    return tl.load(x + where, mask=mine[:, None] & (dim_K < D)[None, :], other=0.0)


@triton.jit
def _put(
    x: tl.tensor, rows: tl.tensor, at: tl.tensor, mine: tl.tensor, head: tl.tensor, heads: tl.tensor,
    D: tl.constexpr, BK: tl.constexpr,
) -> None:  # fmt: skip
    dim_K = tl.arange(0, BK)
    where = (at.to(tl.int64) * heads + head)[:, None] * D + dim_K[None, :]
    tl.store(x + where, rows, mask=mine[:, None] & (dim_K < D)[None, :])


@triton.jit
def _forward(
    q: tl.tensor, k: tl.tensor, v: tl.tensor, o: tl.tensor, lse: tl.tensor, q_starts: tl.tensor, k_starts: tl.tensor,
    known: tl.tensor, scale: tl.tensor, blocks: tl.tensor, heads: tl.tensor, n_queries: tl.tensor, q_t: tl.tensor,
    q_h: tl.tensor, k_t: tl.tensor, k_h: tl.tensor, v_t: tl.tensor, v_h: tl.tensor, MODE: tl.constexpr,
    D: tl.constexpr, BK: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, PRECISION: tl.constexpr,
) -> None:  # fmt: skip
    cell, block, head = tl.program_id(0) // blocks, tl.program_id(0) % blocks, tl.program_id(1)
    q_first = tl.load(q_starts + cell)
    n_q = tl.load(q_starts + cell + 1) - q_first
    if block * BM >= n_q:
        return
    k_first = tl.load(k_starts + cell)
    end = tl.load(k_starts + cell + 1) - k_first
    row_M = block * BM + tl.arange(0, BM)
    q_MK = _rows(q, q_first + row_M, row_M < n_q, q_t, head, q_h, D, BK)
    if MODE == 1:
        end = tl.minimum(end, (block + 1) * BM)
    if MODE == 2:
        end = tl.load(known + cell).to(tl.int32)
    top_M = tl.full([BM], -float("inf"), tl.float32)
    sum_M = tl.zeros([BM], tl.float32)
    o_MK = tl.zeros([BM, BK], tl.float32)
    for start in range(0, end, BN):
        col_N = start + tl.arange(0, BN)
        k_NK = _rows(k, k_first + col_N, col_N < end, k_t, head, k_h, D, BK)
        v_NK = _rows(v, k_first + col_N, col_N < end, v_t, head, v_h, D, BK)
        seen_MN = (col_N < end)[None, :]
        if MODE == 1:
            seen_MN = seen_MN & (col_N[None, :] <= row_M[:, None])
        s_MN = tl.where(seen_MN, tl.dot(q_MK, tl.trans(k_NK), input_precision=PRECISION) * scale, -float("inf"))
        new_M = tl.maximum(top_M, tl.max(s_MN, 1))
        # Nothing seen yet: a difference of infinities would be NaN.
        safe_M = tl.where(new_M == -float("inf"), 0.0, new_M)
        p_MN = tl.exp2(s_MN - safe_M[:, None])
        shrink_M = tl.exp2(top_M - safe_M)
        sum_M = sum_M * shrink_M + tl.sum(p_MN, 1)
        o_MK = o_MK * shrink_M[:, None] + tl.dot(p_MN.to(v_NK.dtype), v_NK, input_precision=PRECISION)
        top_M = new_M
    if MODE == 2:
        own_M = (row_M >= end) & (row_M < n_q)
        k_MK = _rows(k, k_first + row_M, own_M, k_t, head, k_h, D, BK).to(tl.float32)
        v_MK = _rows(v, k_first + row_M, own_M, v_t, head, v_h, D, BK).to(tl.float32)
        s_M = tl.where(own_M, tl.sum(q_MK.to(tl.float32) * k_MK, 1) * scale, -float("inf"))
        new_M = tl.maximum(top_M, s_M)
        safe_M = tl.where(new_M == -float("inf"), 0.0, new_M)
        shrink_M = tl.exp2(top_M - safe_M)
        p_M = tl.exp2(s_M - safe_M)
        sum_M = sum_M * shrink_M + p_M
        o_MK = o_MK * shrink_M[:, None] + p_M[:, None] * v_MK
        top_M = new_M
    some_M = sum_M > 0
    o_MK = o_MK / tl.where(some_M, sum_M, 1.0)[:, None]
    lse_M = tl.where(some_M, tl.where(some_M, top_M, 0.0) + tl.log2(tl.where(some_M, sum_M, 1.0)), 0.0)
    _put(o, o_MK, q_first + row_M, row_M < n_q, head, heads, D, BK)
    tl.store(lse + head.to(tl.int64) * n_queries + q_first + row_M, lse_M, mask=row_M < n_q)


@triton.jit
def _grad_q(
    q: tl.tensor, k: tl.tensor, v: tl.tensor, do: tl.tensor, lse: tl.tensor, delta: tl.tensor, dq: tl.tensor,
    q_starts: tl.tensor, k_starts: tl.tensor, known: tl.tensor, scale: tl.tensor, natural: tl.tensor,
    blocks: tl.tensor, heads: tl.tensor, n_queries: tl.tensor, q_t: tl.tensor, q_h: tl.tensor, k_t: tl.tensor,
    k_h: tl.tensor, v_t: tl.tensor, v_h: tl.tensor, MODE: tl.constexpr, D: tl.constexpr, BK: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, PRECISION: tl.constexpr,
) -> None:  # fmt: skip
    cell, block, head = tl.program_id(0) // blocks, tl.program_id(0) % blocks, tl.program_id(1)
    q_first = tl.load(q_starts + cell)
    n_q = tl.load(q_starts + cell + 1) - q_first
    if block * BM >= n_q:
        return
    k_first = tl.load(k_starts + cell)
    end = tl.load(k_starts + cell + 1) - k_first
    row_M = block * BM + tl.arange(0, BM)
    mine_M = row_M < n_q
    q_MK = _rows(q, q_first + row_M, mine_M, q_t, head, q_h, D, BK)
    do_MK = _rows(do, q_first + row_M, mine_M, heads * D, head, D, D, BK)
    at_M = head.to(tl.int64) * n_queries + q_first + row_M
    lse_M = tl.load(lse + at_M, mask=mine_M, other=0.0)
    delta_M = tl.load(delta + at_M, mask=mine_M, other=0.0)
    if MODE == 1:
        end = tl.minimum(end, (block + 1) * BM)
    if MODE == 2:
        end = tl.load(known + cell).to(tl.int32)
    dq_MK = tl.zeros([BM, BK], tl.float32)
    for start in range(0, end, BN):
        col_N = start + tl.arange(0, BN)
        k_NK = _rows(k, k_first + col_N, col_N < end, k_t, head, k_h, D, BK)
        v_NK = _rows(v, k_first + col_N, col_N < end, v_t, head, v_h, D, BK)
        seen_MN = mine_M[:, None] & (col_N < end)[None, :]
        if MODE == 1:
            seen_MN = seen_MN & (col_N[None, :] <= row_M[:, None])
        s_MN = tl.dot(q_MK, tl.trans(k_NK), input_precision=PRECISION) * scale
        p_MN = tl.exp2(tl.where(seen_MN, s_MN - lse_M[:, None], -float("inf")))
        dp_MN = tl.dot(do_MK, tl.trans(v_NK), input_precision=PRECISION)
        ds_MN = p_MN * (dp_MN - delta_M[:, None])
        dq_MK += tl.dot(ds_MN.to(k_NK.dtype), k_NK, input_precision=PRECISION)
    if MODE == 2:
        own_M = (row_M >= end) & mine_M
        k_MK = _rows(k, k_first + row_M, own_M, k_t, head, k_h, D, BK).to(tl.float32)
        v_MK = _rows(v, k_first + row_M, own_M, v_t, head, v_h, D, BK).to(tl.float32)
        s_M = tl.sum(q_MK.to(tl.float32) * k_MK, 1) * scale
        p_M = tl.exp2(tl.where(own_M, s_M - lse_M, -float("inf")))
        ds_M = p_M * (tl.sum(do_MK.to(tl.float32) * v_MK, 1) - delta_M)
        dq_MK += ds_M[:, None] * k_MK
    _put(dq, dq_MK * natural, q_first + row_M, mine_M, head, heads, D, BK)


@triton.jit
def _grad_kv(
    q: tl.tensor, k: tl.tensor, v: tl.tensor, do: tl.tensor, lse: tl.tensor, delta: tl.tensor, dk: tl.tensor,
    dv: tl.tensor, q_starts: tl.tensor, k_starts: tl.tensor, known: tl.tensor, scale: tl.tensor, natural: tl.tensor,
    blocks: tl.tensor, heads: tl.tensor, n_queries: tl.tensor, q_t: tl.tensor, q_h: tl.tensor, k_t: tl.tensor,
    k_h: tl.tensor, v_t: tl.tensor, v_h: tl.tensor, MODE: tl.constexpr, D: tl.constexpr, BK: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, PRECISION: tl.constexpr,
) -> None:  # fmt: skip
    cell, block, head = tl.program_id(0) // blocks, tl.program_id(0) % blocks, tl.program_id(1)
    k_first = tl.load(k_starts + cell)
    n_k = tl.load(k_starts + cell + 1) - k_first
    if block * BN >= n_k:
        return
    q_first = tl.load(q_starts + cell)
    n_q = tl.load(q_starts + cell + 1) - q_first
    col_N = block * BN + tl.arange(0, BN)
    mine_N = col_N < n_k
    k_NK = _rows(k, k_first + col_N, mine_N, k_t, head, k_h, D, BK)
    v_NK = _rows(v, k_first + col_N, mine_N, v_t, head, v_h, D, BK)
    dk_NK = tl.zeros([BN, BK], tl.float32)
    dv_NK = tl.zeros([BN, BK], tl.float32)
    begin, end, shared = 0, n_q, n_k
    if MODE == 1:
        begin = block * BN // BM * BM
    if MODE == 2:
        shared = tl.load(known + cell).to(tl.int32)
        end = tl.where(block * BN < shared, n_q, 0)
    for start in range(begin, end, BM):
        row_M = start + tl.arange(0, BM)
        mine_M = row_M < n_q
        q_MK = _rows(q, q_first + row_M, mine_M, q_t, head, q_h, D, BK)
        do_MK = _rows(do, q_first + row_M, mine_M, heads * D, head, D, D, BK)
        at_M = head.to(tl.int64) * n_queries + q_first + row_M
        lse_M = tl.load(lse + at_M, mask=mine_M, other=0.0)
        delta_M = tl.load(delta + at_M, mask=mine_M, other=0.0)
        seen_MN = mine_M[:, None] & (col_N < shared)[None, :]
        if MODE == 1:
            seen_MN = seen_MN & (col_N[None, :] <= row_M[:, None])
        s_MN = tl.dot(q_MK, tl.trans(k_NK), input_precision=PRECISION) * scale
        p_MN = tl.exp2(tl.where(seen_MN, s_MN - lse_M[:, None], -float("inf")))
        dv_NK += tl.dot(tl.trans(p_MN).to(do_MK.dtype), do_MK, input_precision=PRECISION)
        dp_MN = tl.dot(do_MK, tl.trans(v_NK), input_precision=PRECISION)
        ds_MN = p_MN * (dp_MN - delta_M[:, None])
        dk_NK += tl.dot(tl.trans(ds_MN).to(q_MK.dtype), q_MK, input_precision=PRECISION)
    if MODE == 2:
        own_N = (col_N >= shared) & mine_N
        q_NK = _rows(q, q_first + col_N, own_N, q_t, head, q_h, D, BK).to(tl.float32)
        do_NK = _rows(do, q_first + col_N, own_N, heads * D, head, D, D, BK).to(tl.float32)
        at_N = head.to(tl.int64) * n_queries + q_first + col_N
        s_N = tl.sum(q_NK * k_NK.to(tl.float32), 1) * scale - tl.load(lse + at_N, mask=own_N, other=0.0)
        p_N = tl.exp2(tl.where(own_N, s_N, -float("inf")))
        dp_N = tl.sum(do_NK * v_NK.to(tl.float32), 1) - tl.load(delta + at_N, mask=own_N, other=0.0)
        dv_NK += p_N[:, None] * do_NK
        dk_NK += (p_N * dp_N)[:, None] * q_NK
    _put(dk, dk_NK * natural, k_first + col_N, mine_N, head, heads, D, BK)
    _put(dv, dv_NK, k_first + col_N, mine_N, head, heads, D, BK)


# Queries and keys of a block, warps and pipeline stages by (32 bits, head width above 64, backward): the largest that
# ptxas fits into the registers of sm_90 without spilling to speak of. Which are the fastest is not measured yet.
_BLOCKS = {
    (False, False, False): (128, 64, 8, 3), (False, False, True): (64, 64, 4, 3),
    (False, True, False): (128, 64, 8, 3), (False, True, True): (64, 64, 8, 3),
    (True, False, False): (64, 32, 4, 3), (True, False, True): (32, 32, 8, 1),
    (True, True, False): (32, 32, 8, 2), (True, True, True): (16, 32, 8, 1),
}  # fmt: skip


def options(q_THK: Tensor, mode: int, block: tuple[int, int] | None, *, backward: bool) -> dict[str, Any]:
    """Return the compile-time arguments of a launch; `block` replaces the queries and keys of a block."""
    width, single = q_THK.shape[2], q_THK.dtype == torch.float32
    rows, cols, warps, stages = _BLOCKS[single, width > 64, backward]
    rows, cols = block or (rows, cols)
    # In float32 three products in TF32: one would give up ten bits, plain float32 the tensor cores.
    shape = {"MODE": mode, "D": width, "BK": max(16, triton.next_power_of_2(width)), "BM": rows, "BN": cols}
    return {**shape, "PRECISION": "tf32x3" if single else "tf32", "num_warps": warps, "num_stages": stages}


def _dense(x: Tensor) -> Tensor:
    return x if x.stride(2) == 1 else x.contiguous()


def forward(
    q_THK: Tensor, k_SHK: Tensor, v_SHK: Tensor, ragged: Ragged, *, block: tuple[int, int] | None = None
) -> tuple[Tensor, Tensor]:
    """Return o_THK and the base-2 logarithm of each softmax's sum, float32 [H, T]; `block` is (M, N)."""
    q_THK, k_SHK, v_SHK = _dense(q_THK), _dense(k_SHK), _dense(v_SHK)
    (n_queries, heads, width), n_cells = q_THK.shape, len(ragged.q_starts) - 1
    o_THK = torch.empty(q_THK.shape, dtype=q_THK.dtype, device=q_THK.device)
    lse_HT = torch.empty(heads, n_queries, dtype=torch.float32, device=q_THK.device)
    chosen = options(q_THK, ragged.mode, block, backward=False)
    blocks = triton.cdiv(ragged.longest_q, chosen["BM"])
    if blocks and n_cells:
        with launching(q_THK):
            _forward[(n_cells * blocks, heads)](
                q_THK, k_SHK, v_SHK, o_THK, lse_HT, ragged.q_starts, ragged.k_starts, ragged.known,
                _LOG2_E / width**0.5, blocks, heads, n_queries,
                *q_THK.stride()[:2], *k_SHK.stride()[:2], *v_SHK.stride()[:2],
                **chosen,
            )  # fmt: skip
    return o_THK, lse_HT


def backward(
    do_THK: Tensor, ragged: Ragged, q_THK: Tensor, k_SHK: Tensor, v_SHK: Tensor, o_THK: Tensor, lse_HT: Tensor,
    *, block: tuple[int, int] | None = None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Return the gradients of queries, keys and values."""
    q_THK, k_SHK, v_SHK, do_THK = _dense(q_THK), _dense(k_SHK), _dense(v_SHK), do_THK.contiguous()
    (n_queries, heads, width), n_cells = q_THK.shape, len(ragged.q_starts) - 1
    dq, dk, dv = (torch.zeros(x.shape, dtype=x.dtype, device=x.device) for x in (q_THK, k_SHK, v_SHK))
    delta_HT = (do_THK.float() * o_THK.float()).sum(-1).T.contiguous()
    read = (q_THK, k_SHK, v_SHK, do_THK, lse_HT, delta_HT)
    cells = (ragged.q_starts, ragged.k_starts, ragged.known, _LOG2_E / width**0.5, width**-0.5)
    strides = (*q_THK.stride()[:2], *k_SHK.stride()[:2], *v_SHK.stride()[:2])
    chosen = options(q_THK, ragged.mode, block, backward=True)
    blocks_q, blocks_k = triton.cdiv(ragged.longest_q, chosen["BM"]), triton.cdiv(ragged.longest_k, chosen["BN"])
    if blocks_q and blocks_k and n_cells:
        with launching(q_THK):
            _grad_q[(n_cells * blocks_q, heads)](*read, dq, *cells, blocks_q, heads, n_queries, *strides, **chosen)
            _grad_kv[(n_cells * blocks_k, heads)](*read, dk, dv, *cells, blocks_k, heads, n_queries, *strides, **chosen)
    return dq, dk, dv
