"""HVG: the expression of highly variable genes itself, with nothing learned from it."""

from __future__ import annotations

import numpy as np
from anndata import AnnData

from scarena.datasets.stored import is_stored
from scarena.models.base import Context, Model, ModelCard
from scarena.models.expression import N_HVG, select_hvg
from scarena.models.expression_stored import hvg_matrix


class HVG(Model):
    """Log-normalised counts of 2,000 batch-aware highly variable genes."""

    card = ModelCard(
        name="hvg",
        title="HVG",
        family="baseline",
        draws=False,
        uses_device=False,
        description="log1p CP10k of batch-aware highly variable genes (scanpy, seurat flavour)",
        uses_batch=True,
        out_of_core=True,
        source="scanpy.pp.highly_variable_genes",
        licence="BSD-3-Clause",
        settings={"n_top_genes": N_HVG, "flavor": "seurat", "target_sum": 10000},
    )

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the dense matrix of highly variable genes."""
        if is_stored(data.X):
            return hvg_matrix(data, N_HVG)
        matrix = select_hvg(data).X
        return np.asarray(matrix.toarray(), dtype=np.float32)
