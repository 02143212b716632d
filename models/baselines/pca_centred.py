"""PCA of expression centred in each batch: the simplest removal of a batch effect, a shift of every gene.

It also takes away what types a batch has, where batches have different ones. Where batches are species, it is the
centring by species.
"""

from __future__ import annotations

import numpy as np
from anndata import AnnData

from scarena.base.errors import NotApplicable
from scarena.models.base import Context, Model, ModelCard
from scarena.models.baselines.hvg import HVG
from scarena.models.expression import N_HVG, N_PCS


class PCACentred(Model):
    """Principal components of log-normalised highly variable genes, each batch about its own mean."""

    card = ModelCard(
        name="pca-centred",
        title="PCA, batches centred",
        family="baseline",
        draws=False,
        uses_device=False,
        description="50 principal components of the highly variable genes after each batch's mean was subtracted",
        uses_batch=True,
        out_of_core=True,
        trains_on_target=True,
        source="models/baselines",
        licence="MIT",
        settings={"n_top_genes": N_HVG, "n_comps": N_PCS},
    )

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the components, float32 [n_cells, ≤ 50]; the largest loading of each is positive.

        Raises
        ------
        NotApplicable
            If nothing is left within batches, as where each has one cell.
        """
        matrix = HVG().embed(data, ctx)
        batches = np.unique(data.obs["batch"].astype(str), return_inverse=True)[1]
        n_comps = min(N_PCS, data.n_obs - int(batches.max()) - 1, data.n_vars - 1)
        if n_comps < 1:
            fix = "none needed: use batches of several cells"
            what = f"{data.n_obs} cells in {batches.max() + 1} batches leave nothing within batches"
            raise NotApplicable(what, where="batch", fix=fix)
        return components(centred(matrix, batches), n_comps)


def centred(matrix: np.ndarray, batches: np.ndarray) -> np.ndarray:
    """Return the matrix [n_cells, n_genes] with the mean of each batch subtracted from its cells."""
    for batch in np.unique(batches):
        rows = batches == batch
        matrix[rows] -= matrix[rows].mean(axis=0, dtype=np.float64)
    return matrix


def components(matrix: np.ndarray, n_comps: int) -> np.ndarray:
    """Return the first principal components of a centred matrix, float32 [n_cells, n_comps]; exact, no seed."""
    loadings = np.linalg.eigh((matrix.T @ matrix).astype(np.float64))[1][:, ::-1][:, :n_comps]
    largest = loadings[np.abs(loadings).argmax(axis=0), np.arange(loadings.shape[1])]
    return matrix @ (loadings * np.where(largest < 0, -1, 1)).astype(np.float32)
