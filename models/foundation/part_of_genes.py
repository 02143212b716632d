"""A model over some of its genes, and what that one learned put back.

A step of an optimiser goes over every weight; of the genes of a vocabulary a dataset has some thousand, or a tenth.
"""

from __future__ import annotations

import numpy as np
import torch

from scarena.models.foundation.model import FoundationModel, initialised

_BY_GENE = ("bag.table", "bag.log_weight", "genes.weight", "log_share", "log_dispersion", "zero_logit")
"""How the names of the parameters end that have a row for every gene."""


def over_genes(model: FoundationModel, rows: np.ndarray) -> FoundationModel:
    """Return a copy that knows some genes alone: of cells that express no other it makes the same vectors.

    Parameters
    ----------
    model
        Stays as it is.
    rows
        int, places in its vocabulary, in the order of the copy's.
    """
    chosen = torch.from_numpy(rows)
    part = initialised(model.config.model_copy(update={"n_genes": len(rows)}), 0)
    weights = model.state_dict()
    part.load_state_dict({name: value[chosen] if _by_gene(name) else value for name, value in weights.items()})
    return part


def put_back(model: FoundationModel, part: FoundationModel, rows: np.ndarray) -> FoundationModel:
    """Return a copy of a model with the weights of `part`; other genes keep what they had."""
    whole = initialised(part.config.model_copy(update={"n_genes": model.config.n_genes}), 0)
    learned, before = part.state_dict(), model.state_dict()
    chosen = torch.from_numpy(rows)
    weights = {
        name: before[name].index_copy(0, chosen, value.to(before[name].device)) if _by_gene(name) else value
        for name, value in learned.items()
    }
    whole.load_state_dict(weights)
    return whole


def _by_gene(name: str) -> bool:
    return name.endswith(_BY_GENE)
