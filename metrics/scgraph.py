"""scGraph: are cell types as far from each other in the embedding as they are within the batches, before integration?

The reference is a consensus over batches of the distances between cell types, each batch in the PCA of its own
expression, so no batch effect enters it. Per cell type, its distances to the other types in the consensus and in the
embedding are correlated. The published form keeps the distance of a type to itself, zero on both sides, which gives a
random embedding a high score; the sound form leaves it out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import DataError
from scarena.metrics.centroids import centroid_distances, centroids
from scarena.metrics.checks import checked_embedding
from scarena.metrics.column_correlations import column_correlations
from scarena.metrics.measured import Measured, Undefined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from scarena.metrics.resampling import Resampling

KEYS = ("scgraph_rank", "scgraph_corr", "scgraph_weighted", "scgraph_rank_published", "scgraph_corr_published")
MIN_TYPES = 3
# Distances that differ by less, relative to the largest, tie: their order is that of rounding errors.
_DIGITS = 9


@dataclass(frozen=True, slots=True)
class ScGraphReference:
    """How far the cell types of a dataset are from each other, whatever the embedding.

    Parameters
    ----------
    types
        Cell types with enough cells, sorted.
    distances
        Consensus ``[k, k]``, each column divided by its maximum and hence not symmetric; NaN for pairs that no batch
        has.
    pair_coverage
        Share of the pairs of types that some batch has, in [0, 1].
    """

    types: tuple[str, ...]
    distances: NDArray[np.float64]
    pair_coverage: float


def scgraph_consensus(
    batches: Sequence[tuple[NDArray[np.floating], NDArray[np.str_]]],
    *,
    min_cells_batch: int = 100,
    min_cells_type: int = 10,
    trim: float = 0.05,
) -> ScGraphReference:
    """Average the distances between cell types over batches.

    Parameters
    ----------
    batches
        Of *every* batch the PCA ``[n_b, d]`` of its own expression (as published: log1p, 1,000 variable genes and 10
        components, each chosen within the batch) and the label of each of its cells ``[n_b]``.
    min_cells_batch
        Batches with fewer cells have no say.
    min_cells_type
        Types with fewer cells in all batches together are left out; in one batch a single cell is enough.
    trim
        Share of the cells cut at each end of every dimension before a centroid is the mean of the rest.

    Returns
    -------
    ScGraphReference
        As published: in each batch, the distances between centroids with every column divided by its maximum; their
        mean over the batches that have the pair; every column divided by its maximum again.

    Raises
    ------
    Undefined
        If fewer than three types have enough cells, or no batch with enough cells has two of them.
    DataError
        If a batch does not have one label a cell, or holds NaN or infinity.

    Notes
    -----
    Because columns are scaled within the batch, a batch without the far types counts the near ones as far. And a type
    that is in no large batch has no pair: the published code stops with an error there.

    References
    ----------
    Wang, Leskovec & Regev 2025, doi 10.1038/s41587-025-02702-z; PyPI scgraph-eval 0.1.2.
    """
    checked = [_checked_batch(x, labels, number) for number, (x, labels) in enumerate(batches)]
    every = np.concatenate([np.empty(0, dtype=np.str_), *(labels for _, labels in checked)])
    names, sizes = np.unique(every, return_counts=True)
    types = tuple(str(name) for name, size in zip(names, sizes, strict=True) if size >= min_cells_type)
    if len(types) < MIN_TYPES:
        raise Undefined(f"{len(types)} cell types with {min_cells_type} cells or more, {MIN_TYPES} needed")
    sums, seen = _sums_over_batches([batch for batch in checked if len(batch[0]) >= min_cells_batch], types, trim)
    above = seen[np.triu_indices(len(types), 1)]
    if not above.any():
        raise Undefined(f"no batch of {min_cells_batch} cells or more has two cell types")
    consensus = np.divide(sums, seen, out=np.full(sums.shape, np.nan), where=seen > 0)
    return ScGraphReference(types, _scaled_columns(consensus), float((above > 0).mean()))


def scgraph(
    embedding: NDArray[np.floating],
    labels: NDArray[np.str_],
    reference: ScGraphReference,
    *,
    trim: float = 0.05,
    resampling: Resampling | None = None,
) -> dict[str, Measured]:
    """Correlate the distances between cell types in an embedding with the consensus of the batches.

    Parameters
    ----------
    embedding
        Finite array ``[n_cells, d]``.
    labels
        Cell type of each cell ``[n_cells]``; cells of types that the reference leaves out are left out.
    reference
        From :func:`scgraph_consensus`.
    trim
        As there.
    resampling
        How often each cell is drawn in each replicate.

    Returns
    -------
    dict of str to Measured
        Mean over cell types of a correlation, each in [−1, 1], higher is better, the sound ones 0 for a random
        embedding of types with equally many cells: ``scgraph_rank`` (Spearman), ``scgraph_corr`` (Pearson) and
        ``scgraph_weighted`` (Pearson weighted by 1 / consensus distance, so that near types count most) over the
        *other* types; ``scgraph_rank_published`` and ``scgraph_corr_published`` with the type itself. The published
        weights give the type itself the weight 0 already.

    Raises
    ------
    Undefined
        If no type shares a batch with two others, or all are equally far in the consensus.
    ModelError, DataError
        For input that is no embedding or has not one label a cell, and if a type of the reference has no cell.

    Notes
    -----
    A type whose distances in the embedding are all equal (a collapsed embedding) counts 0, where the published mean
    passes over it. Replicates move the centroids by the influence function of the trimmed mean and hold the reference
    fixed. A bootstrap doubles the scatter of the centroids, so replicates of noisy centroids lie below the value:
    their spread is meant.

    References
    ----------
    Wang, Leskovec & Regev 2025, doi 10.1038/s41587-025-02702-z; PyPI scgraph-eval 0.1.2.
    """
    return scgraph_and_distances(embedding, labels, reference, trim=trim, resampling=resampling)[0]


def scgraph_and_distances(
    embedding: NDArray[np.floating],
    labels: NDArray[np.str_],
    reference: ScGraphReference,
    *,
    trim: float = 0.05,
    resampling: Resampling | None = None,
) -> tuple[dict[str, Measured], NDArray[np.float64]]:
    """Return the scores of :func:`scgraph`, and the distances ``[k, k]`` between the types of the reference.

    These are as in the reference: of centroids, each column divided by its maximum, NaN for a column of zeros.
    """
    from scipy.spatial.distance import cdist

    x = checked_embedding(embedding)
    points, moved = centroids(x, _codes_in(labels, reference.types, len(x)), trim, resampling)
    found = cdist(points, points)
    values = _mean_correlations(found, reference.distances)
    replicates = None if moved is None else _mean_correlations(centroid_distances(moved), reference.distances)
    note = f"{reference.pair_coverage:.0%} of the pairs of {len(reference.types)} types share a batch"
    scores = {key: Measured(float(values[key]), replicates[key] if replicates else None, note) for key in KEYS}
    return scores, _scaled_columns(found)


def _checked_batch(
    x: NDArray[np.floating], labels: NDArray[np.str_], number: int
) -> tuple[NDArray[np.floating], NDArray[np.str_]]:
    names, where = np.asarray(labels).astype(str), f"batch {number}"
    if x.ndim != 2 or names.shape != (len(x),):
        raise DataError(f"labels {names.shape} for cells {x.shape}", where=where, fix="join them by cell name")
    if not np.isfinite(x).all():
        raise DataError("its PCA has NaN or infinite values", where=where, fix="drop constant genes before the PCA")
    return x, names


def _sums_over_batches(
    batches: Sequence[tuple[NDArray[np.floating], NDArray[np.str_]]], types: Sequence[str], trim: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the sums of the scaled distances between types, and the batches that have each ``[k, k]``."""
    sums, seen = np.zeros((len(types), len(types))), np.zeros((len(types), len(types)), dtype=np.int64)
    for x, labels in batches:
        present = [i for i, name in enumerate(types) if name in set(labels.tolist())]
        if len(present) < 2:
            continue
        scaled = _type_distances(x, labels, [types[i] for i in present], trim)
        sums[np.ix_(present, present)] += np.nan_to_num(scaled)
        seen[np.ix_(present, present)] += ~np.isnan(scaled)
    return sums, seen


