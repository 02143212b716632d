"""Elastic net of effects on the annotations of the perturbed gene."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from scarena.models.base import Context, ModelCard
from scarena.models.perturbations.go_vectors import FEATURES, KNOWLEDGE, OfGO
from scarena.models.perturbations.inner import least_error
from scarena.models.perturbations.penalised import Compressed

N_AXES, RATIO = 10, 0.5
"""Axes of the effects; share of the penalty that is of absolute values."""
PENALTIES = (1.0, 0.5, 0.25, 0.1, 0.05, 0.02)
"""In units of the least penalty that leaves no weight, for each axis its own; the most cautious first."""


class GOElasticNet(OfGO):
    """Scores on the principal axes of the effects, one axis after the other."""

    card = ModelCard(
        name="response-elastic-net",
        title="Response: elastic net on GO",
        family="baseline",
        offers="response",
        uses_device=False,
        description="elastic net from the annotations of the perturbed genes to the principal axes of the training "
        "effects, about the mean effect; the penalty by inner folds",
        trains_on_target=True,
        source="doi:10.1186/s12864-025-11600-2",
        licence="MIT",
        gene_knowledge=KNOWLEDGE,
        settings={
            "features": FEATURES,
            "axes": N_AXES,
            "l1_ratio": RATIO,
            "penalties": ", ".join(f"{each:g}" for each in PENALTIES),
        },
    )

    def fitted(
        self, x_nd: np.ndarray, y_nG: np.ndarray, x_md: np.ndarray, groups: np.ndarray, ctx: Context
    ) -> np.ndarray:
        """Return effects."""

        def errors(learn: np.ndarray, held: np.ndarray) -> np.ndarray:
            own = Compressed.of(y_nG[learn], N_AXES)
            found = net_paths(x_nd[learn], own.scores, x_nd[held], PENALTIES)
            return np.asarray(((found - own.along(y_nG[held])) ** 2).sum(axis=(1, 2)))

        best = least_error(groups, ctx.seed, errors)
        own = Compressed.of(y_nG, N_AXES)
        return own.back(net_paths(x_nd, own.scores, x_md, PENALTIES[: best + 1])[-1])


def net_paths(x_nd: np.ndarray, y_nK: np.ndarray, x_md: np.ndarray, penalties: tuple[float, ...]) -> np.ndarray:
    """Return predictions [n_penalties, m, K]; each penalty is begun from the weights of the one before."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import enet_path

    centre = x_nd.mean(axis=0)
    x, gram = x_nd - centre, (x_nd - centre).T @ (x_nd - centre)
    found = np.zeros((len(penalties), len(x_md), y_nK.shape[1]))
    for axis, y in enumerate(y_nK.T):
        told: Any = x.T @ (y - y.mean())
        most = np.abs(told).max() / len(x) / RATIO
        found[:, :, axis] = y.mean()
        if most <= 0:
            continue
        with warnings.catch_warnings():
            # Weights of nearly collinear components still move when predictions no longer do.
            warnings.simplefilter("ignore", ConvergenceWarning)
            _, weights, _ = enet_path(
                x, y - y.mean(), l1_ratio=RATIO, alphas=[most * each for each in penalties], precompute=gram, Xy=told
            )
        found[:, :, axis] += ((x_md - centre) @ weights).T
    return found
