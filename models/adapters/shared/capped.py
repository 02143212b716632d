"""Causal attention whose scores have a soft cap, which no kernel of torch's has: blocks of queries, cell by cell.

Shapes: T tokens of all cells, B cells, H heads, K head width; Q queries of a block, S keys that they may see.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

_BLOCK = 256


def capped_attention(
    q_THK: Tensor, k_THK: Tensor, v_THK: Tensor, starts_B1: Tensor, bias_T: Tensor | None, cap: float
) -> Tensor:
    """Return softmax(c tanh((q k / sqrt(K) + b) / c)) v over each token and those before it in its cell.

    Parameters
    ----------
    q_THK, k_THK, v_THK
        Floating.
    starts_B1
        Where each cell's tokens begin, and the end.
    bias_T
        Added to a key's scores; None for nothing.
    cap
        Above zero.

    Returns
    -------
    Tensor
        [T, H, K].
    """
    found_THK = torch.empty_like(v_THK)
    starts = starts_B1.tolist()
    for first, end in pairwise(starts):
        for block in range(first, end, _BLOCK):
            last = min(block + _BLOCK, end)
            bias_S = None if bias_T is None else bias_T[first:last]
            q_HQK, k_HSK, v_HSK = (x.transpose(0, 1) for x in (q_THK[block:last], k_THK[first:last], v_THK[first:last]))
            found_THK[block:last] = _block(q_HQK, k_HSK, v_HSK, bias_S, cap).transpose(0, 1)
    return found_THK


def _block(q_HQK: Tensor, k_HSK: Tensor, v_HSK: Tensor, bias_S: Tensor | None, cap: float) -> Tensor:
    scores_HQS = q_HQK @ k_HSK.mT * q_HQK.shape[-1] ** -0.5
    if bias_S is not None:
        scores_HQS += bias_S
    scores_HQS = scores_HQS.div_(cap).tanh_().mul_(cap)
    queries, keys = scores_HQS.shape[-2:]
    later_QS = torch.ones(queries, keys, dtype=torch.bool, device=q_HQK.device).triu_(keys - queries + 1)
    return scores_HQS.masked_fill_(later_QS, -torch.inf).softmax(-1) @ v_HSK
