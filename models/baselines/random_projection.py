"""Random projection: highly variable genes through a Gaussian matrix, nothing learned.

What any linear map to as many dimensions keeps (Johnson & Lindenstrauss 1984); a fitted one has to be above it.
"""

from __future__ import annotations

import numpy as np
from anndata import AnnData

from scarena.models.base import Context, Model, ModelCard
from scarena.models.expression import N_HVG, select_hvg

N_DIMENSIONS = 50


class RandomProjection(Model):
    """Log-normalised highly variable genes times a matrix of independent normal numbers."""

    card = ModelCard(
        name="random-projection",
        title="Random projection",
        family="baseline",
        uses_device=False,
        description=f"a Gaussian random projection of the highly variable genes to {N_DIMENSIONS} dimensions",
        uses_batch=True,
        source="doi:10.1090/conm/026/737400",
        licence="MIT",
        settings={"n_top_genes": N_HVG, "n_components": N_DIMENSIONS},
    )

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the projected cells, 50 dimensions; squared distances between cells are kept in expectation."""
        hvg = select_hvg(data)
        shape = (hvg.n_vars, N_DIMENSIONS)
        matrix = np.random.default_rng(ctx.seed).standard_normal(shape, dtype=np.float32) / np.sqrt(N_DIMENSIONS)
        return np.asarray(hvg.X @ matrix.astype(np.float32), dtype=np.float32)