def _codes_in(labels: NDArray[np.str_], types: Sequence[str], n_cells: int) -> NDArray[np.int64]:
    """Return the position of each cell's label among ``types``, −1 for the others."""
    names = np.asarray(labels).astype(str)
    if names.shape != (n_cells,):
        raise DataError(f"{names.shape} values for {n_cells} cells", where="labels", fix="join labels by cell name")
    absent = sorted(set(types) - set(names.tolist()))
    if absent:
        raise DataError(f"no cell of {absent[0]!r}", where="labels", fix="use the reference of the same cells")
    code_of = {name: code for code, name in enumerate(types)}
    distinct, of_cell = np.unique(names, return_inverse=True)
    return np.array([code_of.get(str(name), -1) for name in distinct], dtype=np.int64)[of_cell]


def _type_distances(
    x: NDArray[np.floating], labels: NDArray[np.str_], present: Sequence[str], trim: float
) -> NDArray[np.float64]:
    from scipy.spatial.distance import cdist

    points, _ = centroids(x, _codes_in(labels, present, len(x)), trim)
    return _scaled_columns(cdist(points, points))


def _scaled_columns(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide each column by its maximum; a column of zeros says nothing and becomes NaN."""
    top = np.nan_to_num(distances).max(axis=0)
    return np.divide(distances, top, out=np.full(distances.shape, np.nan), where=top > 0)


def _mean_correlations(found: NDArray[np.float64], consensus: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Return each key's mean over types ``[…]`` for distances ``[…, k, k]``."""
    itself = np.eye(len(consensus), dtype=bool)
    published = ~np.isnan(consensus)
    others = published & ~itself
    near_first = np.divide(1.0, consensus, out=np.zeros(consensus.shape), where=others & (consensus > 0))
    columns = {
        "scgraph_rank": column_correlations(_ranks(found, others), _ranks(consensus, others), others),
        "scgraph_corr": column_correlations(found, consensus, others),
        "scgraph_weighted": column_correlations(found, consensus, near_first),
        "scgraph_rank_published": column_correlations(
            _ranks(found, published), _ranks(consensus, published), published
        ),
        "scgraph_corr_published": column_correlations(found, consensus, published),
    }
    if np.isnan(columns["scgraph_corr"]).all() or np.isnan(columns["scgraph_weighted"]).all():
        raise Undefined("no cell type shares a batch with two others at different distances")
    return {key: np.nanmean(values, axis=-1) for key, values in columns.items()}


def _ranks(distances: NDArray[np.float64], used: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the rank of each entry in its column among the entries used; the others rank behind them."""
    from scipy.stats import rankdata

    top = np.where(used, distances, 0.0).max(axis=(-2, -1), keepdims=True)
    tied = np.round(distances / np.where(top > 0, top, 1.0), _DIGITS)
    return np.asarray(rankdata(np.where(used, tied, np.inf), axis=-2))
