"""Logistic regression on highly variable genes: what a linear probe reads from the genes themselves."""

from __future__ import annotations

import numpy as np
from anndata import AnnData

from scarena.models.base import Context, ModelCard
from scarena.models.expression import N_HVG
from scarena.models.predicting import Predictor, variable_expression

STRENGTH = 1.0
MAX_ITER = 1000


class HVGLogistic(Predictor):
    """Multinomial logistic regression on standardised log expression."""

    card = ModelCard(
        name="hvg-logistic",
        title="HVG + logistic regression",
        family="baseline",
        uses_device=False,
        description="multinomial logistic regression on the standardised highly variable genes of the known cells",
        uses_batch=True,
        uses_labels=True,
        offers="labels",
        trains_on_target=True,
        source="sklearn.linear_model.LogisticRegression",
        licence="BSD-3-Clause",
        settings={"n_top_genes": N_HVG, "C": STRENGTH, "max_iter": MAX_ITER},
    )

    def probabilities(self, data: AnnData, labels: np.ndarray, classes: list[str], ctx: Context) -> np.ndarray:
        """Return the probabilities of a fit on the known cells, at scikit-learn's default strength."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        expression, known = variable_expression(data, labels), np.array([each is not None for each in labels])
        regression = LogisticRegression(C=STRENGTH, max_iter=MAX_ITER, random_state=ctx.seed)
        fitted = make_pipeline(StandardScaler(), regression).fit(expression[known], labels[known].astype(str))
        return np.asarray(fitted.predict_proba(expression))
