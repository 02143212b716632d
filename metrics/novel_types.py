"""Would the cells of a type that the reference lacks stand out? This package's definition.

For one type t after another, the reference of a cell is all cells of the *other* batches but those of type t. A cell's
novelty is its mean distance to its five nearest cells of the reference; the score is the AUROC of "is of type t" by
novelty, mean over types. 0.5 is chance: cells of an unknown type look as close to the reference as known ones.

Lists of nearest neighbours cannot answer this: those of a cell of t hold other cells of t, however deep they are, until
the type is used up. So the search is exact and over all cells, but for a sample of 200 cells a type, which also stand
for the known cells, weighted by how many cells of their type they stand for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import DataError
from scarena.metrics.checks import checked_embedding
from scarena.metrics.measured import Measured, Undefined
from scarena.metrics.subsampling import subsample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scarena.metrics.resampling import Resampling

    _Lists = tuple[NDArray[np.int64], NDArray[np.float64]]  # nearest cells and their distances, one row a scored cell

K = 5
CELLS_PER_TYPE = 200
_WINDOW = 0.2  # half-width, in SD of the novelties, of the window in which their density is taken
_ENTRIES_AT_ONCE = 1 << 22  # inner products held at a time: 32 MB


def novel_type_auroc(
    x: NDArray[np.floating],
    labels: NDArray[np.integer],
    batch: NDArray[np.integer],
    *,
    k: int = K,
    cells_per_type: int = CELLS_PER_TYPE,
    seed: int = 0,
    resampling: Resampling | None = None,
) -> Measured:
    """Return how well cells of a type are told from those of known types when the reference lacks their type.

    Parameters
    ----------
    x
        Finite array ``[n_cells, d]``.
    labels, batch
        Codes ``[n_cells]``, from 0 without gaps.
    k
        Nearest cells of the reference whose mean distance is the novelty (all, where there are fewer).
    cells_per_type
        At most so many cells of a type are scored; all cells are in the reference.
    seed
        Of the draw of these.
    resampling
        For replicates: cells scored are weighted by how often they were drawn, and the AUROC moves by the first order
        of the weights of the cells in the reference (nearest cells held fixed). With novelties held fixed too,
        replicates would spread about two thirds as much as samples do.

    Returns
    -------
    Measured
        Mean AUROC over the types in two batches or more, in [0, 1], higher is better, 0.5 is chance. Types in one batch
        are in the reference but not scored: their cells are unknown with and without the type left out.

    Raises
    ------
    Undefined
        With one batch, fewer than two types in two batches, or where nothing is left as reference.
    ModelError
        If the embedding is not one (wrong shape, NaN).
    DataError
        If there is not one label and batch a cell.
    """
    embedding = checked_embedding(x)
    if not len(embedding) == len(labels) == len(batch):
        raise DataError("arrays of different lengths", where="novel_type_auroc", fix="join them by cell name")
    types, n_left_out = _types_asked(labels, batch)
    scored = _sample(labels, types, cells_per_type, seed)
    near = _references(embedding, scored, labels.astype(np.int64), batch.astype(np.int64), k)
    # How many cells of its type each scored cell stands for.
    cells_of_type, scored_of_type = np.bincount(labels), np.bincount(labels[scored])
    stands_for = cells_of_type[labels[scored]] / scored_of_type[labels[scored]]
    value, replicates = _mean_auroc(near, scored, labels.astype(np.int64), types, stands_for, k, resampling)
    note = f"at most {cells_per_type} cells a type, seed {seed}"
    return Measured(value, replicates, note + (f"; {n_left_out} types in one batch" if n_left_out else ""))


def _types_asked(labels: NDArray[np.integer], batch: NDArray[np.integer]) -> tuple[NDArray[np.intp], int]:
    """Return the types in two batches or more, and how many are in one."""
    if batch.max() == 0:
        raise Undefined("one batch: there is no other to be the reference")
    in_batches = np.bincount(np.unique(np.stack([labels, batch]), axis=1)[0])
    types = np.flatnonzero(in_batches > 1)
    if len(types) < 2:
        raise Undefined(f"{len(types)} labels in two batches or more, 2 needed")
    return types, len(in_batches) - len(types)


def _sample(labels: NDArray[np.integer], types: NDArray[np.intp], limit: int, seed: int) -> NDArray[np.int64]:
    rng = np.random.default_rng(seed)
    cells_of = (np.flatnonzero(labels == name) for name in types)
    return np.concatenate([cells[subsample(len(cells), limit, rng)] for cells in cells_of])


def _references(
    x: NDArray[np.floating], scored: NDArray[np.int64], types: NDArray[np.int64], batch: NDArray[np.int64], k: int
) -> _Lists:
    """Return enough nearest cells of other batches of each scored cell that any one type may be left out."""
    from scarena.metrics.novelty_kernels import reference_lists

    # Centred, or the distances of a far-off embedding would be lost in the difference of large squares.
    centred = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    norms = np.einsum("nd,nd->n", centred, centred)
    n_types = int(types.max()) + 1
    indices, distances = np.empty((len(scored), 2 * k), dtype=np.int64), np.empty((len(scored), 2 * k))
    at_once = max(1, _ENTRIES_AT_ONCE // len(x))
    for start in range(0, len(scored), at_once):
        rows = scored[start : start + at_once]
        here = slice(start, start + len(rows))
        products = centred[rows] @ centred.T
        indices[here], distances[here] = reference_lists(products, rows, norms, batch, types, n_types, k)
    return indices, distances


def _mean_auroc(
    near: _Lists,
    scored: NDArray[np.int64],
    labels: NDArray[np.int64],
    types: NDArray[np.intp],
    stands_for: NDArray[np.float64],
    k: int,
    resampling: Resampling | None,
) -> tuple[float, NDArray[np.float64] | None]:
    """Return the mean over types of the AUROC of "is of this type", and its replicates."""
    from scarena.metrics.novelty_kernels import add_pull, novelty, weighted_auroc

    weights_RS = stands_for[None]
    if resampling is not None:
        weights_RS = np.vstack([weights_RS, resampling.counts[:, scored] * stands_for])
    total, answered, pull = np.zeros(len(weights_RS)), 0, np.zeros(len(labels))
    for name in types:
        scores = novelty(*near, labels, name, k)
        # Cells without any reference (all other batches hold this type alone) have no novelty.
        order = np.argsort(scores, kind="stable")[: np.count_nonzero(~np.isnan(scores))]
        own = labels[scored[order]] == name
        if own.all() or not own.any():
            continue
        answered += 1
        total += np.nan_to_num(weighted_auroc(scores[order], own, np.ascontiguousarray(weights_RS[:, order])))
        slopes = np.zeros(len(scored))
        slopes[order] = _slopes(scores[order], own, stands_for[order])
        add_pull(*near, labels, name, k, slopes, pull)
    if not answered:
        raise Undefined("no reference is left without the type")
    if resampling is None:
        return float(total[0] / answered), None
    moved = resampling.sums(pull) - pull.sum()
    return float(total[0] / answered), (total[1:] + moved) / answered


def _slopes(scores: NDArray[np.float64], own: NDArray[np.bool_], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the derivative of the AUROC by each of the ascending scores: the density of the other side around it."""
    width = _WINDOW * float(scores.std())
    if width == 0:
        return np.zeros(len(scores))
    first, last = np.searchsorted(scores, scores - width), np.searchsorted(scores, scores + width, side="right")
    densities = []
    for side in (own, ~own):
        upto = np.concatenate([[0.0], np.cumsum(weights * side)])
        densities.append((upto[last] - upto[first]) / upto[-1] / (2 * width))
    of_own, of_others = densities
    return np.where(own, of_others * weights / weights[own].sum(), -of_own * weights / weights[~own].sum())
