"""PCA of analytic Pearson residuals: counts against a negative binomial null model (Lause 2021), through scanpy."""

from __future__ import annotations

import warnings

import numpy as np
from anndata import AnnData

from scarena.models.base import Context, Model, ModelCard
from scarena.models.expression import N_HVG, N_PCS, those_who_choose

THETA = 100


def _select(counts: AnnData) -> AnnData:
    """Return the genes whose residuals vary most within batches, of those that were counted at all."""
    import scanpy as sc

    counts = counts[:, np.asarray(counts.X.sum(axis=0)).ravel() > 0].copy()
    if counts.n_vars <= N_HVG:
        return counts
    chooser, batch_key = those_who_choose(counts)
    with warnings.catch_warnings():
        # scanpy's own pandas idioms warn on newer pandas; nothing a user can act on.
        warnings.simplefilter("ignore")
        sc.experimental.pp.highly_variable_genes(chooser, theta=THETA, n_top_genes=N_HVG, batch_key=batch_key)
    return counts[:, chooser.var["highly_variable"].to_numpy()]


class PearsonPCA(Model):
    """Principal components of Pearson residuals at scanpy's defaults."""

    card = ModelCard(
        name="pearson-pca",
        title="Pearson residuals + PCA",
        family="baseline",
        draws=False,
        uses_device=False,
        description=(
            "50 principal components of analytic Pearson residuals of the genes whose residuals vary most within "
            "batches; the components are not integrated"
        ),
        uses_batch=True,
        trains_on_target=True,
        source="doi:10.1186/s13059-021-02451-7",
        licence="BSD-3-Clause",
        settings={"theta": THETA, "clip": "sqrt(n_cells)", "n_top_genes": N_HVG, "n_comps": N_PCS},
    )

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the components; a cell without counts has no expectation, and its vector is zero."""
        import scanpy as sc

        data = data.copy()
        data.X = data.X.astype(np.float32)
        # scanpy takes every stored entry for a count above zero.
        data.X.eliminate_zeros()
        chosen = _select(data[np.asarray(data.X.sum(axis=1)).ravel() > 0])
        chosen = chosen[np.asarray(chosen.X.sum(axis=1)).ravel() > 0].copy()
        sc.experimental.pp.normalize_pearson_residuals(chosen, theta=THETA)
        n_comps = min(N_PCS, chosen.n_obs - 1, chosen.n_vars - 1)
        sc.pp.pca(chosen, n_comps=n_comps, svd_solver="arpack", random_state=ctx.seed)
        embedding = np.zeros((data.n_obs, n_comps), dtype=np.float32)
        embedding[data.obs_names.get_indexer(chosen.obs_names)] = chosen.obsm["X_pca"]
        return embedding
