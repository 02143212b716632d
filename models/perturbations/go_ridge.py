"""Ridge regression of effects on the annotations of the perturbed gene."""

from __future__ import annotations

import numpy as np

from scarena.models.base import Context, ModelCard
from scarena.models.perturbations.go_vectors import FEATURES, KNOWLEDGE, OfGO
from scarena.models.perturbations.penalised import PENALTIES, ridge


class GORidge(OfGO):
    """Whole effects, about their mean."""

    card = ModelCard(
        name="response-ridge",
        title="Response: ridge on GO",
        family="baseline",
        offers="response",
        uses_device=False,
        description="ridge regression of effects on the annotations of the perturbed genes, about the mean effect; the "
        "penalty by inner folds",
        trains_on_target=True,
        source="models/perturbations",
        licence="MIT",
        gene_knowledge=KNOWLEDGE,
        settings={"features": FEATURES, "penalties": ", ".join(f"{each:g}" for each in PENALTIES)},
    )

    def fitted(
        self, x_nd: np.ndarray, y_nG: np.ndarray, x_md: np.ndarray, groups: np.ndarray, ctx: Context
    ) -> np.ndarray:
        """Return effects."""
        return ridge(x_nd, y_nG, x_md, groups, ctx.seed)
