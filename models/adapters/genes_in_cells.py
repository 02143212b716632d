"""scGPT's and Geneformer's genes in their cells: the mean of a gene's token after the last layer, over a sample.

Folder: as of the model that a name begins with; `checkpoints:` names it for each by itself.
"""

from __future__ import annotations

from typing import Any

from scarena.models.adapters.geneformer import Geneformer
from scarena.models.adapters.scgpt import ScGPT
from scarena.models.adapters.shared.in_cells import FEWEST, InCells
from scarena.models.base import ModelCard
from scarena.models.genes.corpus import CARDS, SAMPLED


def _card(of: ModelCard, layer: str) -> ModelCard:
    told: dict[str, Any] = {
        "name": f"{of.name}-gene-context", "title": f"{of.title} (genes in cells)", "offers": "genes",
        "description": f"mean of a gene's token after the {layer} layer, over the reference cells that read it",
        "settings": {
            **of.settings, "reference_cells": SAMPLED * len(CARDS), "reference": ", ".join(CARDS),
            "fewest_cells": FEWEST,
        },
    }  # fmt: skip
    return of.model_copy(update=told)


class ScGPTInCells(InCells, ScGPT):
    """A frozen scGPT's last layer."""

    by = "symbol"
    card = _card(ScGPT.card, "last")


class GeneformerInCells(InCells, Geneformer):
    """A frozen Geneformer's second to last layer, as its authors read it."""

    card = _card(Geneformer.card, "second to last")
