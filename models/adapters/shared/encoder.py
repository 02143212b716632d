"""One transformer encoder for all published models: cells packed end to end, and switches for what they differ in.

Not a copy of any of them: it has a parameter for each of theirs, and the tests hold its vectors to theirs.

Shapes: T tokens of all cells, B cells, D model width, H heads, K head width, F width of the feed-forward part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scarena.models.adapters.shared.capped import capped_attention
from scarena.models.foundation.kernels.attention import Mask, varlen_attention
from scarena.models.foundation.product import product

if TYPE_CHECKING:
    from scarena.models.foundation.packed import Packed

Activation = Literal["relu", "gelu", "silu"]
_ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu, "silu": F.silu}


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """Sizes and switches."""

    width: int
    heads: int
    layers: int
    hidden: int
    activation: Activation = "relu"
    norm: Literal["post", "pre", "normed residual"] = "post"
    """Where the norms are. ``normed residual``: a layer adds to its *normalised* input, as TranscriptFormer does."""
    eps: float = 1e-5
    attention_bias: bool = True
    hidden_bias: bool = True
    gated: bool = False
    """The feed-forward part has a gate, as the first half of `up`."""
    final_norm: bool = False
    head_width: int | None = None
    """Of queries, keys and values; None for width / heads."""
    features: int = 0
    """Random directions of a Performer."""
    causal: bool = False
    """A token sees itself and those before it; not with ``first``."""
    softcap: float = 0.0
    """Where above zero, scores s are c tanh(s / c) of it, after what is added to them; with ``causal`` alone."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The tokens that are looked at, where padding is a part of what a model was trained on but is seen by none."""

    rows_S: Tensor
    starts_B1: Tensor
    longest: int

    @classmethod
    def of(cls, seen_T: Tensor, cells: Packed) -> Keys:
        """Return them from a bool for each token."""
        sizes_B = torch.zeros(cells.n_cells, dtype=torch.int64, device=seen_T.device)
        sizes_B.index_add_(0, cells.cell_of(), seen_T.long())
        starts_B1 = F.pad(sizes_B.cumsum(0), (1, 0)).to(torch.int32)
        return cls(seen_T.nonzero()[:, 0], starts_B1, cells.longest)


