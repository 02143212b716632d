"""Models that know genes and have no vector of a cell: what they say where they are asked for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scarena.base.errors import NotApplicable
from scarena.models.base import Context, Model

if TYPE_CHECKING:
    import numpy as np
    from anndata import AnnData

HAS_INSTEAD = {
    "genes": "the model has vectors of genes, and none of cells",
    "network": "the model has a network of genes, and no vectors of cells",
    "response": "the model predicts responses to perturbations, and has no vectors of cells",
}
"""By what a card says that the model offers."""


class WithoutCells(Model):
    """A model whose card offers vectors of genes alone, a network, or predicted responses."""

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Say that it has no vectors of cells.

        Raises
        ------
        NotApplicable
            Always.
        """
        raise NotApplicable(HAS_INSTEAD[self.card.offers], where=self.card.name, fix="none needed")
