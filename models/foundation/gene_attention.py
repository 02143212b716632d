"""The attention that a transformer's layers pay, which its kernels never write down: computed again beside them.

Shapes: T tokens of all cells, L tokens of a cell, H heads, K head width, G genes that are scored, V genes of the
vocabulary.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from scarena.models.foundation.model import Attention
    from scarena.models.foundation.packed import Packed


class Hooked:
    """A hook that is there within a `with` block."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle

    def __enter__(self) -> None:
        return None

    def __exit__(self, *raised: object) -> None:
        self.handle.remove()


class AttentionSums:
    """Sums of attention between some genes, filled by hooks as cells pass through the blocks."""

    def __init__(self, scored: np.ndarray, n_genes: int) -> None:
        self.at_V = np.full(n_genes, -1)
        self.at_V[scored] = np.arange(len(scored))
        self.sum_GG = np.zeros((len(scored), len(scored)))
        self.cells_GG = np.zeros((len(scored), len(scored)), np.int64)

    def begin(self, tokens: Packed) -> None:
        """Look up which tokens of the next cells are scored, and count them."""
        at_T, starts_B1 = self.at_V[tokens.genes_T.cpu().numpy()], tokens.starts_B1.tolist()
        self.cells: list[tuple[int, int, np.ndarray, np.ndarray]] = []
        for first, last in itertools.pairwise(starts_B1):
            rows = np.flatnonzero(at_T[first:last] >= 0)
            genes = at_T[first:last][rows]
            self.cells.append((first, last, rows, genes))
            self.cells_GG[np.ix_(genes, genes)] += 1

    def look(self, attention: Attention, given: tuple[Any, ...]) -> None:
        """Add what an attention layer is about to look at."""
        asking_TD, told_TD, _, _, mask, _ = given
        q_THK = attention.norm_q(attention.q(asking_TD).unflatten(-1, (attention.heads, -1)))
        k_THK = attention.norm_k(attention.kv(told_TD).chunk(2, dim=-1)[0].unflatten(-1, (attention.heads, -1)))
        for first, last, rows, genes in self.cells:
            if not len(rows):
                continue
            # Of the whole cell for each gene that is scored: they share their attention with those that are not.
            asked = torch.from_numpy(rows).to(q_THK.device)
            score_HGL = torch.einsum("ghk,lhk->hgl", q_THK[first:last][asked], k_THK[first:last])
            score_HGL = score_HGL.float() * q_THK.shape[-1] ** -0.5
            if mask == "causal":
                hidden_GL = torch.arange(last - first, device=asked.device) > asked[:, None]
                score_HGL = score_HGL.masked_fill(hidden_GL, -torch.inf)
            mean_GG = score_HGL.softmax(-1).mean(0)[:, asked]
            self.sum_GG[np.ix_(genes, genes)] += mean_GG.cpu().numpy()
