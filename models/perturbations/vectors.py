"""From vectors of genes to vectors of perturbations, and from these to effects: what all models of features share.

Shapes: n learned from, m asked about, d dimensions, G genes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scarena.base.errors import NotApplicable
from scarena.models.perturbations.axes import reduced
from scarena.models.perturbations.inner import held_together
from scarena.models.perturbations.lessons import answered
from scarena.models.responses import targets_of

if TYPE_CHECKING:
    from scarena.models.perturbations.lessons import Lesson
    from scarena.models.responses import Seen

MOST_AXES = 256
"""Wider vectors are taken along so many principal components of all genes of the dataset that have one."""
Fit = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Of vectors [n, d], effects [n, G], vectors asked about [m, d] and what is held out together [n], effects [m, G]."""


def narrow(vectors: pd.DataFrame) -> pd.DataFrame:
    """Return vectors of 256 dimensions at most, centred, sorted by gene, float64."""
    ordered = vectors.sort_index()
    values = np.ascontiguousarray(ordered.to_numpy(np.float64))
    return pd.DataFrame(reduced(values, MOST_AXES) if len(values) else values, index=ordered.index)


def of_perturbations(vectors: pd.DataFrame, items: pd.DataFrame, *, summed: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of items all of whose genes have a vector, and their vectors: a sum over genes, or a mean.

    Returns
    -------
    Rows [k] and float64 [k, d].
    """
    values = vectors.to_numpy(np.float64)
    places = [vectors.index.get_indexer(pd.Index(genes, dtype=object)) for genes in targets_of(items)]
    rows = [row for row, found in enumerate(places) if len(found) and (found >= 0).all()]
    take = np.sum if summed else np.mean
    told = [take(values[places[row]], axis=0) for row in rows]
    return np.array(rows, np.int64), np.reshape(told, (len(rows), values.shape[1]))


def from_vectors(vectors: pd.DataFrame, seen: Seen, ask: pd.DataFrame, fit: Fit) -> pd.DataFrame:
    """Return predictions for what has vectors; see `scarena.models.base.Model.predict`.

    Parameters
    ----------
    vectors
        By Ensembl id.
    seen, ask
        What is learned from, and what is asked.
    fit
        Learns effects from vectors; not called where there is nothing to learn from: the control is then predicted.

    Raises
    ------
    NotApplicable
        If no perturbation is of a gene, as compounds are.
    """
    if not any(targets_of(ask)):
        raise NotApplicable("no perturbed gene is known", where="response", fix="none needed: it knows genes alone")

    def effects_of(lesson: Lesson) -> dict[str, np.ndarray]:
        summed = lesson.setting == "pair"
        rows, x_md = of_perturbations(vectors, lesson.ask, summed=summed)
        learn, x_nd = of_perturbations(vectors, lesson.items, summed=summed)
        if not len(rows):
            return {}
        found = np.broadcast_to(lesson.mean, (len(rows), len(lesson.measured)))
        if len(learn):
            found = fit(x_nd, lesson.effects[learn], x_md, held_together(lesson)[learn])
        return dict(zip(lesson.ask.index[rows], found, strict=True))

    return answered(seen, ask, effects_of)
