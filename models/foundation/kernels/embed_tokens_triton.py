"""`embed_tokens` on the GPU: a program a block of tokens forward; backward one pass for knots and weight, one by gene.

The gradient of the knots is a product, hat functions transposed by row gradients: no scatter, so no atomics, so the
same sum in every run. That of the table gathers each gene's tokens, sorted beforehand.

Shapes: T tokens of a block, D model width rounded up to a power of two, K knots (BK of a block).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import triton  # type: ignore[import-not-found, import-untyped, unused-ignore]
import triton.language as tl  # type: ignore[import-not-found, import-untyped, unused-ignore]

from scarena.models.foundation.kernels.dispatch import launching

if TYPE_CHECKING:
    from torch import Tensor

_PROGRAMS = 264  # two for each of the 132 multiprocessors; fixed, so that the sums do not depend on the device


@triton.jit
def _raw(
    token_T: tl.tensor, inside_T: tl.tensor, dim_D: tl.tensor, genes: tl.tensor, values: tl.tensor, table: tl.tensor,
    knots: tl.tensor, step: tl.tensor, K: tl.constexpr, D: tl.constexpr,
) -> tuple[tl.tensor, tl.tensor, tl.tensor]:  # fmt: skip
    """Return the rows before the norm, the knot below each value, and the share of the knot above it."""
    gene_T = tl.load(genes + token_T, mask=inside_T, other=0).to(tl.int64)
    # Rounded as IEEE asks, so that a value on a knot lies on it everywhere.
    at_T = tl.div_rn(tl.load(values + token_T, mask=inside_T, other=0.0), step)
    at_T = tl.minimum(tl.maximum(at_T, 0.0), K - 1.0)
    low_T = at_T.to(tl.int32)
    share_T = at_T - low_T.to(tl.float32)
    high_T = tl.minimum(low_T + 1, K - 1)
    mask_TD = inside_T[:, None] & (dim_D < D)[None, :]
    raw_TD = tl.load(table + gene_T[:, None] * D + dim_D[None, :], mask=mask_TD, other=0.0).to(tl.float32)
    low_TD = tl.load(knots + low_T[:, None] * D + dim_D[None, :], mask=mask_TD, other=0.0).to(tl.float32)
    high_TD = tl.load(knots + high_T[:, None] * D + dim_D[None, :], mask=mask_TD, other=0.0).to(tl.float32)
    return raw_TD + (1.0 - share_T)[:, None] * low_TD + share_T[:, None] * high_TD, low_T, share_T


@triton.jit
def _raw_grad(
    raw_TD: tl.tensor, token_T: tl.tensor, inside_T: tl.tensor, dim_D: tl.tensor, scales: tl.tensor,
    weight: tl.tensor, grad: tl.tensor, D: tl.constexpr,
) -> tuple[tl.tensor, tl.tensor]:  # fmt: skip
    """Return the gradient of the rows before the norm, and that of the weight before it is summed."""
    mask_TD = inside_T[:, None] & (dim_D < D)[None, :]
    at_TD = token_T.to(tl.int64)[:, None] * D + dim_D[None, :]
    grad_TD = tl.load(grad + at_TD, mask=mask_TD, other=0.0).to(tl.float32)
    scale_T = tl.load(scales + token_T, mask=inside_T, other=0.0)
    unit_TD = raw_TD * scale_T[:, None]
    weight_D = tl.load(weight + dim_D, mask=dim_D < D, other=0.0).to(tl.float32)
    inner_TD = grad_TD * weight_D[None, :]
    mean_T = tl.sum(inner_TD * unit_TD, 1) / D
    return scale_T[:, None] * (inner_TD - unit_TD * mean_T[:, None]), grad_TD * unit_TD


@triton.jit
def _forward(
    genes: tl.tensor, values: tl.tensor, table: tl.tensor, knots: tl.tensor, weight: tl.tensor, out: tl.tensor,
    scales: tl.tensor, step: tl.tensor, eps: tl.tensor, n_tokens: tl.tensor, K: tl.constexpr, D: tl.constexpr,
    BT: tl.constexpr, BD: tl.constexpr,
) -> None:  # fmt: skip
    token_T = tl.program_id(0) * BT + tl.arange(0, BT)
    dim_D = tl.arange(0, BD)
    inside_T = token_T < n_tokens
    raw_TD, _, _ = _raw(token_T, inside_T, dim_D, genes, values, table, knots, step, K, D)
    scale_T = 1.0 / tl.sqrt(tl.sum(raw_TD * raw_TD, 1) / D + eps)
    tl.store(scales + token_T, scale_T, mask=inside_T)
    weight_D = tl.load(weight + dim_D, mask=dim_D < D, other=0.0).to(tl.float32)
    x_TD = raw_TD * scale_T[:, None] * weight_D[None, :]
    at_TD = token_T.to(tl.int64)[:, None] * D + dim_D[None, :]
    tl.store(out + at_TD, x_TD, mask=inside_T[:, None] & (dim_D < D)[None, :])


@triton.jit
def _knots_and_weight(
    genes: tl.tensor, values: tl.tensor, table: tl.tensor, knots: tl.tensor, weight: tl.tensor, scales: tl.tensor,
    step: tl.tensor, grad: tl.tensor, knots_part: tl.tensor, weight_part: tl.tensor, n_tokens: tl.tensor,
    K: tl.constexpr, D: tl.constexpr, BT: tl.constexpr, BD: tl.constexpr, BK: tl.constexpr,
) -> None:  # fmt: skip
    program = tl.program_id(0)
    knot_k = tl.program_id(1) * BK + tl.arange(0, BK)
    dim_D = tl.arange(0, BD)
    knots_KD = tl.zeros([BK, BD], tl.float32)
    weight_D = tl.zeros([BD], tl.float32)
    for start in range(program * BT, n_tokens, BT * tl.num_programs(0)):
        token_T = start + tl.arange(0, BT)
        inside_T = token_T < n_tokens
        raw_TD, low_T, share_T = _raw(token_T, inside_T, dim_D, genes, values, table, knots, step, K, D)
        raw_grad_TD, weight_TD = _raw_grad(raw_TD, token_T, inside_T, dim_D, scales, weight, grad, D)
        high_T = tl.minimum(low_T + 1, K - 1)
        hat_KT = tl.where(knot_k[:, None] == low_T[None, :], 1.0 - share_T[None, :], 0.0)
        hat_KT += tl.where(knot_k[:, None] == high_T[None, :], share_T[None, :], 0.0)
        # Three products in TF32 for float32's precision: one loses ten bits of every gradient.
        knots_KD += tl.dot(hat_KT, raw_grad_TD, input_precision="tf32x3")
        weight_D += tl.sum(weight_TD, 0)
    at_KD = (program * K + knot_k).to(tl.int64)[:, None] * D + dim_D[None, :]
    tl.store(knots_part + at_KD, knots_KD, mask=(knot_k < K)[:, None] & (dim_D < D)[None, :])
    if tl.program_id(1) == 0:
        tl.store(weight_part + program * D + dim_D, weight_D, mask=dim_D < D)


@triton.jit
def _table(
    genes: tl.tensor, values: tl.tensor, table: tl.tensor, knots: tl.tensor, weight: tl.tensor, scales: tl.tensor,
    step: tl.tensor, grad: tl.tensor, order: tl.tensor, gene_starts: tl.tensor, table_grad: tl.tensor,
    K: tl.constexpr, D: tl.constexpr, BT: tl.constexpr, BD: tl.constexpr,
) -> None:  # fmt: skip
    gene = tl.program_id(0).to(tl.int64)
    dim_D = tl.arange(0, BD)
    row_D = tl.zeros([BD], tl.float32)
    last = tl.load(gene_starts + gene + 1)
    for start in range(tl.load(gene_starts + gene), last, BT):
        at_T = start + tl.arange(0, BT)
        inside_T = at_T < last
        token_T = tl.load(order + at_T, mask=inside_T, other=0)
        raw_TD, _, _ = _raw(token_T, inside_T, dim_D, genes, values, table, knots, step, K, D)
        raw_grad_TD, _ = _raw_grad(raw_TD, token_T, inside_T, dim_D, scales, weight, grad, D)
        row_D += tl.sum(raw_grad_TD, 0)
    tl.store(table_grad + gene * D + dim_D, row_D, mask=dim_D < D)


def _blocks(width: int) -> tuple[int, int]:
    """Return tokens and padded width of a block: some 8,192 elements, 64 a thread with four warps."""
    padded = max(16, triton.next_power_of_2(width))
    return max(16, 8192 // padded), padded


def forward(
    step: float, eps: float, genes_T: Tensor, values_T: Tensor, table_VD: Tensor, knots_KD: Tensor, weight_D: Tensor,
    *, tokens: int | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Return x_TD and the norm's factor of each token, float32 [T]; `tokens` a block, a power of two."""
    n_tokens, width = len(genes_T), table_VD.shape[1]
    x_TD = table_VD.new_empty(n_tokens, width)
    scale_T = torch.empty(n_tokens, dtype=torch.float32, device=table_VD.device)
    block, padded = _blocks(width)
    block = tokens or block
    if n_tokens:
        with launching(table_VD):
            _forward[(triton.cdiv(n_tokens, block),)](
                genes_T, values_T, table_VD, knots_KD, weight_D, x_TD, scale_T, step, eps, n_tokens,
                K=len(knots_KD), D=width, BT=block, BD=padded,
            )  # fmt: skip
    return x_TD, scale_T


