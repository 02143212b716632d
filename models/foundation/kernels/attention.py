"""Attention within ragged cells, without padding on a GPU and with little of it on a CPU.

Roofline: 4 K FLOP for each pair of a query and a key and each head forward, 10 K backward as usually counted (14 K
here: the scores are computed for the keys and again for the queries, in place of atomics); 2 K bytes a token, head and
tensor in 16 bits. At 512 keys a token that is 256 FLOP a byte forward, above the 206 of an H200, so arithmetic bounds
it: 6.4 GFLOP a cell of a model of d = 256 and six layers hold 1.6 of it. A generative mask with P known of L tokens
costs L (P + 1) pairs and not L².

Which implementation serves what on CUDA: `torch.nn.attention.varlen` full and causal masks in 16 bits, this package's
kernel the rest. `scarena.bench.kernels` compares the two and should decide; not measured yet.

Shapes: T and S tokens of queries and keys, H heads, K head width, B cells; L and M tokens of a padded cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch.autograd.function import once_differentiable

from scarena.base.errors import ModelError
from scarena.models.foundation.kernels.dispatch import forced, use_triton

if TYPE_CHECKING:
    from torch import Tensor

Mask = Literal["full", "causal", "generative"]
Backend = Literal["triton", "varlen", "torch"]
MASKS: tuple[Mask, ...] = ("full", "causal", "generative")

# Share of the pairs of a padded bucket that may be padding.
_WASTE = 0.2
# Pairs that may be padding for each call that a bucket saves: what a call costs beside its arithmetic.
_CALL = 512
# Pairs of a bucket, times heads: bounds the memory of its mask and scores.
_PAIRS = 1 << 26


def varlen_attention(
    q_THK: Tensor, k_SHK: Tensor, v_SHK: Tensor, q_starts_B1: Tensor, k_starts_B1: Tensor, longest_q: int,
    longest_k: int, *, mask: Mask = "full", known_B: Tensor | None = None, backend: Backend | None = None,
) -> Tensor:  # fmt: skip
    """Return softmax(q k / sqrt(K)) v of every cell by itself.

    Parameters
    ----------
    q_THK, k_SHK, v_SHK
        Floating, K from 16 to 128.
    q_starts_B1, k_starts_B1
        int32 [B + 1], where each cell's queries and keys begin, and the end.
    longest_q, longest_k
        Most queries and keys of a cell.
    mask
        ``full``; ``causal``: a token sees itself and those before it; ``generative``: it sees the cell's first
        `known_B` tokens and itself, as in scGPT. The last two want queries and keys to be the same tokens.
    known_B
        Integer [B], at most the cell's tokens; for ``generative``.
    backend
        ``triton``, ``varlen`` (torch's own, CUDA in 16 bits) or ``torch`` (padded buckets); by default the best there
        is.

    Returns
    -------
    Tensor
        [T, H, K]; zeros where a cell has no keys.

    Raises
    ------
    ModelError
        If the arguments do not go together.

    References
    ----------
    Dao 2023, doi:10.48550/arXiv.2307.08691; the generative mask: Cui et al. 2024, doi:10.1038/s41592-024-02201-0.
    """
    _check(q_THK, k_SHK, mask, known_B)
    backend = backend or _best(q_THK, mask)
    if backend == "varlen":
        return _torch_varlen(q_THK, k_SHK, v_SHK, q_starts_B1, k_starts_B1, longest_q, longest_k, mask)
    if backend == "triton":
        return _VarlenAttention.apply(
            q_THK, k_SHK, v_SHK, q_starts_B1, k_starts_B1, longest_q, longest_k, MASKS.index(mask), known_B
        )
    return varlen_attention_twin(q_THK, k_SHK, v_SHK, q_starts_B1, k_starts_B1, mask=mask, known_B=known_B)


def _check(q_THK: Tensor, k_SHK: Tensor, mask: str, known_B: Tensor | None) -> None:
    where = "varlen_attention"
    if mask not in MASKS:
        raise ModelError(f"unknown mask {mask!r}", where=where, fix=f"one of {', '.join(MASKS)}")
    if (mask == "generative") != (known_B is not None):
        raise ModelError("known_B goes with the generative mask alone", where=where, fix="give both or neither")
    if mask != "full" and len(q_THK) != len(k_SHK):
        what = f"{len(q_THK)} queries and {len(k_SHK)} keys under a {mask} mask"
        raise ModelError(what, where=where, fix="queries and keys must be the same tokens")


def _best(q_THK: Tensor, mask: str) -> Backend:
    halves = q_THK.dtype in (torch.float16, torch.bfloat16) and q_THK.shape[-1] % 8 == 0
    if q_THK.is_cuda and forced() is None and mask != "generative" and halves:
        return "varlen"
    return "triton" if use_triton(q_THK) else "torch"


def _torch_varlen(
    q_THK: Tensor, k_SHK: Tensor, v_SHK: Tensor, q_starts_B1: Tensor, k_starts_B1: Tensor, longest_q: int,
    longest_k: int, mask: str,
) -> Tensor:  # fmt: skip
    from torch.nn.attention.varlen import varlen_attn

    if not longest_q or not longest_k:
        return torch.zeros_like(q_THK)
    window = (-1, 0) if mask == "causal" else (-1, -1)
    starts = (q_starts_B1.int(), k_starts_B1.int())
    out: Any = varlen_attn(q_THK, k_SHK, v_SHK, *starts, longest_q, longest_k, window_size=window)
    return out


def buckets(queries_B: np.ndarray, keys_B: np.ndarray, heads: int = 1) -> list[np.ndarray]:
    """Return cells to be padded together, int64 arrays: like lengths, at most a fifth of the pairs padding.

    Cells without queries or keys are in none; long cells are alone unless their lengths are the same.
    """
    order = np.lexsort((queries_B, keys_B))
    order = order[(queries_B[order] > 0) & (keys_B[order] > 0)]
    found, first, used, most_q = [], 0, 0, 0
    for at, (queries, keys) in enumerate(zip(queries_B[order].tolist(), keys_B[order].tolist(), strict=True)):
        used, most_q = used + queries * keys, max(most_q, queries)
        padded = (at - first + 1) * most_q * keys
        spare = min(_WASTE * padded, _CALL * (at - first))
        if at > first and (padded - used > spare or padded * heads > _PAIRS):
            found.append(order[first:at])
            first, used, most_q = at, queries * keys, queries
    if first < len(order):
        found.append(order[first:])
    return found


def _tokens(starts_B1: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Return the rows of the cells' tokens, cell after cell in the order given."""
    lengths = np.diff(starts_B1)[cells]
    offsets = starts_B1[cells] - (lengths.cumsum() - lengths)
    return np.repeat(offsets, lengths) + np.arange(lengths.sum())


def _in_order(x_THK: Tensor, rows: np.ndarray) -> Tensor:
    if len(rows) == len(x_THK) and (rows == np.arange(len(rows))).all():
        return x_THK
    return _rows(x_THK, torch.from_numpy(rows).to(x_THK.device))


def _rows(x_THK: Tensor, rows: Tensor) -> Tensor:
    # As rows of a table: on CPU the gradient of `index_select` takes up to a hundred times as long.
    return torch.nn.functional.embedding(rows, x_THK.flatten(1)).unflatten(1, x_THK.shape[1:])


def _padded(x_THK: Tensor, lengths_B: np.ndarray) -> tuple[Tensor, Tensor | None]:
    """Return [B, H, longest, K], cells padded by repeating their last token, and which rows are theirs, None for
    all."""
    longest = int(lengths_B.max())
    if lengths_B.min() == longest:
        return x_THK.view(len(lengths_B), longest, *x_THK.shape[1:]).transpose(1, 2), None
    first_B, step_L = lengths_B.cumsum() - lengths_B, np.arange(longest)
    at_BL = torch.from_numpy(first_B[:, None] + np.minimum(step_L, lengths_B[:, None] - 1)).to(x_THK.device)
    rows = _rows(x_THK, at_BL.reshape(-1)).view(*at_BL.shape, *x_THK.shape[1:])
    return rows.transpose(1, 2), torch.from_numpy(step_L < lengths_B[:, None]).to(x_THK.device)


def _bucket(
    q_THK: Tensor, k_SHK: Tensor, v_SHK: Tensor, queries_B: np.ndarray, keys_B: np.ndarray, mask: Mask,
    known_B: Tensor | None,
) -> Tensor:  # fmt: skip
    q_BHLK, mine_BL = _padded(q_THK, queries_B)
    k_BHMK, mine_BM = _padded(k_SHK, keys_B)
    v_BHMK, _ = _padded(v_SHK, keys_B)
    seen = None
    if mask == "generative" and known_B is not None:
        # Known tokens and a query's own: padding is neither, as seen from a token.
        at_M = torch.arange(k_BHMK.shape[2], device=q_THK.device)
        seen = ((at_M < known_B[:, None])[:, None, :] | (at_M[:, None] == at_M))[:, None]
    elif mask == "full" and mine_BM is not None:
        seen = mine_BM[:, None, None, :]
    o_BHLK = torch.nn.functional.scaled_dot_product_attention(
        q_BHLK, k_BHMK, v_BHMK, attn_mask=seen, is_causal=mask == "causal"
    )
    o_BLHK = o_BHLK.transpose(1, 2)
    return o_BLHK.flatten(0, 1) if mine_BL is None else o_BLHK[mine_BL]


def varlen_attention_twin(
    q_THK: Tensor, k_SHK: Tensor, v_SHK: Tensor, q_starts_B1: Tensor, k_starts_B1: Tensor,
    *, mask: Mask = "full", known_B: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Return what `varlen_attention` does, from torch's padded attention on buckets of cells of like lengths."""
    kind = q_THK.dtype
    if kind == torch.bfloat16 and not q_THK.is_cuda and torch.is_grad_enabled() and q_THK.requires_grad:
        # On CPU its backward takes seven times as long in bfloat16 as in float32 (torch 2.13, AVX-512).
        q_THK, k_SHK, v_SHK = q_THK.float(), k_SHK.float(), v_SHK.float()
    q_starts, k_starts = (x.long().cpu().numpy() for x in (q_starts_B1, k_starts_B1))
    queries, keys = np.diff(q_starts), np.diff(k_starts)
    groups = buckets(queries, keys, q_THK.shape[1])
    if not groups:
        return torch.zeros_like(q_THK, dtype=kind)
    rows_q, rows_k = (_tokens(starts, np.concatenate(groups)) for starts in (q_starts, k_starts))
    # Split rather than slice: the gradient of a slice is as large as what it was taken from.
    q_parts = _in_order(q_THK, rows_q).split([int(queries[group].sum()) for group in groups])
    sizes = [int(keys[group].sum()) for group in groups]
    k_parts, v_parts = (_in_order(x, rows_k).split(sizes) for x in (k_SHK, v_SHK))
    parts = []
    for group, q, k, v in zip(groups, q_parts, k_parts, v_parts, strict=True):
        known = None if known_B is None else known_B[torch.from_numpy(group).to(known_B.device)]
        parts.append(_bucket(q, k, v, queries[group], keys[group], mask, known))
    rows = torch.from_numpy(rows_q).to(q_THK.device)
    return torch.zeros_like(q_THK).index_copy(0, rows, torch.cat(parts)).to(kind)


class _VarlenAttention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, q_THK: Tensor, k_SHK: Tensor, v_SHK: Tensor, q_starts_B1: Tensor, k_starts_B1: Tensor,
        longest_q: int, longest_k: int, mode: int, known_B: Tensor | None,
    ) -> Tensor:  # fmt: skip
        from scarena.models.foundation.kernels import attention_triton as kernels

        known = q_starts_B1 if known_B is None else known_B.contiguous()
        ragged = kernels.Ragged(q_starts_B1.contiguous(), k_starts_B1.contiguous(), longest_q, longest_k, mode, known)
        o_THK, lse_HT = kernels.forward(q_THK, k_SHK, v_SHK, ragged)
        ctx.save_for_backward(q_THK, k_SHK, v_SHK, o_THK, lse_HT)
        ctx.ragged = ragged
        return o_THK

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        from scarena.models.foundation.kernels import attention_triton as kernels

        found = kernels.backward(grads[0], ctx.ragged, *ctx.saved_tensors)
        return *found, None, None, None, None, None, None
