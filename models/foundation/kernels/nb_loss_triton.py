"""`nb_loss` on the GPU: a program a cell for the loss and its gradients to the cell and to each target's logit; then a
program a gene for the sums over its targets, sorted beforehand: no atomics, the same sums in every run.

log NB is taken apart as Loader does for the binomial, into Stirling errors and a deviance, because in float32 the
logarithms of gamma functions cancel: at a count of 10,000 they would leave an error of 0.01. Logarithms and Stirling
series are written out, so that the interpreter and the GPU compute the same.

Shapes: T targets of a block, E width of the gene table rounded up to a power of two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import triton  # type: ignore[import-not-found, import-untyped, unused-ignore]
import triton.language as tl  # type: ignore[import-not-found, import-untyped, unused-ignore]

from scarena.models.foundation.kernels.dispatch import launching
from scarena.models.foundation.kernels.nb_bounds import HIGHEST, LOWEST

if TYPE_CHECKING:
    from torch import Tensor


@triton.jit
def log1p(x: tl.tensor) -> tl.tensor:
    """Return log(1 + x) for x > −1: the logarithm of the rounded sum, corrected for its rounding."""
    u = 1.0 + x
    near = u == 1.0
    return tl.where(near, x, tl.log(u) * x / tl.where(near, 1.0, u - 1.0))


@triton.jit
def stirling_error(x: tl.tensor) -> tl.tensor:
    """Return lgamma(x + 1) − ((x + ½) log x − x + ½ log 2π) for x > 0; below 4 from x + 4 by the recurrence."""
    y = tl.where(x < 4.0, x + 4.0, x)
    w = 1.0 / (y * y)
    far = (1.0 / 12 - w * (1.0 / 360 - w * (1.0 / 1260 - w * (1.0 / 1680 - w / 1188)))) / y
    product = (x + 1.0) * (x + 2.0) * (x + 3.0) * (x + 4.0)
    near = far + (y + 0.5) * tl.log(y) - 4.0 - tl.log(tl.where(x < 4.0, product, 1.0)) - (x + 0.5) * tl.log(x)
    return tl.where(x < 4.0, near, far)


@triton.jit
def log_minus_digamma(x: tl.tensor) -> tl.tensor:
    """Return log x − ψ(x) for x > 0; below 4 from x + 4 by the recurrence."""
    y = tl.where(x < 4.0, x + 4.0, x)
    w = 1.0 / (y * y)
    far = 0.5 / y + w * (1.0 / 12 - w * (1.0 / 120 - w * (1.0 / 252 - w * (1.0 / 240 - w / 132))))
    steps = 1.0 / x + 1.0 / (x + 1.0) + 1.0 / (x + 2.0) + 1.0 / (x + 3.0)
    return tl.where(x < 4.0, far + tl.log(x / y) + steps, far)


@triton.jit
def log_nb(count: tl.tensor, log_mean: tl.tensor, log_dispersion: tl.tensor) -> tuple[tl.tensor, tl.tensor, tl.tensor]:
    """Return log NB and its derivatives by log mean and log dispersion."""
    theta = tl.exp(log_dispersion)
    mean = tl.exp(log_mean)
    some = count > 0
    positive = tl.where(some, count, 1.0)
    n = theta + count
    # log((θ + μ) / (θ + c)) and log(c / μ): by log1p where the two are close, else their difference would cancel.
    a = (mean - count) / n
    spread = tl.where(tl.abs(a) < 0.5, log1p(tl.where(tl.abs(a) < 0.5, a, 0.0)), tl.log(theta + mean) - tl.log(n))
    b = (mean - positive) / positive
    close = tl.abs(b) < 0.5
    ratio = tl.where(close, -log1p(tl.where(close, b, 0.0)), tl.log(positive) - log_mean)
    deviance = n * spread + count * ratio
    errors = stirling_error(theta + positive) - stirling_error(theta) - stirling_error(positive)
    log_share = -log1p(positive / theta)
    # ½ log(2π θ c / (θ + c))
    width = 0.9189385332046727 + 0.5 * (tl.log(positive) + log_share)
    log_p = tl.where(some, log_share + errors - width, 0.0) - deviance
    by_mean = (count - mean) * (theta / (theta + mean))
    lag = log_minus_digamma(theta) - log_minus_digamma(n)
    return log_p, by_mean, theta * ((mean - count) / (theta + mean) - spread + lag)


@triton.jit
def _inflated(log_p: tl.tensor, count: tl.tensor, zero_logit: tl.tensor) -> tuple[tl.tensor, tl.tensor, tl.tensor]:
    """Return log ZINB and its derivatives by log NB and by the logit of the extra zeros."""
    softplus = tl.maximum(zero_logit, 0.0) + log1p(tl.exp(-tl.abs(zero_logit)))
    gap = zero_logit - log_p
    either = log_p + tl.maximum(gap, 0.0) + log1p(tl.exp(-tl.abs(gap)))
    none = count == 0
    dropped = tl.where(none, 1.0 / (1.0 + tl.exp(-tl.maximum(gap, -80.0))), 0.0)
    share = 1.0 / (1.0 + tl.exp(-tl.maximum(zero_logit, -80.0)))
    return tl.where(none, either, log_p) - softplus, 1.0 - dropped, dropped - share


@triton.jit
def _forward(
    cells: tl.tensor, table: tl.tensor, bias: tl.tensor, dispersion: tl.tensor, zero: tl.tensor, library: tl.tensor,
    weights: tl.tensor, starts: tl.tensor, genes: tl.tensor, counts: tl.tensor, loss_B: tl.tensor,
    cell_grad: tl.tensor, logit_grad: tl.tensor, dispersion_grad: tl.tensor, zero_grad: tl.tensor,
    LOWEST: tl.constexpr, HIGHEST: tl.constexpr, ZERO: tl.constexpr, E: tl.constexpr, BE: tl.constexpr,
    BT: tl.constexpr,
) -> None:  # fmt: skip
    cell = tl.program_id(0).to(tl.int64)
    first = tl.load(starts + cell)
    last = tl.load(starts + cell + 1)
    dim_E = tl.arange(0, BE)
    cell_E = tl.load(cells + cell * E + dim_E, mask=dim_E < E, other=0.0).to(tl.float32)
    log_library = tl.log(tl.load(library + cell).to(tl.float32))
    weight = tl.load(weights + cell)
    sum_T = tl.zeros([BT], tl.float32)
    grad_E = tl.zeros([BE], tl.float32)
    for start in range(first, last, BT):
        at_T = start + tl.arange(0, BT)
        mine_T = at_T < last
        gene_T = tl.load(genes + at_T, mask=mine_T, other=0).to(tl.int64)
        count_T = tl.load(counts + at_T, mask=mine_T, other=0).to(tl.float32)
        mask_TE = mine_T[:, None] & (dim_E < E)[None, :]
        row_TE = tl.load(table + gene_T[:, None] * E + dim_E[None, :], mask=mask_TE, other=0.0).to(tl.float32)
        raw_T = tl.sum(row_TE * cell_E[None, :], 1) + tl.load(bias + gene_T, mask=mine_T, other=0.0).to(tl.float32)
        log_mean_T = log_library + tl.minimum(tl.maximum(raw_T, LOWEST), HIGHEST)
        log_dispersion_T = tl.load(dispersion + gene_T, mask=mine_T, other=0.0).to(tl.float32)
        log_p_T, by_mean_T, by_dispersion_T = log_nb(count_T, log_mean_T, log_dispersion_T)
        if ZERO:
            zero_T = tl.load(zero + gene_T, mask=mine_T, other=0.0).to(tl.float32)
            log_p_T, through_T, by_zero_T = _inflated(log_p_T, count_T, zero_T)
            by_mean_T = by_mean_T * through_T
            by_dispersion_T = by_dispersion_T * through_T
            tl.store(zero_grad + at_T, -weight * by_zero_T, mask=mine_T)
        free_T = mine_T & (raw_T >= LOWEST) & (raw_T <= HIGHEST)
        logit_T = tl.where(free_T, -weight * by_mean_T, 0.0)
        tl.store(logit_grad + at_T, logit_T, mask=mine_T)
        tl.store(dispersion_grad + at_T, -weight * by_dispersion_T, mask=mine_T)
        sum_T += tl.where(mine_T, log_p_T, 0.0)
        grad_E += tl.sum(logit_T[:, None] * row_TE, 0)
    tl.store(loss_B + cell, -weight * tl.sum(sum_T, 0))
    tl.store(cell_grad + cell * E + dim_E, grad_E, mask=dim_E < E)


@triton.jit
def _by_gene(
    cells: tl.tensor, cell_N: tl.tensor, order: tl.tensor, gene_starts: tl.tensor, logit_grad: tl.tensor,
    dispersion_grad: tl.tensor, zero_grad: tl.tensor, table_out: tl.tensor, bias_out: tl.tensor,
    dispersion_out: tl.tensor, zero_out: tl.tensor, ZERO: tl.constexpr, E: tl.constexpr, BE: tl.constexpr,
    BT: tl.constexpr,
) -> None:  # fmt: skip
    gene = tl.program_id(0).to(tl.int64)
    dim_E = tl.arange(0, BE)
    last = tl.load(gene_starts + gene + 1)
    row_E = tl.zeros([BE], tl.float32)
    bias_T = tl.zeros([BT], tl.float32)
    dispersion_T = tl.zeros([BT], tl.float32)
    zero_T = tl.zeros([BT], tl.float32)
    for start in range(tl.load(gene_starts + gene), last, BT):
        at_T = start + tl.arange(0, BT)
        mine_T = at_T < last
        target_T = tl.load(order + at_T, mask=mine_T, other=0)
        cell_T = tl.load(cell_N + target_T, mask=mine_T, other=0).to(tl.int64)
        logit_T = tl.load(logit_grad + target_T, mask=mine_T, other=0.0)
        mask_TE = mine_T[:, None] & (dim_E < E)[None, :]
        cell_TE = tl.load(cells + cell_T[:, None] * E + dim_E[None, :], mask=mask_TE, other=0.0).to(tl.float32)
        row_E += tl.sum(logit_T[:, None] * cell_TE, 0)
        bias_T += logit_T
        dispersion_T += tl.load(dispersion_grad + target_T, mask=mine_T, other=0.0)
        if ZERO:
            zero_T += tl.load(zero_grad + target_T, mask=mine_T, other=0.0)
    tl.store(table_out + gene * E + dim_E, row_E, mask=dim_E < E)
    tl.store(bias_out + gene, tl.sum(bias_T, 0))
    tl.store(dispersion_out + gene, tl.sum(dispersion_T, 0))
    if ZERO:
        tl.store(zero_out + gene, tl.sum(zero_T, 0))


def _blocks(width: int) -> tuple[int, int]:
    """Return targets and padded width of a block: at most 4,096 elements, 32 a thread with four warps."""
    padded = triton.next_power_of_2(width)
    return min(64, max(4, 4096 // padded)), padded


def forward(
    cell_BE: Tensor, table_VE: Tensor, bias_V: Tensor, log_dispersion_V: Tensor, zero_logit_V: Tensor | None,
    library_B: Tensor, weights_B: Tensor, starts_B1: Tensor, genes_N: Tensor, counts_N: Tensor,
    *, targets: int | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Return each cell's share of the loss, and the gradients [B, E], and [N] by logit, log dispersion and zero
    logit."""
    (n_cells, width), n_targets, device = cell_BE.shape, len(genes_N), cell_BE.device
    loss_B, grad_BE = (torch.empty(s, dtype=torch.float32, device=device) for s in ((n_cells,), (n_cells, width)))
    logit_N, dispersion_N, zero_N = (torch.empty(n_targets, dtype=torch.float32, device=device) for _ in range(3))
    block, padded = _blocks(width)
    if n_cells:
        with launching(cell_BE):
            _forward[(n_cells,)](
                cell_BE, table_VE, bias_V, log_dispersion_V, bias_V if zero_logit_V is None else zero_logit_V,
                library_B, weights_B, starts_B1, genes_N, counts_N, loss_B, grad_BE, logit_N, dispersion_N, zero_N,
                LOWEST=LOWEST, HIGHEST=HIGHEST, ZERO=zero_logit_V is not None, E=width, BE=padded, BT=targets or block,
            )  # fmt: skip
    return loss_B, grad_BE, logit_N, dispersion_N, zero_N


