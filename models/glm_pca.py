"""GLM-PCA: factors of a Poisson model of the counts themselves, in place of PCA after a logarithm (Townes 2019)."""

from __future__ import annotations

import numpy as np
from anndata import AnnData

from scarena.models.base import Context, Environment, Model, ModelCard
from scarena.models.expression import N_HVG, countable

N_FACTORS = 10
PENALTY = 1


class GlmPCA(Model):
    """Poisson GLM-PCA at its package's defaults, ten factors."""

    card = ModelCard(
        name="glm-pca",
        title="GLM-PCA",
        family="baseline",
        description=f"{N_FACTORS} factors of a Poisson model of the highly variable genes' counts, no integration",
        uses_batch=True,
        trains_on_target=True,
        source="doi:10.1186/s13059-019-1861-6",
        licence="LGPL-3.0-or-later",
        settings={
            "n_factors": N_FACTORS,
            "fam": "poi",
            "penalty": PENALTY,
            "max_iter": 1000,
            "eps": 1e-4,
            "n_top_genes": N_HVG,
        },
        environment=Environment(pip=("glmpca==0.1.0", "statsmodels")),
    )

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the factors, 10 dimensions; a cell without counts in the chosen genes keeps a zero vector."""
        from glmpca.glmpca import glmpca

        cells, seen = countable(data)
        counts = cells.layers["counts"].toarray().T.astype(np.float64)
        np.random.seed(ctx.seed)  # noqa: NPY002 - its start is drawn from the global generator
        fitted = glmpca(counts, N_FACTORS, fam="poi", penalty=PENALTY, ctl={"maxIter": 1000, "eps": 1e-4})
        embedding = np.zeros((data.n_obs, N_FACTORS), dtype=np.float32)
        embedding[seen] = fitted["factors"]
        return embedding
