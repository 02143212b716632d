"""Models of genes: they have a vector for a gene and none for a cell."""

from __future__ import annotations

from scarena.models.without_cells import WithoutCells


class GeneModel(WithoutCells):
    """One way of having a vector for each gene. A subclass a file.

    Its card says ``offers="genes"``; `gene_vectors` is all it has to do.
    """
