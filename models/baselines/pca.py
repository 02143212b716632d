"""PCA: fifty principal components of the highly variable genes; no integration."""

from __future__ import annotations

import numpy as np
from anndata import AnnData

from scarena.models.base import Context, Model, ModelCard
from scarena.models.expression import N_HVG, N_PCS, principal_components


class PCA(Model):
    """Principal components of log-normalised highly variable genes."""

    card = ModelCard(
        name="pca",
        title="PCA",
        family="baseline",
        draws=False,
        uses_device=False,
        description="50 principal components of the highly variable genes, no integration",
        uses_batch=True,
        out_of_core=True,
        trains_on_target=True,
        source="scanpy.pp.pca",
        licence="BSD-3-Clause",
        settings={"n_top_genes": N_HVG, "n_comps": N_PCS},
    )

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the principal components."""
        return principal_components(data, ctx.seed)
