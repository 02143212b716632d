"""LCAD: how far up the Cell Ontology a wrong label and the right one meet.

Taken over the *lowest* common ancestors, all of them: the ontology is a DAG, in which several are common, and the
published code uses whichever its graph library finds first, which changes with the hash seed of the process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import DataError, OntologyError
from scarena.metrics.checks import most_frequent
from scarena.metrics.measured import Measured, Undefined
from scarena.metrics.scores import Score

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from scarena.metrics.resampling import Resampling

KEYS = (
    "lcad",
    "lcad_symmetric",
    "lcad_all",
    "lcad_symmetric_all",
    "lcad_published_max",
    "lcad_errors",
    "lcad_multi_share",
)


@dataclass(frozen=True, slots=True)
class LcadTable:
    """Distances of every pair of terms through their lowest common ancestors.

    Parameters
    ----------
    terms
        The ``k`` terms, in the order asked for.
    directed
        ``[k, k]``: row is the truth, column the prediction; edges from the truth up to the *nearest* lowest common
        ancestor; NaN without one.
    directed_max
        The same to the *farthest* lowest common ancestor: the published number lies between the two.
    symmetric
        ``[k, k]``: the least sum of edges from both terms.
    n_lowest
        ``[k, k]``: how many lowest common ancestors there are.
    """

    terms: tuple[str, ...]
    directed: NDArray[np.float64]
    directed_max: NDArray[np.float64]
    symmetric: NDArray[np.float64]
    n_lowest: NDArray[np.int64]

    @property
    def multi_share(self) -> float:
        """Share of the unordered pairs of different terms with several lowest common ancestors; NaN without a pair."""
        pairs = self.n_lowest[np.triu_indices(len(self.terms), 1)]
        return float((pairs > 1).mean()) if len(pairs) else float("nan")


def lca_distances(parents: Mapping[str, Sequence[str]], terms: Sequence[str]) -> LcadTable:
    """Tabulate the distances of all pairs of terms.

    Parameters
    ----------
    parents
        Every term with its is_a parents. Self-loops are ignored; several roots are fine.
    terms
        Different terms of the ontology.

    Returns
    -------
    LcadTable
        A term is its own ancestor at distance 0, so the distance from a truth to its descendant is 0 (directed).
        Distances are shortest paths along is_a.

    Raises
    ------
    OntologyError
        For a term that is not in the ontology, or a cycle above the terms.

    References
    ----------
    Wu et al. 2025, doi 10.1186/s13059-025-03781-6, made deterministic.
    """
    ups = [_distances_up(parents, term) for term in terms]
    above = sorted(set().union(*ups))
    column = {term: i for i, term in enumerate(above)}
    up_TA = np.full((len(terms), len(above)), np.inf)
    for row, up in enumerate(ups):
        up_TA[row, [column[term] for term in up]] = list(up.values())
    is_above_AA = _strict_ancestors(parents, above, column)
    shape = (len(terms), len(terms))
    nearest, farthest, symmetric = (np.full(shape, np.nan) for _ in range(3))
    n_lowest = np.zeros(shape, dtype=np.int64)
    for row in range(len(terms)):
        # Only the ancestors of this truth can be common: some fifty columns instead of all.
        mine_M = np.flatnonzero(np.isfinite(up_TA[row]))
        common_TM = np.isfinite(up_TA[:, mine_M])
        covers_TM = common_TM.astype(np.float32) @ is_above_AA[np.ix_(mine_M, mine_M)].astype(np.float32)
        lowest_TM = common_TM & (covers_TM == 0)
        n_lowest[row] = lowest_TM.sum(axis=1)
        own_M = up_TA[row, mine_M]
        nearest[row] = np.where(lowest_TM, own_M, np.inf).min(axis=1)
        farthest[row] = np.where(lowest_TM, own_M, -np.inf).max(axis=1)
        symmetric[row] = np.where(lowest_TM, own_M + up_TA[:, mine_M], np.inf).min(axis=1)
    for table in (nearest, farthest, symmetric):
        table[n_lowest == 0] = np.nan
    return LcadTable(tuple(terms), nearest, farthest, symmetric, n_lowest)


def lcad(
    true_ids: Sequence[str] | NDArray[np.str_], predicted_ids: Sequence[str] | NDArray[np.str_], table: LcadTable
) -> dict[str, Score]:
    """Score predicted cell types by their distance from the truth in the ontology.

    Parameters
    ----------
    true_ids, predicted_ids
        Terms of each cell ``[n_cells]``, all in ``table``.
    table
        From :func:`lca_distances`.

    Returns
    -------
    dict of str to Score
        ``lcad``, ``lcad_symmetric``: mean over wrong cells, edges, ≥ 0, lower is better, ``not applicable`` without
        errors; ``lcad_all``, ``lcad_symmetric_all``: mean over all cells with 0 for the right ones; ``lcad_errors``:
        wrong cells; ``lcad_multi_share``: share of label pairs with several lowest common ancestors;
        ``lcad_published_max``: upper end of what the published form can give, ``lcad`` being the lower. Errors
        between terms without a common ancestor have no distance: they are left out of the means, and the note counts
        them.

    Raises
    ------
    DataError
        If the two do not have the same number of cells, or none.
    OntologyError
        If a term is not in the table.
    """
    truth, predicted = np.asarray(true_ids).astype(str), np.asarray(predicted_ids).astype(str)
    if truth.shape != predicted.shape or truth.ndim != 1 or not len(truth):
        raise DataError(
            f"{truth.shape} truths, {predicted.shape} predictions", where="lcad", fix="pass one of each a cell"
        )
    rows, columns = _rows(truth, table), _rows(predicted, table)
    wrong = rows != columns
    at_errors = (rows[wrong], columns[wrong])
    return {
        "lcad": _mean(table.directed[at_errors]),
        "lcad_symmetric": _mean(table.symmetric[at_errors]),
        "lcad_all": _mean(np.where(wrong, table.directed[rows, columns], 0.0)),
        "lcad_symmetric_all": _mean(np.where(wrong, table.symmetric[rows, columns], 0.0)),
        "lcad_published_max": _mean(table.directed_max[at_errors]),
        "lcad_errors": Score(float(wrong.sum())),
        "lcad_multi_share": Score.not_applicable("one term") if len(table.terms) < 2 else Score(table.multi_share),
    }


def lcad_of_labels(
    labels: NDArray[np.str_],
    predicted: NDArray[np.str_],
    term_ids: NDArray[np.str_],
    table: LcadTable,
    *,
    resampling: Resampling | None = None,
) -> dict[str, Measured | Undefined]:
    """Score predicted labels by the terms of the labels (each label's most frequent one).

    Parameters
    ----------
    labels, predicted
        True and predicted label of each cell ``[n_cells]``.
    term_ids
        Term of each cell ``[n_cells]``, "" where there is none; cells without a true or a predicted term are left out.
    table
        From :func:`lca_distances`.
    resampling
        For replicates, which hold the predictions fixed.

    Returns
    -------
    dict of str to Measured or Undefined
        The scores of :func:`lcad`, or why one does not apply.

    Raises
    ------
    Undefined
        If no cell has both terms.
    """
    names, code = np.unique(labels, return_inverse=True)
    term_of = {str(name): most_frequent(term_ids[code == number]) for number, name in enumerate(names)}
    predicted_ids = np.array([term_of.get(str(label), "") for label in predicted])
    known = np.flatnonzero((term_ids != "") & (predicted_ids != ""))
    if not len(known):
        raise Undefined("no cell has both a true and a predicted term")
    truth, guess = term_ids[known], predicted_ids[known]
    left_out = f"{len(labels) - len(known)} cells without a term left out" if len(known) < len(labels) else ""
    drawn = _replicates(truth, guess, table, resampling.at(known)) if resampling is not None else {}
    return {
        key: Undefined(score.reason)
        if score.value is None
        else Measured(score.value, drawn.get(key), "; ".join(filter(None, (score.reason, left_out))))
        for key, score in lcad(truth, guess, table).items()
    }


def _replicates(
    truth: NDArray[np.str_], predicted: NDArray[np.str_], table: LcadTable, resampling: Resampling
) -> dict[str, NDArray[np.float64]]:
    rows, columns = _rows(truth, table), _rows(predicted, table)
    wrong = (rows != columns).astype(np.float64)
    found = {"lcad_errors": resampling.sums(wrong)}
    for key, distances in (
        ("lcad", table.directed), ("lcad_symmetric", table.symmetric), ("lcad_published_max", table.directed_max),
    ):  # fmt: skip
        distance = np.where(wrong > 0, distances[rows, columns], 0.0)
        there = np.isfinite(distance)
        total = resampling.sums(np.where(there, distance, 0.0))
        found[key] = total / np.maximum(resampling.sums(there * wrong), 1)
        found[f"{key}_all"] = total / np.maximum(resampling.sums(there.astype(np.float64)), 1)
    return found


def _mean(distances: NDArray[np.float64]) -> Score:
    if not len(distances):
        return Score.not_applicable("no errors")
    apart = int(np.isnan(distances).sum())
    if apart == len(distances):
        return Score.not_applicable("no wrong label shares an ancestor with the right one")
    return Score.of(float(np.nanmean(distances)), f"{apart} cells without a common ancestor left out" if apart else "")


def _rows(ids: NDArray[np.str_], table: LcadTable) -> NDArray[np.intp]:
    names, inverse = np.unique(ids, return_inverse=True)
    row = {term: i for i, term in enumerate(table.terms)}
    unknown = [str(name) for name in names if name not in row]
    if unknown:
        raise OntologyError(f"not in the table: {', '.join(unknown)}", where="lcad", fix="tabulate all terms in use")
    return np.array([row[name] for name in names], dtype=np.intp)[inverse]


def _distances_up(parents: Mapping[str, Sequence[str]], term: str) -> dict[str, int]:
    """Return every ancestor of ``term``, itself included, with its least number of edges, breadth first."""
    if term not in parents:
        raise OntologyError(f"unknown term {term!r}", where="terms", fix="follow replaced_by of obsolete terms")
    distances, level, depth = {term: 0}, [term], 0
    while level:
        depth += 1
        level = sorted({above for here in level for above in parents.get(here, ())} - set(distances))
        distances |= dict.fromkeys(level, depth)
    return distances


def _strict_ancestors(
    parents: Mapping[str, Sequence[str]], terms: Sequence[str], column: Mapping[str, int]
) -> NDArray[np.bool_]:
    """Return ``[a, a]``, true where the column's term is strictly above the row's; ``terms`` is closed upwards."""
    is_above = np.zeros((len(terms), len(terms)), dtype=bool)
    roots: dict[str, Sequence[str]] = {term: () for term in terms if term not in parents}
    known = roots | dict(parents)  # a term named only as a parent is a root
    for row, term in enumerate(terms):
        is_above[row, [column[other] for other in _distances_up(known, term) if other != term]] = True
    if (is_above & is_above.T).any():
        loop = terms[int(np.flatnonzero((is_above & is_above.T).any(axis=1))[0])]
        raise OntologyError(f"{loop} is its own ancestor", where="parents", fix="repair the is_a edges")
    return is_above
