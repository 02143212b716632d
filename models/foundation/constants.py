"""What predicting without looking at the cell scores: the decoding losses that a model must beat to have learned."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from scarena.models.foundation.objectives import MaskedValue
from scarena.models.foundation.tokenize import PAD
from scarena.models.foundation.train import Group, TrainConfig, draw, validation_views

# Draws of every training group from which the best constants are estimated.
_DRAWS = 4


def gene_means(groups: Sequence[Group]) -> Tensor:
    """Return each gene's mean log1p CP10k over all the cells of `groups`, float32 [n_genes]."""
    total = sum(np.asarray(group.cells.values.sum(axis=0), dtype=np.float64).ravel() for group in groups)
    return torch.from_numpy(total / sum(group.cells.values.shape[0] for group in groups)).float()


def best_constants(groups: Sequence[Group], config: TrainConfig) -> Tensor:
    """Return the constant of each gene with the least loss on the targets of training, float32 [n_genes].

    The loss gives expressed genes half of the weight, so that it is lower with constants above the means.
    """
    n_genes = groups[0].cells.values.shape[1]
    weighted, weight = torch.zeros(n_genes), torch.zeros(n_genes)
    for number, group in enumerate(groups):
        for again in range(_DRAWS):
            views, _ = draw(group, config, np.random.default_rng([config.seed, number, again]))
            for view in views:
                for part in (view.target_values > 0, view.target_values <= 0):
                    chosen = part & (view.target_genes != PAD)
                    genes, values = view.target_genes[chosen], view.target_values[chosen]
                    weighted.index_add_(0, genes, values / max(1, len(genes)))
                    weight.index_add_(0, genes, torch.full_like(values, 1 / max(1, len(genes))))
    return weighted / weight.clamp(min=1e-12)


def _loss(constants: Callable[[int], Tensor], held_out: list[Group], config: TrainConfig) -> float:
    found = []
    for number, views, _ in validation_views(held_out, config):
        value = constants(number)
        losses = [MaskedValue()(value[v.target_genes.clamp(min=0)], v.target_values, v.target_genes) for v in views]
        found.append(float(torch.stack(losses).mean()))
    return float(np.mean(found))


def constant_losses(groups: list[Group], held_out: list[Group], config: TrainConfig) -> dict[str, float]:
    """Return the validation decoding loss of predictors that know genes, and at most the group, but not the cell."""
    means, best = gene_means(groups), best_constants(groups, config)
    of_group = [gene_means([group]) for group in groups]
    return {
        "gene_means": _loss(lambda _: means, held_out, config),
        "gene_means_of_the_group": _loss(lambda number: of_group[number], held_out, config),
        "best_constant_of_each_gene": _loss(lambda _: best, held_out, config),
    }
