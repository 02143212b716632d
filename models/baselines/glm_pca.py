"""GLM-PCA: factors of a Poisson model of the counts themselves, in place of PCA after a logarithm (Townes 2019)."""

from __future__ import annotations

import numpy as np
from anndata import AnnData

from scarena.base.errors import ModelError
from scarena.models.base import Context, Environment, Model, ModelCard
from scarena.models.expression import N_HVG, countable

N_FACTORS = 10
# Its authors' remedy where the fit diverges, as it does on counts of full-length protocols.
PENALTIES = (1, 10, 100, 1000)


def _factors(counts: np.ndarray, ctx: Context) -> np.ndarray:
    """Return the factors of counts [n_genes, n_cells] at the first penalty under which the fit converges.

    Raises
    ------
    ModelError
        If it diverges under all of them.
    """
    from glmpca.glmpca import GlmpcaError, glmpca

    for penalty in PENALTIES:
        np.random.seed(ctx.seed)  # noqa: NPY002 - its start is drawn from the global generator
        try:
            with np.errstate(all="ignore"):
                fitted = glmpca(counts, N_FACTORS, fam="poi", penalty=penalty, ctl={"maxIter": 1000, "eps": 1e-4})
        except GlmpcaError as error:
            if "divergence" not in str(error):
                raise
            ctx.log.info("GLM-PCA diverges under a penalty of %d", penalty)
        else:
            return np.asarray(fitted["factors"])
    what = f"the fit diverges under every penalty up to {PENALTIES[-1]}"
    raise ModelError(what, where="glm-pca", fix="leave it out on this dataset")


class GlmPCA(Model):
    """Poisson GLM-PCA at its package's defaults, ten factors."""

    card = ModelCard(
        name="glm-pca",
        title="GLM-PCA",
        family="baseline",
        uses_device=False,
        description=f"{N_FACTORS} factors of a Poisson model of the highly variable genes' counts, no integration",
        uses_batch=True,
        trains_on_target=True,
        source="doi:10.1186/s13059-019-1861-6",
        licence="LGPL-3.0-or-later",
        settings={
            "n_factors": N_FACTORS,
            "fam": "poi",
            "penalty": "1, ten times more while the fit diverges, as is documented; at most 1,000",
            "max_iter": 1000,
            "eps": 1e-4,
            "n_top_genes": N_HVG,
        },
        environment=Environment(pip=("glmpca==0.1.0", "statsmodels")),
    )

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the factors, 10 dimensions; a cell without counts in the chosen genes keeps a zero vector."""
        cells, seen = countable(data)
        counts = cells.layers["counts"].toarray().T.astype(np.float64)
        embedding = np.zeros((data.n_obs, N_FACTORS), dtype=np.float32)
        embedding[seen] = _factors(counts, ctx)
        return embedding
