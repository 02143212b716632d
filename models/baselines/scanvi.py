"""scANVI: scVI that goes on training with the cell types it is given (Xu 2021), through scvi-tools.

Not a rival of the unsupervised baselines: the types it is given are those it is scored on.
"""

from __future__ import annotations

import numpy as np
from anndata import AnnData

from scarena.base.errors import NotApplicable
from scarena.models.base import Context, Model, ModelCard
from scarena.models.baselines.variational import heuristic_epochs, latent_of, seeded, train, work_of
from scarena.models.expression import N_HVG, countable

# No dataset calls a type this, as one may with "Unknown".
UNLABELLED = "scarena: no label"
EPOCHS = 20
CELLS_PER_LABEL = 100


def _with_marked_labels(cells: AnnData) -> AnnData:
    """Return the cells with empty types marked as unlabelled.

    Raises
    ------
    NotApplicable
        If there are not two types to tell apart.
    """
    labels = cells.obs["cell_type"].astype(str)
    if labels[labels != ""].nunique() < 2:
        fix = "none needed: scvi is the same model without labels"
        raise NotApplicable("fewer than two cell types, so there is nothing to classify", where="cell_type", fix=fix)
    cells.obs["cell_type"] = labels.where(labels != "", UNLABELLED)
    return cells


class ScANVI(Model):
    """scANVI from scVI, at the settings its authors document for integration."""

    card = ModelCard(
        name="scanvi",
        title="scANVI",
        family="baseline",
        description="scVI, then trained on with the cell types: it is given the very labels it is scored on",
        uses_batch=True,
        uses_labels=True,
        trains_on_target=True,
        source="doi:10.15252/msb.20209620",
        licence="BSD-3-Clause",
        settings={
            "n_layers": 2,
            "n_latent": 30,
            "gene_likelihood": "nb",
            "early_stopping": "of scVI",
            "max_epochs": EPOCHS,
            "n_samples_per_label": CELLS_PER_LABEL,
            "n_top_genes": N_HVG,
        },
    )

    @classmethod
    def work(cls, cells: int, genes: int) -> float:
        """Return the passes over the cells of scVI and of its own; early stopping is not counted."""
        return work_of(cells, genes, heuristic_epochs(cells) + EPOCHS)

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Train scVI, then scANVI from its weights, and return the posterior means, 30 dimensions."""
        import scvi

        cells, seen = countable(data)
        cells = _with_marked_labels(cells)
        with seeded(ctx):
            scvi.model.SCVI.setup_anndata(cells, layer="counts", batch_key="batch")
            first = scvi.model.SCVI(cells, n_layers=2, n_latent=30, gene_likelihood="nb")
            train(first, ctx, early_stopping=True)
            model = scvi.model.SCANVI.from_scvi_model(first, UNLABELLED, labels_key="cell_type")
            train(model, ctx, max_epochs=EPOCHS, n_samples_per_label=CELLS_PER_LABEL)
            return latent_of(model, seen)