def by_gene(
    cell_BE: Tensor, n_genes: int, starts_B1: Tensor, genes_N: Tensor, by_target: list[Tensor],
    *, targets: int | None = None, zero: bool = True,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Return the gradients of table, bias, log dispersion and zero logit, float32, from those by target."""
    (n_cells, width), device = cell_BE.shape, cell_BE.device
    numbers_B = torch.arange(n_cells, dtype=torch.int32, device=device)
    cell_N = torch.repeat_interleave(numbers_B, starts_B1.diff(), output_size=len(genes_N))
    sorted_N, order_N = torch.sort(genes_N, stable=True)
    gene_starts = torch.searchsorted(sorted_N, torch.arange(n_genes + 1, dtype=sorted_N.dtype, device=device))
    table_VE = torch.empty(n_genes, width, dtype=torch.float32, device=device)
    bias_V, dispersion_V, zero_V = (torch.empty(n_genes, dtype=torch.float32, device=device) for _ in range(3))
    block, padded = _blocks(width)
    with launching(cell_BE):
        _by_gene[(n_genes,)](
            cell_BE, cell_N, order_N, gene_starts, *by_target, table_VE, bias_V, dispersion_V, zero_V,
            ZERO=zero, E=width, BE=padded, BT=targets or block,
        )  # fmt: skip
    return table_VE, bias_V, dispersion_V, zero_V
