"""Label transfer by nearest neighbours: would a new batch be annotated right with the labels of the others?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import DataError
from scarena.base.folds import FOLDS, random_folds
from scarena.metrics.checks import checked_embedding, coded, codes
from scarena.metrics.grouped import group_sums
from scarena.metrics.measured import Measured, Undefined
from scarena.metrics.neighbor_lists import Neighbors

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from scarena.metrics.resampling import Resampling

K = 15
BINS = 15
KEYS = ("knn_accuracy", "knn_macro_f1", "knn_balanced_accuracy", "knn_ece", "knn_unseen")


@dataclass(frozen=True, slots=True)
class Transfer:
    """Predicted labels.

    Parameters
    ----------
    predicted
        Label of each cell ``[n_cells]``, predicted without its own batch (or fold).
    n_unseen
        Cells whose label occurs in no other batch (or fold): they cannot be right, whatever the embedding.
    scheme
        How the cells were held out, for the reader.
    confidence
        Share of the votes that the predicted label got ``[n_cells]``, in (0, 1].
    """

    predicted: NDArray[np.str_]
    n_unseen: int
    scheme: str
    confidence: NDArray[np.float64]


def transfer_labels(
    embedding: ArrayLike,
    *,
    batch: ArrayLike,
    labels: ArrayLike,
    k: int = K,
    seed: int = 0,
    n_jobs: int = 1,
    foreign: Neighbors | None = None,
) -> Transfer:
    """Predict every cell's label from the cells of the other batches.

    Parameters
    ----------
    embedding
        Finite array ``[n_cells, d]``.
    batch, labels
        Batch and label of each cell ``[n_cells]``.
    k
        Neighbours that vote, each by the inverse of its distance: with majority votes a rare type of fewer than k/2
        cells could never win. Cells at distance zero outvote all others. A tie goes to the label first in the
        alphabet.
    seed
        Of the folds when there is one batch.
    n_jobs
        Threads of the neighbour search.
    foreign
        The ``k`` (or more) nearest cells of the *other* batches of each cell ``[n_cells, k]``, nearest first, index −1
        where there are fewer; searched here where not given. Of no use with one batch.

    Returns
    -------
    Transfer
        Leaves one batch out at a time. One batch: five folds, each label spread evenly over them, by ``seed``.

    Raises
    ------
    ModelError, DataError
        For input that is no embedding or has not one label, batch or row of ``foreign`` a cell.
    """
    from scarena.metrics.vote_kernels import votes

    x = checked_embedding(embedding)
    held_out = codes(batch, len(x), "batch")
    classes, names = coded(labels, len(x), "labels")
    scheme = "leave one batch out"
    if held_out.max() == 0:
        held_out, scheme = random_folds(classes, seed=seed), f"{FOLDS}-fold within the one batch"
        foreign = None
    if foreign is None:
        foreign = _nearest_elsewhere(x, held_out, k, n_jobs)
    if len(foreign.indices) != len(x):
        raise DataError(f"{len(foreign.indices)} rows for {len(x)} cells", where="foreign", fix="one row a cell")
    winner, share = votes(
        np.ascontiguousarray(foreign.indices[:, :k], dtype=np.int64),
        np.ascontiguousarray(foreign.distances[:, :k], dtype=np.float64),
        classes,
        len(names),
    )
    return Transfer(names[winner], _n_unseen(classes, held_out), scheme, share)


def transfer_scores(
    labels: ArrayLike, transfer: Transfer, *, resampling: Resampling | None = None
) -> dict[str, Measured]:
    """Return how right and how sure of itself a transfer was.

    Parameters
    ----------
    labels
        True label of each cell ``[n_cells]``.
    transfer
        From :func:`transfer_labels`.
    resampling
        For replicates: the prediction of each cell and its confidence are held fixed, so they miss what another draw
        of the *voting* cells would change, and spread about 0.8 times as much as samples do (1.15 for the ECE).

    Returns
    -------
    dict of str to Measured
        ``knn_accuracy``; ``knn_macro_f1`` and ``knn_balanced_accuracy``, the unweighted means of F1 and recall over the
        labels that occur; all in [0, 1], higher is better, unseen cells counted as wrong, their number in the note.
        ``knn_ece``, expected calibration error over 15 bins of equal width of the winner's share of the votes,
        Σ cells of bin/cells · |accuracy − mean share|, in [0, 1], lower is better; its replicates lie above
        it by about their SD, being means of absolute values. ``knn_unseen``, cells, lower is easier for every model.

    Raises
    ------
    Undefined
        If the label of no cell occurs in another batch (or fold).

    References
    ----------
    Guo et al. 2017, arXiv 1706.04599 (expected calibration error).
    """
    truth = np.asarray(labels).astype(str)
    if transfer.n_unseen == len(truth):
        raise Undefined(f"no label occurs twice ({transfer.scheme})")
    note = transfer.scheme + (f"; {transfer.n_unseen} cells of unseen labels" if transfer.n_unseen else "")
    right = (truth == transfer.predicted).astype(np.float64)
    f1, recall = _per_label(truth, transfer.predicted, resampling)
    return {
        "knn_accuracy": Measured(float(right.mean()), None if resampling is None else resampling.means(right), note),
        "knn_macro_f1": Measured(*f1, note),
        "knn_balanced_accuracy": Measured(*recall, note),
        "knn_ece": Measured(*_calibration_error(right, transfer.confidence, resampling), note),
        "knn_unseen": Measured(float(transfer.n_unseen), note=transfer.scheme),
    }


_Values = tuple[float, "NDArray[np.float64] | None"]


def _per_label(
    truth: NDArray[np.str_], predicted: NDArray[np.str_], resampling: Resampling | None
) -> tuple[_Values, _Values]:
    """Return the mean F1 and the mean recall over the labels that occur, each with its replicates."""
    names, true = np.unique(truth, return_inverse=True)
    n_labels = len(names)
    place = np.searchsorted(names, predicted)
    # What is predicted and occurs nowhere goes to a group of its own, behind the labels.
    found = np.where(names[np.minimum(place, n_labels - 1)] == predicted, place, n_labels)
    hit = np.where(found == true, true, n_labels)
    f1, recall = _f1_and_recall(*(np.bincount(c, minlength=n_labels + 1)[:n_labels] for c in (hit, true, found)))
    if resampling is None:
        return (float(f1), None), (float(recall), None)
    drawn = (group_sums(resampling, c, n_labels + 1)[:, :n_labels] for c in (hit, true, found))
    f1s, recalls = _f1_and_recall(*drawn)
    return (float(f1), f1s), (float(recall), recalls)


def _f1_and_recall(
    hits: NDArray[np.number], true: NDArray[np.number], predicted: NDArray[np.number]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the means over the last axis; a label of which no cell was drawn (it cannot be in strata) counts 0."""
    f1 = 2 * hits / np.maximum(true + predicted, 1)
    return f1.mean(axis=-1), (hits / np.maximum(true, 1)).mean(axis=-1)


