"""Negative binomial loss on chosen genes of every cell, without the logits of the others.

Roofline, E = 128 in bfloat16: a target reads a count and its gene (8 bytes), writes three gradients (12 bytes), and
gathers a row of the table, 256 bytes that L2 holds (25,000 rows, 6 MB); 4 E FLOP for the logit and the cell's gradient
and some 150 for the density, its logarithms on the special-function units. Backward gathers the cell's row, 256 to 512
bytes from L2, for the table's gradient: 2 E FLOP. L2's bandwidth bounds it: some 10 G targets/s. Not measured yet. The
twin gathers [N, E] rows instead.

Shapes: B cells, N targets of all of them, V genes, E width of the gene table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch.autograd.function import once_differentiable

from scarena.models.foundation.kernels.dispatch import use_triton
from scarena.models.foundation.kernels.nb_bounds import HIGHEST, LOWEST

if TYPE_CHECKING:
    from torch import Tensor


def nb_loss(
    cell_BE: Tensor, table_VE: Tensor, bias_V: Tensor, log_dispersion_V: Tensor, library_B: Tensor,
    starts_B1: Tensor, genes_N: Tensor, counts_N: Tensor, *, zero_logit_V: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Return the mean over cells of the mean over a cell's targets of −log NB(count; mean, dispersion), float32.

    The mean is library · exp(logit), logit = cell · table[gene] + bias[gene] within −20 … 10; the variance is mean +
    mean² / dispersion. A logit beyond the bounds has no gradient. Cells without targets do not count; without any the
    loss is zero.

    Parameters
    ----------
    cell_BE, table_VE, bias_V, log_dispersion_V
        Floating; the gradients come back in their types.
    library_B
        Float [B], > 0, no gradient.
    starts_B1
        int32 or int64 [B + 1], where each cell's targets begin, and the end.
    genes_N, counts_N
        Integer [N] and integer or float [N], ≥ 0; zeros are targets like others.
    zero_logit_V
        Float [V]: with probability sigmoid(zero_logit[gene]) the count is zero whatever the mean (ZINB).

    References
    ----------
    Lopez et al. 2018, doi:10.1038/s41592-018-0229-2; the density by its deviance: Loader 2000, "Fast and accurate
    computation of binomial probabilities".
    """
    args = (cell_BE, table_VE, bias_V, log_dispersion_V, library_B, starts_B1, genes_N, counts_N)
    if use_triton(cell_BE):
        return _NBLoss.apply(*args, zero_logit_V)
    return nb_loss_twin(*args, zero_logit_V=zero_logit_V)


def target_weights(starts_B1: Tensor) -> Tensor:
    """Return each cell's weight of a target, float32 [B]: they sum to one over all targets."""
    sizes_B = starts_B1.diff()
    return 1.0 / (sizes_B.clamp(min=1) * (sizes_B > 0).sum().clamp(min=1)).float()


def log_nb(count: Tensor, log_mean: Tensor, log_dispersion: Tensor) -> Tensor:
    """Return log NB, float64: the definition, which needs float64 for large counts or dispersions."""
    count, log_mean, log_dispersion = count.double(), log_mean.double(), log_dispersion.double()
    theta = log_dispersion.exp()
    coefficient = torch.lgamma(count + theta) - torch.lgamma(theta) - torch.lgamma(count + 1)
    return coefficient - theta * F.softplus(log_mean - log_dispersion) - count * F.softplus(log_dispersion - log_mean)


def nb_loss_twin(
    cell_BE: Tensor, table_VE: Tensor, bias_V: Tensor, log_dispersion_V: Tensor, library_B: Tensor,
    starts_B1: Tensor, genes_N: Tensor, counts_N: Tensor, *, zero_logit_V: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Return what `nb_loss` does, the density in float64; float64 inputs give a float64 loss."""
    kind = torch.float64 if cell_BE.dtype == torch.float64 else torch.float32
    numbers_B = torch.arange(len(cell_BE), device=cell_BE.device)
    cell_N = torch.repeat_interleave(numbers_B, starts_B1.diff(), output_size=len(genes_N))
    # Embedding rather than indexing: its backward is several times as fast on CPU and sums in a fixed order.
    row_NE = F.embedding(genes_N, table_VE).to(kind)
    logit_N = (F.embedding(cell_N, cell_BE).to(kind) * row_NE).sum(-1) + bias_V.index_select(0, genes_N).to(kind)
    log_mean_N = library_B.double().log()[cell_N] + logit_N.clamp(LOWEST, HIGHEST).double()
    log_p_N = log_nb(counts_N, log_mean_N, log_dispersion_V.index_select(0, genes_N))
    if zero_logit_V is not None:
        zero_N = zero_logit_V.index_select(0, genes_N).double()
        inflated_N = torch.logaddexp(F.logsigmoid(zero_N), F.logsigmoid(-zero_N) + log_p_N)
        log_p_N = torch.where(counts_N == 0, inflated_N, F.logsigmoid(-zero_N) + log_p_N)
    return -(log_p_N * target_weights(starts_B1)[cell_N]).sum().to(kind)


class _NBLoss(torch.autograd.Function):
    """The gradients of cells and targets are made with the loss; backward adds those of a gene's targets up."""

    @staticmethod
    def forward(
        ctx: Any, cell_BE: Tensor, table_VE: Tensor, bias_V: Tensor, log_dispersion_V: Tensor, library_B: Tensor,
        starts_B1: Tensor, genes_N: Tensor, counts_N: Tensor, zero_logit_V: Tensor | None,
    ) -> Tensor:  # fmt: skip
        from scarena.models.foundation.kernels import nb_loss_triton as kernels

        parameters = (table_VE.contiguous(), bias_V, log_dispersion_V, zero_logit_V)
        targets = (starts_B1.contiguous(), genes_N.contiguous(), counts_N.contiguous())
        loss_B, *grads = kernels.forward(
            cell_BE.contiguous(), *parameters, library_B, target_weights(starts_B1), *targets
        )
        ctx.save_for_backward(cell_BE, *parameters, starts_B1, genes_N, *grads)
        return loss_B.sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        from scarena.models.foundation.kernels import nb_loss_triton as kernels

        cell_BE, table, bias, dispersion, zero, starts_B1, genes_N, cell_grad_BE, *by_target = ctx.saved_tensors
        found = kernels.by_gene(cell_BE.contiguous(), len(table), starts_B1, genes_N, by_target, zero=zero is not None)
        given = (table, bias, dispersion, zero)
        scaled = [
            None if x is None else (grads[0] * each).to(x.dtype) for x, each in zip(given, found, strict=True)
        ]  # fmt: skip
        return (grads[0] * cell_grad_BE).to(cell_BE.dtype), *scaled[:3], None, None, None, None, scaled[3]
