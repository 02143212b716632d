"""A random forest on the annotations of the perturbed gene, which published models were below (RF-GO)."""

from __future__ import annotations

import numpy as np

from scarena.models.base import Context, ModelCard
from scarena.models.perturbations.go_vectors import FEATURES, KNOWLEDGE, OfGO
from scarena.models.perturbations.penalised import Compressed

N_TREES, N_AXES, SHARE = 300, 30, 0.33
"""Trees; axes of the effects that a tree predicts together; share of the vector that a split of a tree may use."""


class GOForest(OfGO):
    """A forest that predicts scores on the principal axes of the effects."""

    card = ModelCard(
        name="response-forest",
        title="Response: random forest on GO",
        family="baseline",
        offers="response",
        uses_device=False,
        description="a random forest from the annotations of the perturbed genes to the principal axes of the training "
        "effects",
        trains_on_target=True,
        source="doi:10.1186/s12864-025-11600-2",
        licence="MIT",
        gene_knowledge=KNOWLEDGE,
        settings={"features": FEATURES, "n_estimators": N_TREES, "axes": N_AXES, "max_features": SHARE},
    )

    def fitted(
        self, x_nd: np.ndarray, y_nG: np.ndarray, x_md: np.ndarray, groups: np.ndarray, ctx: Context
    ) -> np.ndarray:
        """Return effects; the mean of one perturbation, or of several that are alike."""
        from sklearn.ensemble import RandomForestRegressor

        own = Compressed.of(y_nG, N_AXES)
        if not own.scores.shape[1]:
            return np.repeat(own.mean[None], len(x_md), axis=0)
        forest = RandomForestRegressor(N_TREES, max_features=SHARE, random_state=ctx.seed, n_jobs=ctx.threads)
        one = own.scores.shape[1] == 1
        found = forest.fit(x_nd, own.scores.ravel() if one else own.scores).predict(x_md)
        return own.back(found.reshape(len(x_md), -1))
