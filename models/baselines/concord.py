"""CONCORD: contrastive learning on minibatches that each come from one batch (Zhu 2026)."""

from __future__ import annotations

import warnings

import numpy as np
from anndata import AnnData

from scarena.models.base import Context, Environment, Model, ModelCard
from scarena.models.expression import N_HVG, select_hvg

N_LATENT = 100


class Concord(Model):
    """CONCORD at its package's defaults, with the batch as its domain."""

    card = ModelCard(
        name="concord",
        title="CONCORD",
        family="baseline",
        description="CONCORD (its package's defaults), trained on the highly variable genes, batches as domains",
        uses_batch=True,
        trains_on_target=True,
        source="doi:10.1038/s41587-025-02950-z",
        licence="MIT",
        settings={
            "n_top_genes": N_HVG,
            "latent_dim": N_LATENT,
            "encoder_dims": "1000",
            "batch_size": 256,
            "n_epochs": 15,
            "lr": 0.01,
            "clr_temperature": 0.4,
            "clr_beta": 1.0,
            "element_mask_prob": 0.4,
            "feature_mask_prob": 0.3,
            "p_intra_domain": 1.0,
            "p_intra_knn": 0.0,
        },
        environment=Environment(pip=("concord-sc==1.0.13", "torch==2.13.0")),
    )

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the latent vectors, 100 dimensions; one batch is trained on without domains."""
        import concord
        import torch

        torch.set_num_threads(ctx.threads)
        hvg = select_hvg(data)
        hvg.obs["batch"] = hvg.obs["batch"].astype(str).astype("category")
        several = len(hvg.obs["batch"].cat.categories) > 1
        with warnings.catch_warnings():
            # Its advice on features, samplers and folders: the settings are those of the card.
            warnings.simplefilter("ignore")
            model = concord.Concord(
                hvg,
                save_dir=None,
                input_feature=hvg.var_names.to_list(),
                domain_key="batch" if several else None,
                seed=ctx.seed,
                device=torch.device(ctx.device),
                preload_dense=True,
            )
            model.fit_transform(output_key="concord", save_model=False)
        return np.asarray(hvg.obsm["concord"], dtype=np.float32)
