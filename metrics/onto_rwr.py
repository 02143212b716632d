"""OntoRWR: are cell types that are close in the Cell Ontology close in the embedding?

Per cell type, the Pearson correlation of its distances to the other types in the embedding and in the ontology. The
published form keeps the distance of the type to itself, zero on both sides, and so gives a random embedding of 512
dimensions, where all other distances are nearly equal, more than 0.6; the sound form leaves it out.

Leaving it out is enough only where all types have as many cells. Centroids of few cells scatter further, so with
unequal types the distances of a *random* embedding are a fixed pattern of the cell numbers, which correlates with the
ontology by the accident of which types are rare (−0.18 to +0.14 on 14 to 155 types with log-normal numbers, the same
for every random embedding). The balanced form draws equally many cells of each type: then all distances of a random
embedding have one expectation, and its score is zero up to noise.

The published division of each column by its maximum changes no Pearson correlation of columns and is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from scarena.base.errors import DataError, OntologyError
from scarena.metrics.centroids import centroids
from scarena.metrics.measured import Measured, Undefined
from scarena.metrics.onto_rwr_replicates import linear_replicates, moved_replicates
from scarena.metrics.scores import Score

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from scarena.metrics.resampling import Resampling

Mode = Literal["sound", "balanced", "published"]
MODES: dict[str, Mode] = {"onto_rwr": "sound", "onto_rwr_balanced": "balanced", "onto_rwr_published": "published"}
MIN_TYPES = 3
DRAWS = 20


@dataclass(frozen=True, slots=True)
class OntoRwr:
    """The score and what it is made of.

    Parameters
    ----------
    value
        Mean correlation over cell types, in [−1, 1], higher is better; 0 for a random embedding in the sound form.
        ``not applicable`` with fewer than three types. With three each correlation is of two points, hence ±1.
    per_type
        Correlation of each CL term, sorted by id. A type whose distances in the *embedding* are all equal (a collapsed
        embedding) correlates with nothing and counts 0; one whose distances in the *reference* are all equal asks no
        question of any embedding, is NaN and left out of the mean.
    n_types
        Types with enough cells.
    replicates
        The value in each bootstrap replicate ``[n_replicates]``, ``None`` without a resampling or a value.

    Notes
    -----
    Replicates move the centroids by the influence function of the trimmed mean. A bootstrap doubles the scatter of the
    centroids, so replicates of noisy centroids lie below the value: their spread is meant. Those of ``balanced`` hold
    its draws of cells fixed and are linear in how often each cell is drawn, through the centroids, the mean distances
    and the correlations: two draws vary together as far as they share cells, as over fresh data, and it costs about
    another value. They do not lie below it; where the centroids are mostly noise they spread up to twice too wide.
    """

    value: Score
    per_type: Mapping[str, float]
    n_types: int
    replicates: NDArray[np.float64] | None = None


def onto_rwr(
    embedding: NDArray[np.floating], term_ids: Sequence[str] | NDArray[np.str_], reference: NDArray[np.floating],
    terms: Sequence[str], *, mode: Mode = "sound", min_cells: int = 10, trim: float = 0.2, seed: int = 0,
    resampling: Resampling | None = None,
) -> OntoRwr:  # fmt: skip
    """Correlate the distances between cell types in an embedding with those in the ontology.

    Parameters
    ----------
    embedding
        Finite array ``[n_cells, d]``.
    term_ids
        CL term of each cell ``[n_cells]``; labels that share a term are pooled, cells without a term ("") left out.
    reference
        Distances ``[k, k]`` of ``terms`` in the ontology (:func:`~scarena.metrics.ontology_graph.distances_between`).
    terms
        The ``k`` terms that ``reference`` is about.
    mode
        ``sound`` leaves the distance of a type to itself out; ``published`` keeps it; ``balanced`` leaves it out and
        takes the mean distances over 20 draws of equally many cells of each type (as many as the rarest has).
    min_cells
        Types with fewer cells are dropped.
    trim
        Share of the cells cut at each end of every dimension before a centroid is the mean of the rest.
    seed
        Of the draws of ``balanced``.
    resampling
        How often each cell is drawn in each replicate.

    Returns
    -------
    OntoRwr
        ``not applicable`` with fewer than three types, or where all are equally far in the ontology.

    Raises
    ------
    DataError
        If there is not one term a cell.
    OntologyError
        If a type with enough cells is not among ``terms``.

    References
    ----------
    Wu et al. 2025, doi 10.1186/s13059-025-03781-6 (scGraph-OntoRWR).
    """
    ids, kept = _types_kept(term_ids, len(embedding), min_cells)
    if len(kept) < MIN_TYPES:
        reason = f"{len(kept)} cell types with {min_cells} cells or more, {MIN_TYPES} needed"
        return OntoRwr(Score.not_applicable(reason), {}, len(kept))
    codes = np.where(np.isin(ids, kept), np.searchsorted(kept, ids), -1)
    wanted = _reference_of(kept, reference, terms)
    if mode == "balanced":
        correlations, replicates = _balanced(embedding, codes, wanted, trim, seed, resampling)
    else:
        correlations, replicates = _of_all_cells(embedding, codes, wanted, trim, resampling, mode == "published")
    return OntoRwr(_score(correlations), dict(zip(kept, map(float, correlations), strict=True)), len(kept), replicates)


def onto_rwr_scores(
    embedding: NDArray[np.floating],
    term_ids: NDArray[np.str_],
    reference: NDArray[np.floating],
    terms: Sequence[str],
    *,
    seed: int = 0,
    resampling: Resampling | None = None,
) -> dict[str, Measured]:
    """Return the three forms under their keys; parameters as of :func:`onto_rwr`.

    Raises
    ------
    Undefined
        Where the form is not applicable, which all are for the same reason.
    """
    measured = {}
    for key, mode in MODES.items():
        found = onto_rwr(embedding, term_ids, reference, terms, mode=mode, seed=seed, resampling=resampling)
        if found.value.value is None:
            raise Undefined(found.value.reason)
        measured[key] = Measured(found.value.value, found.replicates, found.value.reason)
    return measured


def _types_kept(
    term_ids: Sequence[str] | NDArray[np.str_], n_cells: int, min_cells: int
) -> tuple[NDArray[np.str_], list[str]]:
    """Return the term of each cell, and the terms of enough cells, sorted."""
    ids = np.asarray(term_ids).astype(str)
    if ids.shape != (n_cells,):
        raise DataError(f"{ids.shape} terms for {n_cells} cells", where="term_ids", fix="join them by cell name")
    names, sizes = np.unique(ids[ids != ""], return_counts=True)
    return ids, [str(name) for name, size in zip(names, sizes, strict=True) if size >= min_cells]


_Correlated = tuple["NDArray[np.float64]", "NDArray[np.float64] | None"]


def _of_all_cells(
    embedding: NDArray[np.floating], codes: NDArray[np.int64], wanted_TT: NDArray[np.floating], trim: float,
    resampling: Resampling | None, with_self: bool,
) -> _Correlated:  # fmt: skip
    """Return the correlation of each type by the centroids of all cells, and replicates of their mean."""
    correlations = _column_correlations(_distances(embedding, codes, trim), wanted_TT, with_self=with_self)
    if resampling is None or np.isnan(correlations).all():
        return correlations, None
    return correlations, moved_replicates(embedding, codes, wanted_TT, trim, resampling, with_self=with_self)


def _balanced(
    embedding: NDArray[np.floating], codes: NDArray[np.int64], wanted_TT: NDArray[np.floating], trim: float,
    seed: int, resampling: Resampling | None,
) -> _Correlated:  # fmt: skip
    """Return the correlation of each type by its mean distances over balanced draws, and replicates of their mean."""
    draws = _balanced_draws(codes, seed)
    found = [_distances(embedding, drawn, trim) for drawn in draws]
    correlations = _column_correlations(np.mean(found, axis=0), wanted_TT, with_self=False)
    if resampling is None or np.isnan(correlations).all():
        return correlations, None
    return correlations, linear_replicates(embedding, draws, found, wanted_TT, trim, correlations, resampling)


def _score(correlations: NDArray[np.float64]) -> Score:
    """Return the mean correlation, with a note of the types that have none."""
    if np.isnan(correlations).all():
        return Score.not_applicable("all types are equally far in the ontology")
    left_out = int(np.isnan(correlations).sum())
    note = f"{left_out} of {len(correlations)} types equally far from all others in the ontology" if left_out else ""
    return Score.of(float(np.nanmean(correlations)), note)


def _distances(embedding: NDArray[np.floating], codes: NDArray[np.integer], trim: float) -> NDArray[np.float64]:
    """Return the distances ``[k, k]`` between the centroids of ``k`` groups of cells."""
    from scipy.spatial.distance import cdist

    points, _ = centroids(embedding, codes, trim)
    return cdist(points, points)


def _balanced_draws(codes: NDArray[np.integer], seed: int) -> list[NDArray[np.int64]]:
    """Return the codes of draws of equally many cells of each group, −1 for the others."""
    rng, rows = np.random.default_rng(seed), [np.flatnonzero(codes == group) for group in range(codes.max() + 1)]
    size, draws = min(map(len, rows)), []
    for _ in range(DRAWS):
        drawn = np.full(len(codes), -1)
        for group, cells in enumerate(rows):
            drawn[rng.choice(cells, size, replace=False)] = group
        draws.append(drawn)
    return draws


def _reference_of(names: Sequence[str], reference: NDArray[np.floating], terms: Sequence[str]) -> NDArray[np.floating]:
    row = {term: i for i, term in enumerate(terms)}
    unknown = [name for name in names if name not in row]
    if unknown:
        raise OntologyError(f"no reference for {', '.join(unknown)}", where="term_ids", fix="add them to the reference")
    rows = [row[name] for name in names]
    return reference[np.ix_(rows, rows)]


def _column_correlations(
    found_TT: NDArray[np.floating], reference_TT: NDArray[np.floating], *, with_self: bool
) -> NDArray[np.float64]:
    """Return the Pearson correlation of each of T columns; NaN for a constant reference, 0 for a constant embedding."""
    n_types = len(found_TT)
    used_TT = np.ones((n_types, n_types), bool) if with_self else ~np.eye(n_types, dtype=bool)
    return np.array([_pearson(found_TT[used, t], reference_TT[used, t]) for t, used in enumerate(used_TT)])


def _pearson(found: NDArray[np.floating], reference: NDArray[np.floating]) -> float:
    a, b = found - found.mean(), reference - reference.mean()
    # Relative to the size of the distances: equal distances differ in their last digit.
    if np.abs(b).max() <= 1e-9 * np.abs(reference).max():
        return float("nan")
    if np.abs(a).max() <= 1e-9 * np.abs(found).max():
        return 0.0
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))
