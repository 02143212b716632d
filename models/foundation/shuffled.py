"""A model whose weights of genes were dealt out to other genes: a control of what they know."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch

from scarena.base.errors import ModelError

if TYPE_CHECKING:
    from scarena.models.foundation.model import FoundationModel


def with_shuffled_weights(model: FoundationModel, seed: int) -> FoundationModel:
    """Return a copy with the same weights at other genes, by the seed.

    Raises
    ------
    ModelError
        If its genes have no weights.
    """
    copied = copy.deepcopy(model)
    if copied.encoder.bag.log_weight is None:
        raise ModelError("its genes have no weights", where="shuffled", fix="take a model with gene_weights")
    held_V = copied.encoder.bag.log_weight.data
    held_V.copy_(held_V[torch.randperm(len(held_V), generator=torch.Generator().manual_seed(seed))])
    return copied