def _calibration_error(
    right: NDArray[np.float64], confidence: NDArray[np.float64], resampling: Resampling | None
) -> _Values:
    in_bin = bins_of(confidence)
    excess = right - confidence
    value = np.abs(np.bincount(in_bin, excess, minlength=BINS)).sum() / len(right)
    if resampling is None:
        return float(value), None
    return float(value), np.abs(group_sums(resampling, in_bin, BINS, excess)).sum(axis=1) / len(right)


def bins_of(confidence: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return which of 15 bins of equal width each cell's confidence ``[n_cells]`` lies in, of the calibration error.

    Bins are closed above; the share of a winner is never 0. Rounded, or 0.6 as a quotient falls in either of two.
    """
    return np.asarray(np.clip(np.ceil(np.round(confidence * BINS, 6)).astype(np.int64) - 1, 0, BINS - 1))


def _nearest_elsewhere(x: NDArray[np.floating], held_out: NDArray[np.int64], k: int, n_jobs: int) -> Neighbors:
    """Return the ``k`` nearest cells of each cell outside its own part."""
    from sklearn.neighbors import NearestNeighbors

    indices = np.full((len(x), k), -1, dtype=np.int64)
    distances = np.full((len(x), k), np.inf)
    for part in np.unique(held_out):
        test, train = held_out == part, np.flatnonzero(held_out != part)
        width = min(k, len(train))
        found = NearestNeighbors(n_neighbors=width, n_jobs=n_jobs).fit(x[train]).kneighbors(x[test])
        distances[test, :width], indices[test, :width] = found[0], train[found[1]]
    return Neighbors(indices, distances)


def _n_unseen(classes: NDArray[np.int64], held_out: NDArray[np.int64]) -> int:
    """Return the number of cells whose label is in one part only."""
    pairs = np.unique(classes * (int(held_out.max()) + 1) + held_out)
    n_parts = np.bincount(pairs // (int(held_out.max()) + 1))
    return int((n_parts[classes] == 1).sum())
