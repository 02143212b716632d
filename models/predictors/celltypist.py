"""CellTypist, trained on the known cells of the dataset itself (Domínguez Conde 2022); no published model is used."""

from __future__ import annotations

import importlib.util

import numpy as np
from anndata import AnnData

from scarena.base.errors import NotAvailable
from scarena.models.base import Context, Environment, ModelCard
from scarena.models.normalised import TARGET, log_normalised
from scarena.models.predicting import Predictor

# With scikit-learn 1.8 its call of LogisticRegression is refused (`multi_class`).
_NEEDS = ("celltypist==1.7.1", "scikit-learn<1.8")
# CellTypist refuses a matrix with more than log1p of 10,000 in it, which rounding gives a cell with one gene.
_MOST = float(np.log1p(TARGET))


def missing() -> str:
    """Return its packages, where this Python does not have them: on a board it runs in an environment of its own."""
    from sklearn import __version__

    fits = tuple(map(int, __version__.split(".")[:2])) < (1, 8)
    return "" if fits and importlib.util.find_spec("celltypist") else f"its packages ({', '.join(_NEEDS)})"


class CellTypist(Predictor):
    """CellTypist's logistic regression on all genes, at its package's defaults."""

    card = ModelCard(
        name="celltypist",
        title="CellTypist",
        family="baseline",
        uses_device=False,
        description="CellTypist (its package's defaults) trained on the known cells; its scores divided by their sum",
        uses_labels=True,
        offers="labels",
        trains_on_target=True,
        source="doi:10.1126/science.abl5197",
        licence="MIT",
        settings={"C": 1.0, "feature_selection": False, "use_SGD": False, "target_sum": TARGET},
        environment=Environment(pip=_NEEDS),
    )

    def probabilities(self, data: AnnData, labels: np.ndarray, classes: list[str], ctx: Context) -> np.ndarray:
        """Return CellTypist's scores, of each label against all others, divided by their sum.

        Raises
        ------
        NotAvailable
            If the package is not installed.
        """
        if lacking := missing():
            raise NotAvailable(lacking, where="celltypist", fix="install it, or leave the model out")
        import celltypist

        expression = log_normalised(data.X)
        expression.data = np.minimum(expression.data, _MOST)
        cells = AnnData(expression, obs=data.obs[[]], var=data.var[[]])
        known = np.array([each is not None for each in labels])
        # A first cell without counts is no reason to refuse the matrix.
        trained = celltypist.train(
            cells[known].copy(), labels=labels[known].astype(str), check_expression=False, n_jobs=ctx.threads,
            random_state=ctx.seed,
        )  # fmt: skip
        found = celltypist.annotate(cells, model=trained).probability_matrix[classes].to_numpy(np.float64)
        # All scores may be nearly 0, and are then about equal.
        found = np.maximum(found, 1e-12)
        return np.asarray(found / found.sum(axis=1, keepdims=True))
