"""What pretraining minimises. Each objective is an object that maps model outputs to one number."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from scarena.models.foundation.tokenize import PAD


@dataclass(frozen=True, slots=True)
class MaskedValue:
    """Mean squared error of the values of genes hidden from the encoder, expressed ones and zeros weighing the same."""

    def __call__(self, predicted_BT: Tensor, true_BT: Tensor, genes_BT: Tensor) -> Tensor:
        """Return the loss, ≥ 0; targets that are padding do not count."""
        error = (predicted_BT - true_BT) ** 2
        real = genes_BT != PAD
        parts = [error[real & chosen] for chosen in (true_BT > 0, true_BT <= 0)]
        return torch.stack([part.mean() for part in parts if part.numel()]).mean()


@dataclass(frozen=True, slots=True)
class DisjointPanels:
    """Two views of a cell through genes they do not share must find each other among the cells of one batch.

    Symmetric InfoNCE. Because all cells of a step come from one batch, what tells batches apart is of no help.
    """

    temperature: float = 0.2

    def __call__(self, first_BZ: Tensor, second_BZ: Tensor) -> Tensor:
        """Return the loss; log of the number of cells where the views say nothing, towards 0 where they agree."""
        similarity = F.normalize(first_BZ, dim=-1) @ F.normalize(second_BZ, dim=-1).T / self.temperature
        same = torch.arange(len(similarity), device=similarity.device)
        return (F.cross_entropy(similarity, same) + F.cross_entropy(similarity.T, same)) / 2
