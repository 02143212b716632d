"""A running mean of the weights over the steps, which generalises better than the last ones (arXiv:1803.05407)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch

from scarena.models.foundation.training.optimisers import trained

if TYPE_CHECKING:
    from torch import Tensor, nn


def effective_decay(decay: float, updates: int) -> float:
    """Return the decay of an update: smaller at first, so that the initial weights are forgotten in a short run too."""
    return min(decay, (1 + updates) / (10 + updates))


class Ema:
    """The running mean of a model's trained parameters."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.parameters = trained(model)
        self.mean: dict[str, Tensor] = {name: value.detach().clone() for name, value in self.parameters.items()}

    @torch.no_grad()
    def update(self, updates: int) -> None:
        """Take in the present weights; `updates` is the number of updates before this one."""
        weight = 1 - effective_decay(self.decay, updates)
        for name, value in self.parameters.items():
            self.mean[name].lerp_(value, weight)

    @torch.no_grad()
    def write(self) -> None:
        """Set the model's weights to the mean."""
        for name, value in self.parameters.items():
            value.copy_(self.mean[name])

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Run the model on the mean, then give back the very weights it had."""
        # Copied, not swapped by pointer: sharded parameters keep references of their own to their storage.
        kept = {name: value.detach().clone() for name, value in self.parameters.items()}
        self.write()
        try:
            yield
        finally:
            with torch.no_grad():
                for name, value in self.parameters.items():
                    value.copy_(kept[name])
