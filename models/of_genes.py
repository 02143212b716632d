"""Models of genes: they have a vector for a gene and none for a cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scarena.base.errors import NotApplicable
from scarena.models.base import Context, Model

if TYPE_CHECKING:
    import numpy as np
    from anndata import AnnData


class GeneModel(Model):
    """One way of having a vector for each gene. A subclass a file.

    Its card says ``offers="genes"``; `gene_vectors` is all it has to do.
    """

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Say that it has no vectors of cells.

        Raises
        ------
        NotApplicable
            Always.
        """
        raise NotApplicable("it has vectors of genes, and none of cells", where=self.card.name, fix="none needed")
