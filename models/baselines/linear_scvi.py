"""Linear scVI (LDVAE): scVI whose decoder is one matrix, each dimension a weighting of genes (Svensson 2020)."""

from __future__ import annotations

import numpy as np
from anndata import AnnData

from scarena.models.base import Context, Model, ModelCard
from scarena.models.baselines.variational import heuristic_epochs, latent_of, seeded, train, work_of
from scarena.models.expression import N_HVG, countable

N_LATENT = 10
LEARNING_RATE = 5e-3
EPOCHS = 250
# Up to so many cells scvi-tools' heuristic, min(400, 20,000 / n_cells · 400), is no less than the tutorial's epochs.
_MOST_CELLS = 32_000


class LinearSCVI(Model):
    """LDVAE with the settings of its tutorial."""

    card = ModelCard(
        name="linear-scvi",
        title="Linear scVI",
        family="baseline",
        description="LDVAE, scVI with a linear decoder, at the settings of its tutorial",
        uses_batch=True,
        trains_on_target=True,
        source="doi:10.1093/bioinformatics/btaa169",
        licence="BSD-3-Clause",
        settings={
            "n_layers": 1,
            "n_latent": N_LATENT,
            "gene_likelihood": "nb",
            "lr": LEARNING_RATE,
            "max_epochs": f"{EPOCHS}; above {_MOST_CELLS:,} cells scvi-tools' heuristic, 20,000 / n_cells · 400",
            "n_top_genes": N_HVG,
        },
    )

    @classmethod
    def work(cls, cells: int, genes: int) -> float:
        """Return its passes over the cells."""
        return work_of(cells, genes, EPOCHS if cells <= _MOST_CELLS else heuristic_epochs(cells))

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Train on the counts of the highly variable genes and return the posterior means, 10 dimensions."""
        import scvi

        cells, seen = countable(data)
        epochs = EPOCHS if cells.n_obs <= _MOST_CELLS else None
        with seeded(ctx):
            scvi.model.LinearSCVI.setup_anndata(cells, layer="counts", batch_key="batch")
            model = scvi.model.LinearSCVI(cells, n_latent=N_LATENT)
            train(model, ctx, max_epochs=epochs, plan_kwargs={"lr": LEARNING_RATE})
            return latent_of(model, seen)
