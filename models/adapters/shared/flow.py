"""Flow attention (Wu et al. 2022, doi:10.48550/arXiv.2202.06258): linear, every token's in- and outflow conserved.

Shapes: T tokens of one sequence, D model width, H heads, K head width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from scarena.models.adapters.shared.encoder import Keys, Layer

if TYPE_CHECKING:
    from scarena.models.foundation.packed import Packed

_EPS = 1e-6


def flow_attention(q_THK: Tensor, k_THK: Tensor, v_THK: Tensor) -> Tensor:
    """Return what each token of one sequence takes from all of them, [T, H, K].

    Parameters
    ----------
    q_THK, k_THK, v_THK
        Of the same tokens.
    """
    q_THK, k_THK = q_THK.sigmoid(), k_THK.sigmoid()
    in_TH = 1 / _flow(q_THK, k_THK.sum(0))
    out_TH = 1 / _flow(k_THK, q_THK.sum(0))
    taken_TH = _flow(q_THK, (k_THK * out_TH[..., None]).sum(0)).sigmoid()
    given_TH = _flow(k_THK, (q_THK * in_TH[..., None]).sum(0)).clamp(-1, 1).softmax(0) * len(k_THK)
    sums_HKK = torch.einsum("thk,thm->hkm", k_THK, v_THK * given_TH[..., None])
    return torch.einsum("thk,hkm->thm", q_THK * in_TH[..., None], sums_HKK) * taken_TH[..., None]


def _flow(x_THK: Tensor, other_HK: Tensor) -> Tensor:
    return torch.einsum("thk,hk->th", x_THK + _EPS, other_HK + _EPS)


class FlowLayer(Layer):
    """A layer whose tokens are those of one sequence."""

    def _attended(
        self, x_TD: Tensor, cells: Packed, asked_R: Tensor | None, bias_T: Tensor | None, keys: Keys | None
    ) -> Tensor:
        q, k, v = (x.unflatten(-1, (self.config.heads, -1)) for x in self.qkv(x_TD).split(self.inner, dim=-1))
        return self.out(flow_attention(q, k, v).flatten(-2))
