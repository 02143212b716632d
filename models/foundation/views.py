"""Two views of the same cells for pretraining and adaptation: disjoint genes, fewer counts, a made-up batch effect.

A view is what an encoder is shown (:class:`Packed`) and what is asked of it: the counts of genes it was not shown.

Shapes: B cells, T tokens, N targets, V genes of the vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from scarena.models.foundation.packed import Packed
from scarena.models.foundation.tokenize import Cells


class ViewConfig(BaseModel):
    """How two views of a cell differ."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    least_kept: float = Field(
        0.3, gt=0, le=1, description="a view keeps each count with a chance of its own from here to 1"
    )
    batch_effect: float = Field(0.4, ge=0, description="SD of log gene-wise factors shared by the cells of a view")
    technology: float = Field(
        0.0, ge=0, description="SD of the multiple of what two studies of the atlas differ in, beside it; needs one"
    )
    targets: int = Field(64, ge=0, description="expressed genes of the other view that are asked, at most")
    zeros: int = Field(32, ge=0, description="measured genes of the other panel, most of them zeros, that are asked")


@dataclass(frozen=True, slots=True)
class Targets:
    """Genes and counts that a decoder is asked for, ragged like :class:`Packed`."""

    genes_N: Tensor
    counts_N: Tensor
    starts_B1: Tensor

    def to(self, where: torch.device | str) -> Targets:
        """Return the same on another device."""
        return Targets(*(each.to(where, non_blocking=True) for each in (self.genes_N, self.counts_N, self.starts_B1)))


@dataclass(frozen=True, slots=True)
class View:
    """What the encoder sees of some cells, and what the decoder may be asked."""

    cells: Packed
    unseen: Targets
    """Genes of the other view."""
    own: Targets
    """Genes of this view, with all of their counts."""


def two_views(
    cells: Cells, measured_V: np.ndarray, config: ViewConfig, rng: np.random.Generator,
    technology_KV: np.ndarray | None = None,
) -> tuple[View, View]:  # fmt: skip
    """Return two views of the same cells that share no gene.

    Parameters
    ----------
    cells
        Of one group.
    measured_V
        bool, the genes that the group's dataset has: only of these is a missing count a zero.
    config
        See :class:`ViewConfig`.
    rng
        Decides the panels, the same for all cells, as between two assays; and everything else.
    technology_KV
        Log ratios of pairs of studies, of which each view is given a multiple of one; see `technology`.
    """
    n_genes = len(measured_V)
    panel_V = rng.random(n_genes) < 0.5
    views = []
    for mine_V in (panel_V, ~panel_V):
        log_V = config.batch_effect * rng.standard_normal(n_genes)
        if config.technology and technology_KV is not None and len(technology_KV):
            pair = int(rng.integers(len(technology_KV)))
            log_V = log_V + config.technology * rng.standard_normal() * technology_KV[pair]
        effect_V = np.exp(log_V).astype(np.float32)
        seed = int(rng.integers(1 << 62))
        shown = _shown(cells, mine_V, effect_V, config, seed)
        asked = (_targets(cells, measured_V & theirs_V, config, seed + 1) for theirs_V in (~mine_V, mine_V))
        views.append(View(shown, *asked))
    return views[0], views[1]


def _shown(cells: Cells, mine_V: np.ndarray, effect_V: np.ndarray, config: ViewConfig, seed: int) -> Packed:
    from scarena.models.foundation.view_kernels import show

    values = np.empty(len(cells.genes_N), np.float32)
    show(
        cells.starts_B1, cells.genes_N, cells.counts_N, cells.depth_B, mine_V, effect_V,
        config.least_kept, np.uint64(seed), values,
    )  # fmt: skip
    chosen = values > 0
    ends = np.concatenate([[0], np.cumsum(chosen)])[cells.starts_B1].astype(np.int32)
    longest = int(np.diff(ends).max(initial=0))
    genes_T, values_T = torch.from_numpy(cells.genes_N[chosen]), torch.from_numpy(values[chosen])
    return Packed(genes_T, values_T, torch.from_numpy(ends), longest)


def _targets(cells: Cells, asked_V: np.ndarray, config: ViewConfig, seed: int) -> Targets:
    from scarena.models.foundation.view_kernels import ask

    width = config.targets + config.zeros
    if not width:
        nothing = torch.zeros(len(cells.depth_B) + 1, dtype=torch.int32)
        return Targets(torch.zeros(0, dtype=torch.int32), torch.zeros(0), nothing)
    genes = np.empty((len(cells.depth_B), width), np.int32)
    counts = np.empty((len(cells.depth_B), width), np.float32)
    kept = np.empty(len(cells.depth_B), np.int32)
    places = np.flatnonzero(asked_V).astype(np.int32)
    ask(
        cells.starts_B1, cells.genes_N, cells.counts_N, asked_V, places, config.targets, config.zeros,
        np.uint64(seed), genes, counts, kept,
    )  # fmt: skip
    chosen = np.arange(width) < kept[:, None]
    starts = np.concatenate([[0], np.cumsum(kept)]).astype(np.int32)
    return Targets(*(torch.from_numpy(each) for each in (genes[chosen], counts[chosen], starts)))
