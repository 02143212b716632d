"""scVI: a variational autoencoder trained on the dataset itself (Lopez 2018), through scvi-tools."""

from __future__ import annotations

import logging
import warnings

import numpy as np
from anndata import AnnData

from scarena.models.base import Context, Model, ModelCard
from scarena.models.expression import N_HVG, select_hvg


class ScVI(Model):
    """scVI with the settings its authors document for integration."""

    card = ModelCard(
        name="scvi",
        title="scVI",
        family="baseline",
        description="scVI at its documented integration settings, trained on the dataset it embeds",
        uses_batch=True,
        trains_on_target=True,
        source="doi:10.1038/s41592-018-0229-2",
        licence="BSD-3-Clause",
        settings={
            "n_layers": 2,
            "n_latent": 30,
            "gene_likelihood": "nb",
            "early_stopping": True,
            "max_epochs": "scvi-tools' heuristic: min(400, 20,000 / n_cells · 400)",
            "n_top_genes": N_HVG,
        },
    )

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Train on the counts of the highly variable genes and return the posterior means, 30 dimensions."""
        import scvi
        import torch

        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        torch.set_num_threads(ctx.threads)
        scvi.settings.seed = ctx.seed
        hvg = select_hvg(data)
        hvg = hvg[:, np.asarray(hvg.layers["counts"].sum(axis=0)).ravel() > 0].copy()
        empty = np.asarray(hvg.layers["counts"].sum(axis=1)).ravel() == 0
        # A cell with none of the chosen genes has no library size and turns the loss to NaN: it keeps a zero vector.
        seen = hvg[~empty].copy()
        with warnings.catch_warnings():
            # Lightning's advice on data-loader workers and scvi-tools' pandas idioms: nothing a user can act on.
            warnings.simplefilter("ignore")
            scvi.model.SCVI.setup_anndata(seen, layer="counts", batch_key="batch")
            trainer = scvi.model.SCVI(seen, n_layers=2, n_latent=30, gene_likelihood="nb")
            trainer.train(
                early_stopping=True,
                accelerator="gpu" if ctx.device.startswith("cuda") else "cpu",
                devices=1,
                enable_progress_bar=False,
                logger=False,
            )
            latent = np.asarray(trainer.get_latent_representation(), dtype=np.float32)
        embedding = np.zeros((hvg.n_obs, latent.shape[1]), dtype=np.float32)
        embedding[~empty] = latent
        return embedding
