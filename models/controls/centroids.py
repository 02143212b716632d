"""Positive control: each cell at the centroid of its type, in the dataset's own principal components.

A one-hot code says which cells are of one type and puts all types equally far apart. Here types lie about as far from
each other as the dataset has them, so that a metric of distances between types finds the answer it asks for.

A type has one place, whatever the batch. Still, where batches differ in how many cells of a type they have, the means
of batches differ, and PCR, which knows no types, takes that for a batch effect. The centroids are therefore moved, as
little as possible, until batches explain half of the variance that they explain of noise. Where that would take more
than half of the centroids' own variance, as where every batch has types of its own, they stay where they are.
"""

from __future__ import annotations

import numpy as np
from anndata import AnnData

from scarena.base.errors import NotApplicable
from scarena.models.base import Context, Model, ModelCard
from scarena.models.expression import N_HVG, N_PCS, principal_components

NOISE = 0.05
MOST_MOVED = 0.5
_OF_NOISE = 0.5
# Weights of the batches' means against the centroids' places: from no move at all to means that are equal.
_WEIGHTS = np.concatenate([[0.0], np.logspace(-3, 9, 601)])


class Centroids(Model):
    """Centroids of the cell types over all batches, with a little noise within each type."""

    card = ModelCard(
        name="centroids",
        title="Type centroids",
        family="control",
        control="positive",
        holds=("types", "distances"),
        out_of_core=True,
        uses_device=False,
        description=(
            "each cell at the centroid of its type in PCA's components, over all batches and with a little noise; "
            "the centroids are moved a little where batches of unequal composition would show"
        ),
        uses_batch=True,
        uses_labels=True,
        source="models/controls",
        licence="MIT",
        settings={"n_top_genes": N_HVG, "n_comps": N_PCS, "noise": NOISE, "most_moved": MOST_MOVED},
    )

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the centroids and noise, a twentieth as long as centroids are far from the mean (root mean square)."""
        types, batches = (
            np.unique(data.obs[key].astype(str), return_inverse=True)[1] for key in ("cell_type", "batch")
        )
        if types.max() < 1:
            fix = "none needed: other models are scored by what the dataset can answer"
            raise NotApplicable("fewer than two cell types, so there is one centroid", where="cell_type", fix=fix)
        places, moved = levelled(centroids_of(principal_components(data, ctx.seed), types), types, batches)
        ctx.log.info("%.1f %% of the centroids' variance was moved so that batches have one mean", 100 * moved)
        # The sign of a component is an accident of how it was computed; that of the noise is not.
        largest = places[np.abs(places).argmax(axis=0), np.arange(places.shape[1])]
        exact = (places * np.where(largest < 0, -1, 1))[types]
        spread = np.sqrt(exact.var(axis=0).sum() / exact.shape[1])
        noise = np.random.default_rng(ctx.seed).standard_normal(exact.shape)
        return (exact + NOISE * spread * noise).astype(np.float32)


def centroids_of(vectors: np.ndarray, types: np.ndarray) -> np.ndarray:
    """Return the mean vector of each type, float64 [n_types, d], of cells [n_cells, d] of types 0, 1, …"""
    sums = np.zeros((types.max() + 1, vectors.shape[1]))
    np.add.at(sums, types, vectors)
    return sums / np.bincount(types)[:, None]


def levelled(places: np.ndarray, types: np.ndarray, batches: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the centroids so that the means of batches hardly differ, and the share of their variance that moved.

    Of all centroids C, those with the least Σ nₜ |Cₜ − placesₜ|² + w Σ n_b |mean_b − mean|² for the smallest weight w
    with which batches explain no more than half of what they explain of noise, (n_batches − 1) / (n_cells − 1). The
    sums are diagonal in the singular vectors of how the batches' compositions differ.

    Parameters
    ----------
    places
        Centroids ``[n_types, d]``.
    types, batches
        Codes of the cells ``[n_cells]``, from 0 without gaps.

    Returns
    -------
    Centroids ``[n_types, d]`` and a number from 0 to `MOST_MOVED`; where more would have to move they are as given.
    """
    n_cells, n_batches = len(types), batches.max() + 1
    table = np.zeros((n_batches, types.max() + 1))
    np.add.at(table, (batches, types), 1)
    share, size = table.sum(axis=0) / n_cells, table.sum(axis=1, keepdims=True)
    root = np.sqrt(share)[:, None]
    apart = np.sqrt(size / n_cells) * (table / size - share) / root.T
    singular, axes = np.linalg.svd(apart)[1:]
    seen = np.zeros(len(axes))
    seen[: len(singular)] = singular**2
    mean = share @ places
    along = axes @ (root * (places - mean))
    squares = (along**2).sum(axis=1)
    if n_batches < 2 or not squares.any():
        return places, 0.0
    # [n_weights, n_types]: what is left of each axis, and the share of what is left that batches explain.
    left = 1 / (1 + _WEIGHTS[:, None] * seen)
    explained = (left**2 * seen * squares).sum(axis=1) / (left**2 * squares).sum(axis=1)
    moved = ((1 - left) ** 2 * squares).sum(axis=1) / squares.sum()
    enough = np.flatnonzero(explained <= _OF_NOISE * (n_batches - 1) / (n_cells - 1))
    if not len(enough) or moved[enough[0]] > MOST_MOVED:
        return places, 0.0
    first = enough[0]
    return mean + (axes.T @ (left[first][:, None] * along)) / root, float(moved[first])
