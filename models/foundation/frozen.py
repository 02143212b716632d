"""A transformer that only embeds, on the CPU: the same weights and the same vectors, two to four times as fast.

Attention is two products and a softmax for each block of rows and head, which knows each row's own columns. Products in
single precision go to oneDNN, which uses AVX-512 also where MKL does not. The readout multiplies its few weighted sums
with the value matrix, not every token.

Shapes: B cells, T tokens of all of them, R rows of their blocks, L rows of one, D model width, H heads, K head width, F
feed-forward width, M latents, Z width of the embedding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from scarena.models.foundation import model as parts
from scarena.models.foundation.blocks import Blocks
from scarena.models.foundation.kernels import rows_numba as rows
from scarena.models.foundation.packed import encoded
from scarena.models.foundation.product import product

if TYPE_CHECKING:
    from scarena.models.foundation.packed import Packed

# Numbers in the rows that go through all layers together: they stay in the cache, and calls are few.
_ELEMENTS = 1 << 19
# Of `torch.nn.RMSNorm` where it is not given, and of `embed_tokens`.
_EPS, _TOKEN_EPS = float(torch.finfo(torch.float32).eps), 1e-6
_KNOWN = frozenset(
    {
        parts.Transformer, parts.Values, parts.Block, parts.Attention, parts.FeedForward, parts.Readout, parts.GeneBag,
        parts.Norm, nn.Linear, nn.Embedding, nn.ModuleList,
    }
)  # fmt: skip


def is_known(encoder: nn.Module) -> bool:
    """Return whether an encoder is a transformer all of whose layers are the plain ones, which `Frozen` can stand for.

    One with adapters or hooks is not.
    """
    return isinstance(encoder, parts.Transformer) and all(
        type(layer) in _KNOWN and not layer._forward_hooks and not layer._forward_pre_hooks
        for layer in encoder.modules()
    )


@dataclass(frozen=True, slots=True)
class _Layer:
    """The weights of a block in the type of the products, and its norms in single precision."""

    norm_D: np.ndarray
    qk: Tensor
    norms_2K: np.ndarray
    """Of queries, with 1 / sqrt(K) taken in, and of keys."""
    v: Tensor
    out: Tensor
    norm_ff_D: np.ndarray
    up: Tensor
    down: Tensor


class Frozen:
    """What a transformer's `forward` computes, from a copy of its weights that is made once."""

    @torch.no_grad()
    def __init__(self, encoder: parts.Transformer, kind: torch.dtype) -> None:
        self.encoder, self.kind, self.half = encoder, kind, kind == torch.bfloat16
        self.table_VD = encoder.gene_table().numpy()
        self.layers = [self._layer(block) for block in encoder.blocks]  # type: ignore[arg-type]
        readout = encoder.readout
        asked, width = readout.attention, readout.latents.shape[1]
        self.heads = asked.heads
        q_MHK = asked.norm_q(asked.q(readout.latents).unflatten(-1, (self.heads, -1)))
        # As the queries of all cells are the same, so is what keys are multiplied with.
        self.q_HKM = (q_MHK * q_MHK.shape[-1] ** -0.5).permute(1, 2, 0).to(kind)
        self.k = self._cast(asked.kv.weight[:width])
        self.norm_k_1K = _array(asked.norm_k.weight)[None]
        self.v_HKD = asked.kv.weight[width:].unflatten(0, (self.heads, -1))

    def _cast(self, weight: Tensor) -> Tensor:
        return weight.detach().to(self.kind).contiguous()

    def _layer(self, block: parts.Block) -> _Layer:
        attention, width = block.attention, len(block.norm_ff.weight)
        k, v = attention.kv.weight.split(width)
        norms = torch.stack([attention.norm_q.weight * len(attention.norm_q.weight) ** -0.5, attention.norm_k.weight])
        return _Layer(
            _array(block.norm_attention.weight), self._cast(torch.cat([attention.q.weight, k])), _array(norms),
            self._cast(v), self._cast(attention.out.weight), _array(block.norm_ff.weight),
            self._cast(block.feed_forward.up.weight), self._cast(block.feed_forward.down.weight),
        )  # fmt: skip

    def __call__(self, cells: Packed, tokens: Packed) -> Tensor:
        """Return z_BZ; as for `Transformer.forward`, but that the tokens must be given."""
        tokens = encoded(tokens, self.encoder.encoding)
        blocks = Blocks.of(tokens.starts_B1.numpy(), causal=self.encoder.mask == "causal")
        pooled_BHMD = torch.zeros(cells.n_cells, self.heads, *self.encoder.readout.latents.shape)
        for piece in blocks.pieces(max(1, _ELEMENTS // self.table_VD.shape[1])):
            self._pool(tokens, piece, pooled_BHMD.numpy()[piece.cells])
        return self.encoder.bag(cells) + self._read(pooled_BHMD)

    def _pool(self, tokens: Packed, blocks: Blocks, pooled_BHMD: np.ndarray) -> None:
        """Fill in what the latents see of the tokens of some blocks."""
        x_RD = self._embedded(tokens, blocks)
        more_RD = x_RD[:0].to(self.kind)
        for layer in self.layers:
            y_RD = self._normed(x_RD, more_RD, layer.norm_D)
            y_RD = self._normed(x_RD, self._attended(y_RD, layer, blocks), layer.norm_ff_D)
            more_RD = self._gated(y_RD, layer)
        y_RD = self._normed(x_RD, more_RD, _array(self.encoder.readout.norm_tokens.weight))
        k_HRK = self._heads(product(y_RD, self.k), self.norm_k_1K)[0]
        score_HRM = torch.bmm(k_HRK, self.q_HKM).float()
        rows.pooled(_array(score_HRM), _array(y_RD), self.half, blocks.start_B, blocks.size_B, pooled_BHMD)

    def _embedded(self, tokens: Packed, blocks: Blocks) -> Tensor:
        encoder = self.encoder
        x_RD = torch.zeros(len(blocks.first_R), self.table_VD.shape[1])
        genes_T, values_T = tokens.genes_T.numpy()[blocks.tokens], tokens.values_T.numpy()[blocks.tokens]
        rows.token_rows(
            genes_T, values_T, blocks.row_T, self.table_VD, _array(encoder.values.knots), encoder.values.step,
            _array(encoder.norm_in), _TOKEN_EPS, x_RD.numpy(),
        )  # fmt: skip
        return x_RD

    def _normed(self, x_RD: Tensor, more_RD: Tensor, weight_D: np.ndarray) -> Tensor:
        y_RD = torch.empty_like(x_RD, dtype=self.kind)
        rows.add_and_norm(_array(x_RD), _array(more_RD), self.half, weight_D, _EPS, _array(y_RD))
        return y_RD

    def _heads(self, u_RX: Tensor, weight_PK: np.ndarray) -> Tensor:
        out_PHRK = torch.empty(len(weight_PK), self.heads, len(u_RX), weight_PK.shape[1], dtype=self.kind)
        rows.normed_heads(_array(u_RX), self.half, weight_PK, _EPS, _array(out_PHRK))
        return out_PHRK

    def _attended(self, y_RD: Tensor, layer: _Layer, blocks: Blocks) -> Tensor:
        q_HRK, k_HRK = self._heads(product(y_RD, layer.qk), layer.norms_2K)
        mixed_RD = torch.empty_like(y_RD)
        mixed_RHK = _array(mixed_RD.unflatten(-1, (self.heads, -1)))
        for first, last in blocks.bounds:
            # Transposed as it is made: what a product wants its right side to be.
            v_HKL = product(layer.v, y_RD[first:last]).unflatten(0, (self.heads, -1))
            spans, total_L = (blocks.first_R[first:last], blocks.last_R[first:last]), np.empty(last - first, np.float32)
            for head in range(self.heads):
                score_LL = product(q_HRK[head, first:last], k_HRK[head, first:last])
                rows.softmax_of_spans(_array(score_LL), self.half, *spans, total_L)
                sum_LK = _array(product(score_LL, v_HKL[head]))
                rows.divided(sum_LK, self.half, total_L, mixed_RHK[first:last, head])
        return product(mixed_RD, layer.out)

    def _gated(self, y_RD: Tensor, layer: _Layer) -> Tensor:
        up_RX = product(y_RD, layer.up)
        gated_RF = up_RX.new_empty(len(up_RX), up_RX.shape[1] // 2)
        rows.swiglu(_array(up_RX), self.half, _array(gated_RF))
        return product(gated_RF, layer.down)

    def _read(self, pooled_BHMD: Tensor) -> Tensor:
        readout = self.encoder.readout
        mixed_BMHK = torch.einsum("bhmd,hkd->bmhk", pooled_BHMD, self.v_HKD)
        y_BMD = readout.latents + readout.attention.out(mixed_BMHK.flatten(-2))
        y_BMD = readout.norm_out(y_BMD + readout.feed_forward(readout.norm_ff(y_BMD)))
        return readout.bottleneck(y_BMD.flatten(1))


def _array(tensor: Tensor) -> np.ndarray:
    """Return the tensor's memory, bfloat16 as uint16."""
    tensor = tensor.detach()
    return (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()
