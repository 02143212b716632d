"""Label transfer by nearest neighbours: would a new batch be annotated right with the labels of the others?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scarena.metrics.checks import checked_embedding, codes
from scarena.metrics.scores import Score

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

K = 15
FOLDS = 5
KEYS = ("knn_accuracy", "knn_macro_f1", "knn_unseen")


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
    """

    predicted: NDArray[np.str_]
    n_unseen: int
    scheme: str


def transfer_labels(
    embedding: ArrayLike, *, batch: ArrayLike, labels: ArrayLike, k: int = K, seed: int = 0, n_jobs: int = 1
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

    Returns
    -------
    Transfer
        Leaves one batch out at a time. One batch: five folds, each label spread evenly over them, by ``seed``.

    Raises
    ------
    ModelError, DataError
        As :func:`~scarena.metrics.scib.scib_scores`.
    """
    from sklearn.neighbors import KNeighborsClassifier

    x = checked_embedding(embedding)
    names, classes = np.unique(np.asarray(labels).astype(str), return_inverse=True)
    held_out, label_codes = codes(batch, len(x), "batch"), codes(labels, len(x), "labels")
    scheme = "leave one batch out"
    if held_out.max() == 0:
        held_out, scheme = _stratified_folds(label_codes, seed), f"{FOLDS}-fold within the one batch"
    predicted, n_unseen = np.empty(len(x), dtype=names.dtype), 0
    for part in np.unique(held_out):
        test, train = held_out == part, held_out != part
        if not train.any():
            return Transfer(predicted, len(x), scheme)
        voters = KNeighborsClassifier(min(k, int(train.sum())), weights="distance", n_jobs=n_jobs)
        predicted[test] = names[voters.fit(x[train], classes[train]).predict(x[test])]
        n_unseen += int((~np.isin(classes[test], classes[train])).sum())
    return Transfer(predicted, n_unseen, scheme)


def transfer_scores(labels: ArrayLike, transfer: Transfer) -> dict[str, Score]:
    """Return accuracy, macro F1 and the number of unseen cells of a transfer.

    Parameters
    ----------
    labels
        True label of each cell ``[n_cells]``.
    transfer
        From :func:`transfer_labels`.

    Returns
    -------
    dict of str to Score
        ``knn_accuracy`` and ``knn_macro_f1`` (unweighted mean over the labels that occur), in [0, 1], higher is better,
        unseen cells counted as wrong, their number in the note; ``knn_unseen``, cells, lower is easier for every model.
    """
    from sklearn.metrics import f1_score

    truth = np.asarray(labels).astype(str)
    if transfer.n_unseen == len(truth):
        score = Score.not_applicable(f"no label occurs twice ({transfer.scheme})")
        return {"knn_accuracy": score, "knn_macro_f1": score, "knn_unseen": Score(float(transfer.n_unseen))}
    note = transfer.scheme + (f"; {transfer.n_unseen} cells of unseen labels" if transfer.n_unseen else "")
    f1 = f1_score(truth, transfer.predicted, labels=np.unique(truth), average="macro", zero_division=0)
    return {
        "knn_accuracy": Score.of(float((truth == transfer.predicted).mean()), note),
        "knn_macro_f1": Score.of(float(f1), note),
        "knn_unseen": Score(float(transfer.n_unseen), reason=transfer.scheme),
    }


def _stratified_folds(labels: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Deal the shuffled cells of each label out to the folds in turn.

    Written here because scikit-learn's splitter refuses or warns about labels with fewer cells than folds, which
    every atlas has.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    folds = np.empty(len(labels), dtype=np.int64)
    dealt = 0
    for label in np.unique(labels):
        cells = order[labels[order] == label]
        # Dealing goes on where the last label stopped, or every singleton would land in fold 0.
        folds[cells] = (dealt + np.arange(len(cells))) % FOLDS
        dealt += len(cells)
    return folds
