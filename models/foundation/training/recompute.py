"""Activation checkpointing: a block's activations are computed again in the backward pass instead of kept."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def recompute(blocks: Iterable[nn.Module]) -> None:
    """Make blocks forget their activations: the same gradients, less memory, about a third more computation.

    The names of their parameters stay as they are. Call it once, before the model is handed to `fit`.

    Parameters
    ----------
    blocks
        Modules in sequence, each of which is small beside the whole, as the layers of a transformer are.

    References
    ----------
    Chen 2016, arXiv:1604.06174.
    """
    from torch.utils.checkpoint import checkpoint

    for block in blocks:
        # On the instance, and not as a wrapping module, which would rename the parameters in checkpoints.
        block.forward = functools.partial(checkpoint, block.forward, use_reentrant=False)
