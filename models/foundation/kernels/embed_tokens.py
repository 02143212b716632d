"""Gene and value embeddings of tokens, added and normalised in one pass.

Roofline, D = 256 in bfloat16: forward reads a gene and a value and writes a row, 520 bytes a token; the gene table
(25,000 rows, 13 MB) and the knots stay in L2, whose 512 bytes a token come on top: 8 G tokens/s at 4.3 TB/s, against
some 3 kFLOP a token, so bytes bound it. Backward reads the gradient twice, once for knots and weight and once, gathered
by gene, for the table: 1.1 kB a token, and 2 K D FLOP a token on the tensor cores for the knots (K = 64: 33 kFLOP).
Nothing of the size of the tokens is kept but one float32 each. Not measured yet.

Shapes: T tokens, V genes, K knots, D model width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.function import once_differentiable

from scarena.models.foundation.kernels.dispatch import use_triton

if TYPE_CHECKING:
    from torch import Tensor


def embed_tokens(
    genes_T: Tensor, values_T: Tensor, table_VD: Tensor, knots_KD: Tensor, step: float, weight_D: Tensor,
    eps: float = 1e-6,
) -> Tensor:  # fmt: skip
    """Return x_TD = RMSNorm(table[gene] + value embedding) · weight, the value embedding linear between knots.

    Knot i stands at value i · `step`; values outside the knots take the nearest knot's embedding.

    Parameters
    ----------
    genes_T, values_T
        int32 or int64 and float32 [T], finite; no gradient flows to the values.
    table_VD, knots_KD, weight_D
        Floating; bfloat16 is computed in float32.
    step
        Distance of two knots, > 0.
    eps
        Added to the mean square.

    Returns
    -------
    Tensor
        [T, D] in the type of the table. The gradients are the same in every run: they are summed in a fixed order.

    References
    ----------
    RMSNorm: Zhang and Sennrich 2019, doi:10.48550/arXiv.1910.07467.
    """
    if use_triton(table_VD):
        return _EmbedTokens.apply(genes_T, values_T, table_VD, knots_KD, step, weight_D, eps)
    return embed_tokens_twin(genes_T, values_T, table_VD, knots_KD, step, weight_D, eps)


def embed_tokens_twin(
    genes_T: Tensor, values_T: Tensor, table_VD: Tensor, knots_KD: Tensor, step: float, weight_D: Tensor,
    eps: float = 1e-6,
) -> Tensor:  # fmt: skip
    """Return what `embed_tokens` does, one operation after the other."""
    kind = torch.float64 if table_VD.dtype == torch.float64 else torch.float32
    at_T = (values_T.detach().to(kind) / step).clamp(0, len(knots_KD) - 1)
    low_T = at_T.long()
    share_T1 = (at_T - low_T)[:, None]
    high_T = (low_T + 1).clamp(max=len(knots_KD) - 1)
    # Embedding rather than indexing: its backward is several times as fast on CPU and sums in a fixed order.
    look_up = torch.nn.functional.embedding
    low_TD, high_TD = look_up(low_T, knots_KD).to(kind), look_up(high_T, knots_KD).to(kind)
    raw_TD = look_up(genes_T, table_VD).to(kind) + (1 - share_T1) * low_TD + share_T1 * high_TD
    scale_T1 = torch.rsqrt(raw_TD.square().mean(-1, keepdim=True) + eps)
    return (raw_TD * scale_T1 * weight_D.to(kind)).to(table_VD.dtype)


class _EmbedTokens(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, genes_T: Tensor, values_T: Tensor, table_VD: Tensor, knots_KD: Tensor, step: float, weight_D: Tensor,
        eps: float,
    ) -> Tensor:  # fmt: skip
        from scarena.models.foundation.kernels import embed_tokens_triton as kernels

        inputs = [x.contiguous() for x in (genes_T, values_T.float(), table_VD, knots_KD, weight_D)]
        x_TD, scale_T = kernels.forward(step, eps, *inputs)
        ctx.save_for_backward(*inputs, scale_T)
        ctx.step = step
        return x_TD

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        from scarena.models.foundation.kernels import embed_tokens_triton as kernels

        table, knots, weight = kernels.backward(ctx.step, grads[0].contiguous(), *ctx.saved_tensors)
        return None, None, table, knots, None, weight, None
