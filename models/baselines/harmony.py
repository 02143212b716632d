"""Harmony: principal components with the batches pulled together (Korsunsky 2019), through harmonypy."""

from __future__ import annotations

import numpy as np
from anndata import AnnData

from scarena.base.errors import ModelError, NotApplicable
from scarena.models.base import Context, Model, ModelCard
from scarena.models.expression import N_HVG, N_PCS, principal_components

_FEWEST = 16
"""Cells: harmonypy makes a cluster of every thirty, rounded."""


def harmonised(vectors: np.ndarray, batch: np.ndarray, seed: int, threads: int) -> np.ndarray:
    """Return vectors of cells, float32 [n_cells, n_dims], corrected for their batches at harmonypy's defaults."""
    import harmonypy
    import pandas as pd

    if len(vectors) < _FEWEST:
        what = f"{len(vectors)} cells, of which harmonypy makes no cluster"
        raise NotApplicable(what, where="harmony", fix=f"give at least {_FEWEST} cells")
    batches = pd.DataFrame({"batch": batch})
    result = harmonypy.run_harmony(
        vectors.astype(np.float64), batches, ["batch"], random_state=seed, ncores=threads, verbose=False
    )
    corrected = np.asarray(result.Z_corr, dtype=np.float32)
    # harmonypy has changed the orientation of Z_corr between releases, and a transposed embedding once got
    # published: cells × components is asserted, never guessed.
    if corrected.shape != vectors.shape:
        raise ModelError(
            f"Z_corr is {corrected.shape}, expected {vectors.shape}",
            where="harmony",
            fix=f"install a harmonypy whose Z_corr is cells x components (this one is {harmonypy.__version__})",
        )
    return corrected


class Harmony(Model):
    """Harmony at harmonypy's defaults on 50 principal components."""

    card = ModelCard(
        name="harmony",
        title="Harmony",
        family="baseline",
        uses_device=False,
        description="Harmony (harmonypy's defaults) on 50 principal components of the highly variable genes",
        uses_batch=True,
        out_of_core=True,
        trains_on_target=True,
        source="doi:10.1038/s41592-019-0619-0",
        licence="GPL-3.0",
        settings={"n_top_genes": N_HVG, "n_comps": N_PCS, "max_iter_harmony": 10},
    )

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the corrected components; with one batch there is nothing to correct and PCA's are returned."""
        pcs = principal_components(data, ctx.seed)
        if data.obs["batch"].nunique() < 2:
            ctx.log.warning("one batch: Harmony has nothing to correct, the principal components are returned")
            return pcs
        return harmonised(pcs, data.obs["batch"].astype(str).to_numpy(), ctx.seed, ctx.threads)
