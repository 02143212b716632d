"""The mean effect of the perturbed genes that are annotated most alike."""

from __future__ import annotations

import numpy as np

from scarena.models.base import Context, ModelCard
from scarena.models.perturbations.go_vectors import FEATURES, KNOWLEDGE, OfGO
from scarena.models.perturbations.inner import least_error

NEIGHBOURS = (200, 100, 50, 20, 10, 5, 3, 1)
"""The most cautious first; so many, or all there are."""


class GONeighbours(OfGO):
    """Nearest neighbours by the cosine of vectors."""

    card = ModelCard(
        name="response-knn",
        title="Response: neighbours by GO",
        family="baseline",
        offers="response",
        uses_device=False,
        description="the mean effect of the training perturbations whose genes are annotated most alike (cosine); how "
        "many by inner folds",
        trains_on_target=True,
        source="models/perturbations",
        licence="MIT",
        gene_knowledge=KNOWLEDGE,
        settings={"features": FEATURES, "neighbours": ", ".join(map(str, NEIGHBOURS))},
    )

    def fitted(
        self, x_nd: np.ndarray, y_nG: np.ndarray, x_md: np.ndarray, groups: np.ndarray, ctx: Context
    ) -> np.ndarray:
        """Return means."""

        def errors(learn: np.ndarray, held: np.ndarray) -> np.ndarray:
            found = neighbour_means(x_nd[learn], y_nG[learn], x_nd[held], NEIGHBOURS)
            return np.array([((each - y_nG[held]) ** 2).sum() for each in found])

        best = NEIGHBOURS[least_error(groups, ctx.seed, errors)]
        return neighbour_means(x_nd, y_nG, x_md, (best,))[0]


def neighbour_means(
    x_nd: np.ndarray, y_nG: np.ndarray, x_md: np.ndarray, neighbours: tuple[int, ...]
) -> list[np.ndarray]:  # fmt: skip
    """Return the means [m, G] over the nearest rows, one a number of neighbours; of equally near ones the first."""
    near = np.argsort(-_unit(x_md) @ _unit(x_nd).T, axis=1, kind="stable")
    found = []
    for n_near in neighbours:
        weights = np.zeros(near.shape)
        np.put_along_axis(weights, near[:, :n_near], 1 / min(n_near, len(x_nd)), axis=1)
        found.append(weights @ y_nG)
    return found


def _unit(x: np.ndarray) -> np.ndarray:
    return np.asarray(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12))
