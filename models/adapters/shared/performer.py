"""Performer attention (Choromanski et al. 2021, doi:10.48550/arXiv.2009.14794), with a checkpoint's random features.

Shapes: T tokens of all cells, L of one cell, D model width, H heads, K head width, M random features.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from scarena.models.adapters.shared.encoder import EncoderConfig, Keys, Layer

if TYPE_CHECKING:
    from scarena.models.foundation.packed import Packed

# Added to every feature; with it what the exponents are shifted by matters, so both are as scBERT has them.
_EPS = 1e-4


def performer_attention(q_HLK: Tensor, k_HLK: Tensor, v_HLK: Tensor, features_MK: Tensor) -> Tensor:
    """Return the estimate of softmax attention of one cell, [H, L, K].

    Parameters
    ----------
    q_HLK, k_HLK, v_HLK
        Of the same tokens.
    features_MK
        Random directions, as trained with: others would be another model.
    """
    q_HLM = _exponents(q_HLK, features_MK)
    k_HLM = _exponents(k_HLK, features_MK)
    # Shifts are of the products alone, before lengths are taken off: a row's for queries, one for all heads of keys.
    q_HLM = (q_HLM - _lengths(q_HLK) - q_HLM.amax(-1, keepdim=True)).exp_() + _EPS
    k_HLM = (k_HLM - _lengths(k_HLK) - k_HLM.max()).exp_() + _EPS
    # Both have a factor M ** -0.5, which the division takes out again.
    weights_HL1 = q_HLM @ k_HLM.sum(1)[..., None]
    return q_HLM @ (k_HLM.mT @ v_HLK) / weights_HL1


def _exponents(x_HLK: Tensor, features_MK: Tensor) -> Tensor:
    return (x_HLK * x_HLK.shape[-1] ** -0.25) @ features_MK.T


def _lengths(x_HLK: Tensor) -> Tensor:
    return x_HLK.square().sum(-1, keepdim=True) / 2 * x_HLK.shape[-1] ** -0.5


class PerformerLayer(Layer):
    """A layer with random features, whose projections have no bias and whose output has one."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config)
        self.out = nn.Linear(self.inner, config.width)
        self.features: Tensor
        self.register_buffer("features", torch.randn(config.features, self.inner // config.heads))

    def _attended(
        self, x_TD: Tensor, cells: Packed, asked_R: Tensor | None, bias_T: Tensor | None, keys: Keys | None
    ) -> Tensor:
        q, k, v = (x.unflatten(-1, (self.config.heads, -1)) for x in self.qkv(x_TD).split(self.inner, dim=-1))
        found_THK = torch.empty_like(v)
        for first, end in pairwise(cells.starts_B1.tolist()):
            q_HLK, k_HLK, v_HLK = (x[first:end].transpose(0, 1) for x in (q, k, v))
            found_THK[first:end] = performer_attention(q_HLK, k_HLK, v_HLK, self.features).transpose(0, 1)
        return self.out(found_THK.flatten(-2))
