"""scANVI as a classifier (Xu 2021): cells whose labels are hidden are its unlabelled ones, and it names them."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from anndata import AnnData

from scarena.base.folds import FOLDS
from scarena.models.base import Context, ModelCard
from scarena.models.baselines.scanvi import CELLS_PER_LABEL, EPOCHS, UNLABELLED, ScANVI
from scarena.models.baselines.variational import heuristic_epochs, seeded, train, work_of
from scarena.models.expression import countable
from scarena.models.predicting import Predictor

_LABELS = "scarena_known"


class ScANVILabels(Predictor):
    """scANVI from scVI, at the settings its authors document for integration, asked for its classifier's answer."""

    card = ModelCard(
        name="scanvi-labels",
        title="scANVI (labels)",
        family="baseline",
        description="scVI, then scANVI with the labels of the known cells; its classifier names the others",
        uses_batch=True,
        uses_labels=True,
        offers="labels",
        trains_on_target=True,
        source="doi:10.15252/msb.20209620",
        licence="BSD-3-Clause",
        settings=ScANVI.card.settings,
    )

    def __init__(self) -> None:
        self._begun: tuple[bytes, Any, np.ndarray] | None = None

    @classmethod
    def work(cls, cells: int, genes: int) -> float:
        """Return the passes over the cells of scVI and, for each fold, of its own; early stopping is not counted."""
        return work_of(cells, genes, heuristic_epochs(cells) + FOLDS * EPOCHS)

    def probabilities(self, data: AnnData, labels: np.ndarray, classes: list[str], ctx: Context) -> np.ndarray:
        """Return what the classifier says; of a cell without counts of the chosen genes, all labels alike."""
        import scvi

        place = {name: f"{number:06d}" for number, name in enumerate(classes)}
        first, seen = self._without_labels(data, ctx)
        with seeded(ctx):
            # The label of scArena's own that is none: a dataset may call a type "Unknown", or nothing at all.
            first.adata.obs[_LABELS] = [UNLABELLED if each is None else place[each] for each in labels[seen]]
            model = scvi.model.SCANVI.from_scvi_model(first, UNLABELLED, labels_key=_LABELS)
            train(model, ctx, max_epochs=EPOCHS, n_samples_per_label=CELLS_PER_LABEL)
            told = model.predict(soft=True).reindex(columns=list(place.values()), fill_value=0.0)
        found = np.full((len(labels), len(classes)), 1 / len(classes))
        found[seen] = told.to_numpy(np.float64)
        return found / found.sum(axis=1, keepdims=True)

    def _without_labels(self, data: AnnData, ctx: Context) -> tuple[Any, np.ndarray]:
        """Return scVI of these cells, and which of them it saw: it knows no label, so that all folds share one."""
        import scvi

        digest = _digest(data, ctx.seed)
        if self._begun is None or self._begun[0] != digest:
            cells, seen = countable(data)
            with seeded(ctx):
                scvi.model.SCVI.setup_anndata(cells, layer="counts", batch_key="batch")
                first = scvi.model.SCVI(cells, n_layers=2, n_latent=30, gene_likelihood="nb")
                train(first, ctx, early_stopping=True)
            self._begun = digest, first, seen
        return self._begun[1], self._begun[2]


def _digest(data: AnnData, seed: int) -> bytes:
    batch = data.obs["batch"].astype(str).to_numpy(np.str_)
    said = [np.array(seed), data.X.indptr, data.X.indices, data.X.data, batch]
    return hashlib.sha256(b"".join(each.tobytes() for each in said)).digest()
