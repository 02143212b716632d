"""Which mistakes a model makes: how many cells are taken for another type, how far that is, which pairs are confused.

From the confusion matrix that label transfer leaves and the ontology; no neighbour is looked for here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.metrics.lcad import lca_distances

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scarena.metrics.details import Details

Json = dict[str, Any]
# dataset, model, seed
Run = tuple[str, str, int]
MAX_CONFUSED = 8


def edges_between(terms: Sequence[str], parents: Mapping[str, Sequence[str]]) -> NDArray[np.float64]:
    """Return how far up the ontology a true type meets a predicted one.

    Parameters
    ----------
    terms
        Term of each type, "" where it has none; several types may have one term.
    parents
        Every term with its is_a parents.

    Returns
    -------
    array
        ``[n_types, n_types]``, row the truth, column the prediction: edges from the truth to the nearest lowest common
        ancestor, as ``lcad_all`` takes them, so 0 for a descendant of the truth and for a type of the same term. NaN
        where one of the two has no term, or they share no ancestor.

    Raises
    ------
    OntologyError
        For a term that is not in the ontology.
    """
    known = sorted(set(terms) - {""})
    directed = lca_distances(parents, known).directed if known else np.empty((0, 0))
    row_of = {term: row for row, term in enumerate(known)}
    there = [number for number, term in enumerate(terms) if term]
    rows = [row_of[terms[number]] for number in there]
    edges = np.full((len(terms), len(terms)), np.nan)
    edges[np.ix_(there, there)] = directed[np.ix_(rows, rows)]
    return edges


def mistakes_of(details: Details, edges: NDArray[np.float64]) -> Json | None:
    """Return what the board says of a run's mistakes.

    Parameters
    ----------
    details
        Of the run.
    edges
        Of :func:`edges_between` for the terms of its types.

    Returns
    -------
    dict
        ``n_cells``; ``n_wrong``, cells whose predicted type is not theirs; ``n_compared``, cells, right ones included,
        whose two types have a distance: the ``lcad_all`` of the run is Σ distance · cells / ``n_compared``.
        ``by_distance``, ``[distance, cells]`` of the wrong cells by increasing distance in edges, those without one
        last under None; the cells add up to ``n_wrong``. ``confused``, the at most eight most frequent ``[true,
        predicted, cells, distance]``, equally frequent ones by name. None where no labels were transferred.
    """
    confusion = details.confusion
    if confusion is None:
        return None
    wrong = np.where(np.eye(len(confusion), dtype=bool), 0, confusion)
    true, predicted = np.nonzero(wrong)
    cells, distance = wrong[true, predicted], edges[true, predicted]
    pairs = [
        (details.types[row], details.types[column], int(number), _step(edge))
        for row, column, number, edge in zip(true, predicted, cells, distance, strict=True)
    ]
    first = sorted(pairs, key=lambda pair: (-pair[2], pair[0], pair[1]))[:MAX_CONFUSED]
    return {
        "n_cells": int(confusion.sum()),
        "n_wrong": int(cells.sum()),
        "n_compared": int(confusion[~np.isnan(edges)].sum()),
        "by_distance": _by_distance(cells, distance),
        "confused": [list(pair) for pair in first],
    }


def _by_distance(cells: NDArray[np.int64], distance: NDArray[np.float64]) -> list[list[int | None]]:
    apart = np.isnan(distance)
    steps = np.unique(distance[~apart])
    found: list[list[int | None]] = [[_step(step), int(cells[distance == step].sum())] for step in steps]
    return [*found, [None, int(cells[apart].sum())]] if apart.any() else found


def _step(edge: float) -> int | None:
    return None if np.isnan(edge) else int(edge)


def all_mistakes(details: Mapping[Run, Details], parents: Mapping[str, Sequence[str]]) -> dict[Run, Json]:
    """Return the mistakes of each run that has some transferred labels; types of one dataset are compared once."""
    edges: dict[tuple[str, ...], NDArray[np.float64]] = {}
    found = {}
    for run, each in details.items():
        if each.terms not in edges:
            edges[each.terms] = edges_between(each.terms, parents)
        mistakes = mistakes_of(each, edges[each.terms])
        if mistakes is not None:
            found[run] = mistakes
    return found
