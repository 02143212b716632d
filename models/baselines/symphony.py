"""Symphony: a Harmony reference of some batches, onto which the others are mapped (Kang 2021), through symphonypy.

Symphony leaves it to the user what the reference is. Here it is the largest half of the batches, rounded up (ties by
name), so that the choice depends on the data alone; genes, scaling and components come from the reference, and the
mapped cells never move it.
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from anndata import AnnData

from scarena.models.base import Context, Environment, Model, ModelCard
from scarena.models.expression import N_HVG, N_PCS, select_hvg

MAX_SCALED = 10


def reference_batches(batch: pd.Series) -> list[str]:
    """Return the names of the largest half of the batches, rounded up; of equal ones the first by name.

    >>> reference_batches(pd.Series(["a", "b", "b", "c", "c"]))
    ['b', 'c']
    """
    sizes = batch.astype(str).value_counts()
    by_size = sorted(sizes.index, key=lambda name: (-sizes[name], name))
    return by_size[: (len(by_size) + 1) // 2]


def _reference(data: AnnData, ctx: Context) -> AnnData:
    """Return cells with what symphonypy maps by: means, deviations, loadings and, of several batches, their Harmony."""
    import scanpy as sc
    import symphonypy

    reference = select_hvg(data)
    reference.X = reference.X.toarray()
    sc.pp.scale(reference, max_value=MAX_SCALED)
    reference.X = np.clip(reference.X, -MAX_SCALED, MAX_SCALED)
    n_comps = min(N_PCS, reference.n_obs - 1, reference.n_vars - 1)
    sc.pp.pca(reference, n_comps=n_comps, svd_solver="arpack", random_state=ctx.seed)
    reference.obsm["X_pca_harmony"] = reference.obsm["X_pca"]
    if reference.obs["batch"].nunique() > 1:
        symphonypy.pp.harmony_integrate(reference, key="batch", random_seed=ctx.seed, ncores=ctx.threads)
    return reference


class Symphony(Model):
    """Harmony on the largest half of the batches, Symphony's mapping of the others."""

    card = ModelCard(
        name="symphony",
        title="Symphony",
        family="baseline",
        uses_device=False,
        description=(
            "Symphony's mapping of the smaller half of the batches onto Harmony of the larger half (one batch: "
            "onto its principal components)"
        ),
        uses_batch=True,
        trains_on_target=True,
        source="doi:10.1038/s41467-021-25957-x",
        licence="MIT",
        settings={
            "reference": "the largest half of the batches, rounded up",
            "n_top_genes": N_HVG,
            "n_comps": N_PCS,
            "max_scaled": MAX_SCALED,
            "sigma": 0.1,
            "lambda": 1,
        },
        environment=Environment(pip=("symphonypy==0.2.4", "harmonypy==2.1.0")),
    )

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the reference's corrected components and the mapped cells' in the same space."""
        import scanpy as sc
        import symphonypy

        np.random.seed(ctx.seed)  # noqa: NPY002 - symphonypy's k-means of a reference of one batch draws from it
        data = data.copy()
        data.obs["batch"] = data.obs["batch"].astype(str)
        inside = data.obs["batch"].isin(reference_batches(data.obs["batch"])).to_numpy()
        reference = _reference(data[inside].copy(), ctx)
        frames = [pd.DataFrame(reference.obsm["X_pca_harmony"], index=reference.obs_names)]
        if not inside.all():
            query = data[~inside].copy()
            query.X = query.X.astype(np.float32)
            sc.pp.normalize_total(query, target_sum=1e4)
            sc.pp.log1p(query)
            with warnings.catch_warnings():
                # It says that a reference of one batch has no Harmony, which is what the card says too.
                warnings.filterwarnings("ignore", message="Not found `harmony` object")
                symphonypy.tl.map_embedding(query, reference, key="batch", use_genes_column=None)
            frames.append(pd.DataFrame(query.obsm["X_pca_harmony"], index=query.obs_names))
        return pd.concat(frames).loc[data.obs_names].to_numpy(dtype=np.float32)
