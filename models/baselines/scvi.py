"""scVI: a variational autoencoder trained on the dataset itself (Lopez 2018), through scvi-tools."""

from __future__ import annotations

import numpy as np
from anndata import AnnData

from scarena.models.base import Context, Model, ModelCard
from scarena.models.baselines.variational import heuristic_epochs, latent_of, seeded, train, work_of
from scarena.models.expression import N_HVG, countable


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

    @classmethod
    def work(cls, cells: int, genes: int) -> float:
        """Return its passes over the cells; that early stopping may end it before is not counted."""
        return work_of(cells, genes, heuristic_epochs(cells))

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Train on the counts of the highly variable genes and return the posterior means, 30 dimensions."""
        import scvi

        cells, seen = countable(data)
        with seeded(ctx):
            scvi.model.SCVI.setup_anndata(cells, layer="counts", batch_key="batch")
            model = scvi.model.SCVI(cells, n_layers=2, n_latent=30, gene_likelihood="nb")
            train(model, ctx, early_stopping=True)
            return latent_of(model, seen)
