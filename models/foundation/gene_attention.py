"""The attention that a transformer's layers pay, which its kernels never write down: computed again beside them.

Shapes: T tokens of all cells, L tokens of a cell, H heads, K head width, S genes that look, G genes that are looked at,
V genes of the vocabulary.
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
    """Sums of attention between some genes, filled by hooks as cells pass through the blocks.

    Parameters
    ----------
    scored
        Places in the vocabulary of the genes that are looked at.
    n_genes
        Of the vocabulary.
    looking
        Places of the genes that look; the same where not given.
    """

    def __init__(self, scored: np.ndarray, n_genes: int, looking: np.ndarray | None = None) -> None:
        looking = scored if looking is None else looking
        self.from_V, self.at_V = (np.full(n_genes, -1) for _ in range(2))
        self.from_V[looking], self.at_V[scored] = np.arange(len(looking)), np.arange(len(scored))
        self.sum_SG = np.zeros((len(looking), len(scored)))
        self.cells_SG = np.zeros((len(looking), len(scored)), np.int64)

    def begin(self, tokens: Packed) -> None:
        """Look up which tokens of the next cells look and are looked at, and count them."""
        genes_T, starts_B1 = tokens.genes_T.cpu().numpy(), tokens.starts_B1.tolist()
        from_T, at_T = self.from_V[genes_T], self.at_V[genes_T]
        self.cells: list[tuple[int, int, np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]] = []
        for first, last in itertools.pairwise(starts_B1):
            rows, columns = np.flatnonzero(from_T[first:last] >= 0), np.flatnonzero(at_T[first:last] >= 0)
            pairs = np.ix_(from_T[first:last][rows], at_T[first:last][columns])
            self.cells.append((first, last, rows, columns, pairs))
            self.cells_SG[pairs] += 1

    def look(self, attention: Attention, given: tuple[Any, ...]) -> None:
        """Add what an attention layer is about to look at."""
        asking_TD, told_TD, _, _, mask, _ = given
        q_THK = attention.norm_q(attention.q(asking_TD).unflatten(-1, (attention.heads, -1)))
        k_THK = attention.norm_k(attention.kv(told_TD).chunk(2, dim=-1)[0].unflatten(-1, (attention.heads, -1)))
        for first, last, rows, columns, pairs in self.cells:
            if not len(rows):
                continue
            # Of the whole cell for each gene that looks: it shares its attention with those that are not scored.
            asked = torch.from_numpy(rows).to(q_THK.device)
            score_HSL = torch.einsum("shk,lhk->hsl", q_THK[first:last][asked], k_THK[first:last])
            score_HSL = score_HSL.float() * q_THK.shape[-1] ** -0.5
            if mask == "causal":
                hidden_SL = torch.arange(last - first, device=asked.device) > asked[:, None]
                score_HSL = score_HSL.masked_fill(hidden_SL, -torch.inf)
            mean_SG = score_HSL.softmax(-1).mean(0)[:, torch.from_numpy(columns).to(asked.device)]
            self.sum_SG[pairs] += mean_SG.cpu().numpy()
