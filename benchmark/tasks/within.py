"""What the task `intra-type` compares embeddings with: neighbours before integration, within batches and types."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from anndata import AnnData

_GENES, _COMPONENTS = 2000, 50
_KEYS = ("batch", "cell_type")


def neighbours_before(log: AnnData) -> dict[str, np.ndarray]:
    """Return rows of the nearest cells ``[n_cells, 15]`` of each cell; −1 where its group is too small.

    ``near_batch``: within its batch, by 50 principal components of the batch. ``near_half_a`` and ``near_half_b``:
    within its type of its batch, by components of either half of the genes.

    Parameters
    ----------
    log
        Log-normalised expression with ``batch`` and ``cell_type``.
    """
    from scarena.metrics.within import SMALLEST, K, near_within

    batch, label = (log.obs[key].astype("category").cat.codes.to_numpy().astype(np.int64) for key in _KEYS)
    within = batch * (int(label.max()) + 1) + label
    half = np.random.default_rng(0).permutation(log.n_vars) % 2 == 0
    parts = {"near_batch": (batch, slice(None)), "near_half_a": (within, half), "near_half_b": (within, ~half)}
    found = {}
    for key, (groups, genes) in parts.items():
        near = np.full((log.n_obs, K), -1, np.int32)
        for group in np.unique(groups):
            rows = np.flatnonzero(groups == group)
            if len(rows) >= SMALLEST:
                components = variable_components(log[rows, genes], _GENES, _COMPONENTS)
                near[rows] = rows[near_within(components, np.zeros(len(rows), np.int64))]
        found[key] = near
    return found


def variable_components(part: AnnData, n_genes: int, n_components: int) -> np.ndarray:
    """Return principal components ``[n_cells, ≤ n_components]`` of the most variable of log-normalised genes."""
    import scanpy as sc

    part = part.copy()
    with warnings.catch_warnings():
        # scanpy's own pandas idioms warn on newer pandas; nothing a user can act on.
        warnings.simplefilter("ignore")
        if part.n_vars > n_genes:
            sc.pp.highly_variable_genes(part, n_top_genes=n_genes, flavor="seurat")
            part = part[:, part.var["highly_variable"].to_numpy()].copy()
    n_components = min(n_components, part.n_vars - 1, part.n_obs - 1)
    sc.pp.pca(part, n_comps=n_components, svd_solver="arpack", random_state=0)
    return np.asarray(part.obsm["X_pca"], np.float32)
