"""What the baselines share: log-normalised counts of batch-aware highly variable genes.

Not a model: each baseline states on its own card what it does with these.
"""

from __future__ import annotations

import warnings

import numpy as np
from anndata import AnnData

from scarena.base.errors import DataError
from scarena.datasets.stored import is_stored
from scarena.models import expression_stored

N_HVG = 2000
N_PCS = 50


def those_who_choose(data: AnnData) -> tuple[AnnData, str | None]:
    """Return the cells of batches of three or more, and scanpy's ``batch_key`` for them: None for one batch."""
    sizes = data.obs["batch"].value_counts()
    chooser = data[data.obs["batch"].isin(sizes.index[sizes >= 3])].copy()
    chooser.obs["batch"] = chooser.obs["batch"].astype(str).astype("category")
    return chooser, "batch" if chooser.obs["batch"].nunique() > 1 else None


def select_hvg(data: AnnData, n_top: int = N_HVG) -> AnnData:
    """Return `data` log-normalised (counts per 10,000, log1p) and cut to its highly variable genes.

    scanpy's "seurat" flavour with ``batch_key``: a gene counts by the number of batches in which it is variable, so
    that a gene which only differs *between* batches is not chosen for it. Raw counts stay in ``layers["counts"]``.
    With no more than `n_top` genes all are kept, since a panel has been selected already. Batches of one or two
    cells have no dispersion; they are left out of the choice, not of the result.
    """
    import scanpy as sc

    data = data.copy()
    data.layers["counts"] = data.X.copy()
    data.X = data.X.astype(np.float32)
    with warnings.catch_warnings():
        # Such a cell keeps its zeros, which is all that can be said of it.
        warnings.filterwarnings("ignore", message="Some cells have zero counts")
        sc.pp.normalize_total(data, target_sum=1e4)
    sc.pp.log1p(data)
    if data.n_vars <= n_top:
        return data
    chooser, batch_key = those_who_choose(data)
    with warnings.catch_warnings():
        # scanpy's own pandas idioms warn on newer pandas; nothing a user can act on.
        warnings.simplefilter("ignore")
        sc.pp.highly_variable_genes(chooser, n_top_genes=n_top, flavor="seurat", batch_key=batch_key)
    return data[:, chooser.var["highly_variable"].to_numpy()].copy()


def countable(data: AnnData) -> tuple[AnnData, np.ndarray]:
    """Return the counted highly variable genes of the counted cells, and which cells those are, bool [n_cells].

    A cell with none of the chosen genes has no library size, which models of counts divide by: it stays out of the fit.
    """
    hvg = select_hvg(data)
    hvg = hvg[:, np.asarray(hvg.layers["counts"].sum(axis=0)).ravel() > 0]
    seen = np.asarray(hvg.layers["counts"].sum(axis=1)).ravel() > 0
    return hvg[seen].copy(), seen


def principal_components(data: AnnData, seed: int, n_comps: int = N_PCS) -> np.ndarray:
    """Return the first principal components of the highly variable genes, float32 [n_cells, ≤ n_comps].

    Raises
    ------
    DataError
        If there are fewer than two cells or two genes.
    """
    import scanpy as sc

    if is_stored(data.X):
        return expression_stored.principal_components(data, N_HVG, n_comps)
    hvg = select_hvg(data)
    n_comps = min(n_comps, hvg.n_obs - 1, hvg.n_vars - 1)
    if n_comps < 1:
        what, fix = f"{hvg.n_obs} cells of {hvg.n_vars} genes have no components", "give more cells and genes"
        raise DataError(what, where="counts", fix=fix)
    sc.pp.pca(hvg, n_comps=n_comps, svd_solver="arpack", random_state=seed)
    return np.asarray(hvg.obsm["X_pca"], dtype=np.float32)
