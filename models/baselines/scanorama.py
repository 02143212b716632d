"""Scanorama: batches stitched along mutual nearest neighbours, panorama-like (Hie 2019)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from anndata import AnnData

from scarena.models.base import Context, Environment, Model, ModelCard
from scarena.models.expression import N_HVG, select_hvg

N_DIMENSIONS = 100


class Scanorama(Model):
    """Scanorama's integrated dimensions at its defaults."""

    card = ModelCard(
        name="scanorama",
        title="Scanorama",
        family="baseline",
        uses_device=False,
        description="Scanorama at its defaults on the highly variable genes; one batch: its dimensions unintegrated",
        uses_batch=True,
        trains_on_target=True,
        source="doi:10.1038/s41587-019-0113-3",
        licence="MIT",
        settings={
            "n_top_genes": N_HVG,
            "dimred": N_DIMENSIONS,
            "knn": 20,
            "sigma": 15,
            "alpha": 0.1,
            "approx": True,
            "batch_size": 5000,
        },
        environment=Environment(pip=("scanorama==1.7.4",)),
    )

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the integrated dimensions, 100 or as many as there are genes."""
        import scanorama

        hvg = select_hvg(data)
        batch = hvg.obs["batch"].astype(str)
        parts = [hvg[(batch == name).to_numpy()] for name in sorted(batch.unique())]
        # It writes into the lists it is given.
        vectors, _ = scanorama.integrate(
            [part.X.copy() for part in parts],
            [part.var_names.to_list() for part in parts],
            dimred=min(N_DIMENSIONS, hvg.n_vars - 1, hvg.n_obs - 1),
            seed=ctx.seed,
            verbose=False,
        )
        frames = [pd.DataFrame(each, index=part.obs_names) for each, part in zip(vectors, parts, strict=True)]
        return pd.concat(frames).loc[data.obs_names].to_numpy(dtype=np.float32)