def backward(
    step: float, grad_TD: Tensor, genes_T: Tensor, values_T: Tensor, table_VD: Tensor, knots_KD: Tensor,
    weight_D: Tensor, scale_T: Tensor, *, tokens: int | None = None, programs: int = _PROGRAMS,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Return the gradients of table, knots and weight, in their types."""
    (n_genes, width), n_knots, n_tokens = table_VD.shape, len(knots_KD), len(genes_T)
    if not n_tokens:
        return torch.zeros_like(table_VD), torch.zeros_like(knots_KD), torch.zeros_like(weight_D)
    block, padded = _blocks(width)
    block = tokens or block
    programs = min(programs, triton.cdiv(n_tokens, max(16, block // 2)))
    knots_part = torch.empty(programs, n_knots, width, dtype=torch.float32, device=grad_TD.device)
    weight_part = torch.empty(programs, width, dtype=torch.float32, device=grad_TD.device)
    table_grad = torch.empty(table_VD.shape, dtype=table_VD.dtype, device=grad_TD.device)
    sorted_T, order_T = torch.sort(genes_T, stable=True)
    bounds = torch.arange(n_genes + 1, dtype=sorted_T.dtype, device=sorted_T.device)
    gene_starts = torch.searchsorted(sorted_T, bounds)
    inputs = (genes_T, values_T, table_VD, knots_KD, weight_D, scale_T, step, grad_TD)
    # Smaller blocks than elsewhere: the sums of a block of knots stay in registers beside them.
    tokens_a_step, knots_a_block = max(16, block // 2), min(max(16, 8192 // padded), 64)
    with launching(grad_TD):
        _knots_and_weight[(programs, triton.cdiv(n_knots, knots_a_block))](
            *inputs, knots_part, weight_part, n_tokens,
            K=n_knots, D=width, BT=tokens_a_step, BD=padded, BK=knots_a_block, num_warps=8, num_stages=2,
        )  # fmt: skip
        _table[(n_genes,)](*inputs, order_T, gene_starts, table_grad, K=n_knots, D=width, BT=block, BD=padded)
    return table_grad, knots_part.sum(0).to(knots_KD.dtype), weight_part.sum(0).to(weight_D.dtype)