class Layer(nn.Module):
    """Attention within each cell, then a feed-forward part."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        width, hidden = config.width, config.hidden
        self.config = config
        self.inner = width if config.head_width is None else config.heads * config.head_width
        self.qkv = nn.Linear(width, 3 * self.inner, bias=config.attention_bias)
        self.out = nn.Linear(self.inner, width, bias=config.attention_bias)
        self.up = nn.Linear(width, hidden * (2 if config.gated else 1), bias=config.hidden_bias)
        self.down = nn.Linear(hidden, width, bias=config.hidden_bias)
        self.norm_attention = nn.LayerNorm(width, eps=config.eps)
        self.norm_ff = nn.LayerNorm(width, eps=config.eps)

    def forward(
        self, x_TD: Tensor, cells: Packed, asked_R: Tensor | None, bias_T: Tensor | None, keys: Keys | None = None
    ) -> Tensor:
        """Return the tokens, or those that are asked for: of a last layer often only one a cell is read."""
        how = self.config.norm
        seen_TD = x_TD if how == "post" else self.norm_attention(x_TD)
        kept_RD = seen_TD if how == "normed residual" else x_TD
        kept_RD = kept_RD if asked_R is None else kept_RD[asked_R]
        x_RD = kept_RD + self._attended(seen_TD, cells, asked_R, bias_T, keys)
        if how == "post":
            x_RD = self.norm_attention(x_RD)
            return self.norm_ff(x_RD + self._fed_forward(x_RD))
        seen_RD = self.norm_ff(x_RD)
        return (seen_RD if how == "normed residual" else x_RD) + self._fed_forward(seen_RD)

    def _attended(
        self, x_TD: Tensor, cells: Packed, asked_R: Tensor | None, bias_T: Tensor | None, keys: Keys | None
    ) -> Tensor:
        heads, width = self.config.heads, self.inner
        starts_B1, longest = cells.starts_B1, cells.longest
        if asked_R is None:
            q_TD, k_TD, v_TD = applied(self.qkv, x_TD).split(width, dim=-1)
            q_starts_B1, longest_q = starts_B1, longest
        else:
            q_weight, kv_weight = self.qkv.weight.split([width, 2 * width])
            q_bias, kv_bias = (None, None) if self.qkv.bias is None else self.qkv.bias.split([width, 2 * width])
            q_TD = product(x_TD[asked_R], q_weight, q_bias)
            k_TD, v_TD = product(x_TD, kv_weight, kv_bias).split(width, dim=-1)
            # As many are asked of each cell: the rows are cell after cell.
            longest_q = len(asked_R) // cells.n_cells
            q_starts_B1 = torch.arange(cells.n_cells + 1, dtype=torch.int32, device=x_TD.device) * longest_q
        if keys is not None:
            k_TD, v_TD, starts_B1, longest = k_TD[keys.rows_S], v_TD[keys.rows_S], keys.starts_B1, keys.longest
        q, k, v = (each.unflatten(-1, (heads, -1)) for each in (q_TD, k_TD, v_TD))
        if self.config.softcap:
            return applied(self.out, capped_attention(q, k, v, starts_B1, bias_T, self.config.softcap).flatten(-2))
        if bias_T is not None:
            q, k, v = _with_bias(q, k, v, bias_T)
        mask: Mask = "causal" if self.config.causal else "full"
        mixed_RHK = varlen_attention(q, k, v, q_starts_B1, starts_B1, longest_q, longest, mask=mask)
        return applied(self.out, mixed_RHK[..., : width // heads].flatten(-2))

    def _fed_forward(self, x_TD: Tensor) -> Tensor:
        up_TF, activation = applied(self.up, x_TD), _ACTIVATIONS[self.config.activation]
        if not self.config.gated:
            return applied(self.down, activation(up_TF))
        gate_TF, up_TF = up_TF.chunk(2, dim=-1)
        return applied(self.down, activation(gate_TF) * up_TF)


def applied(linear: nn.Linear, x: Tensor) -> Tensor:
    """Return what a linear layer makes of a matrix."""
    return product(x, linear.weight, linear.bias)


# What the width of a head is a multiple of where a kernel is to read it.
_MULTIPLE = 16
# Published ones have some dozens; whatever number a configuration says would be built one by one.
_MOST_LAYERS = 1000


def _with_bias(q_THK: Tensor, k_SHK: Tensor, v_SHK: Tensor, bias_S: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return queries, keys and values whose attention has a number for each key added to its scores.

    One more column does it: ones in the queries, the numbers in the keys. What the wider head is divided by more is
    multiplied in before.
    """
    width = q_THK.shape[-1]
    wider = -(-(width + 1) // _MULTIPLE) * _MULTIPLE
    more = wider - width
    q = F.pad(q_THK * (wider / width) ** 0.5, (0, more))
    k, v = F.pad(k_SHK, (0, more)), F.pad(v_SHK, (0, more))
    q[..., width] = wider**0.5
    k[..., width] = bias_S[:, None]
    return q, k, v


class Encoder(nn.Module):
    """The layers one after the other; of another class where attention is not that of softmax."""

    def __init__(self, config: EncoderConfig, layer: type[Layer] = Layer) -> None:
        super().__init__()
        if not 0 <= config.layers <= _MOST_LAYERS or config.heads < 1:
            raise ValueError(f"{config.layers} layers of {config.heads} heads")
        self.config = config
        self.layers = nn.ModuleList([layer(config) for _ in range(config.layers)])
        self.final = nn.LayerNorm(config.width, eps=config.eps) if config.final_norm else None

    def forward(
        self, x_TD: Tensor, cells: Packed, *, first: bool = False, bias_T: Tensor | None = None,
        seen_T: Tensor | None = None,
        asked_R: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """Return every token's vector, or the first token's of each cell.

        Parameters
        ----------
        x_TD
            What the tokens are to the model, cells one after the other.
        cells
            Where each cell's tokens begin.
        first
            Whether only the first token of each cell is asked for; every cell must have one.
        bias_T
            A number for each token, added to its score whenever a token of its cell looks at it.
        seen_T
            Whether each token is looked at; None for all. Not with a bias or a causal mask.
        asked_R
            Which tokens are asked for, in place of `first`: as many of each cell, cell after cell.
        """
        keys = None if seen_T is None else Keys.of(seen_T, cells)
        asked_R = cells.starts_B1[:-1].long() if first else asked_R
        for number, layer in enumerate(self.layers, 1):
            x_TD = layer(x_TD, cells, asked_R if number == len(self.layers) else None, bias_T, keys)
        if asked_R is not None and not len(self.layers):
            x_TD = x_TD[asked_R]
        return x_TD if self.final is None else self.final(x_TD)


def cell_sums(x_TD: Tensor, cells: Packed) -> Tensor:
    """Return the sum of each cell's tokens, [B, D]."""
    return x_TD.new_zeros(cells.n_cells, x_TD.shape[1]).index_add_(0, cells.cell_of(), x_TD)


def cell_means(x_TD: Tensor, cells: Packed) -> Tensor:
    """Return the mean of each cell's tokens, [B, D]; zeros for a cell without any."""
    return cell_sums(x_TD, cells) / cells.starts_B1.diff().clamp(min=1)[:, None]


def cell_maxima(x_TD: Tensor, cells: Packed) -> Tensor:
    """Return the maximum of each cell's tokens, [B, D]; zeros for a cell without any."""
    lowest_BD = x_TD.new_full((cells.n_cells, x_TD.shape[1]), -torch.inf)
    maxima_BD = lowest_BD.scatter_reduce(0, cells.cell_of()[:, None].expand_as(x_TD), x_TD, "amax")
    return maxima_BD.masked_fill((cells.starts_B1.diff() == 0)[:, None], 0.0)
