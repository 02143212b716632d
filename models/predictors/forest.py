"""A random forest on highly variable genes: what is read from the genes by rules that are not linear."""

from __future__ import annotations

import numpy as np
from anndata import AnnData

from scarena.models.base import Context, ModelCard
from scarena.models.expression import N_HVG
from scarena.models.predicting import Predictor, variable_expression

N_TREES = 100


class HVGForest(Predictor):
    """A random forest at scikit-learn's defaults on log expression."""

    card = ModelCard(
        name="hvg-forest",
        title="HVG + random forest",
        family="baseline",
        uses_device=False,
        description="a random forest (scikit-learn's defaults) on the highly variable genes of the known cells",
        uses_batch=True,
        uses_labels=True,
        offers="labels",
        trains_on_target=True,
        source="sklearn.ensemble.RandomForestClassifier",
        licence="BSD-3-Clause",
        settings={"n_top_genes": N_HVG, "n_estimators": N_TREES},
    )

    def probabilities(self, data: AnnData, labels: np.ndarray, classes: list[str], ctx: Context) -> np.ndarray:
        """Return the shares of the trees' votes."""
        from sklearn.ensemble import RandomForestClassifier

        expression, known = variable_expression(data, labels), np.array([each is not None for each in labels])
        forest = RandomForestClassifier(N_TREES, random_state=ctx.seed, n_jobs=ctx.threads)
        return np.asarray(forest.fit(expression[known], labels[known].astype(str)).predict_proba(expression))
