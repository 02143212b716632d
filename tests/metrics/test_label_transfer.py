"""Label transfer never sees the batch it predicts."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from scarena.errors import DataError
from scarena.metrics.label_transfer import transfer_labels, transfer_scores
from scarena.metrics.scores import NOT_APPLICABLE


def scores(x, batch, labels, **options):
    return transfer_scores(labels, transfer_labels(x, batch=batch, labels=labels, **options))


def test_agrees_with_a_classifier_trained_on_the_other_batches(cells):
    found = transfer_labels(cells.x, batch=cells.batch, labels=cells.labels)
    test = cells.batch == "b1"
    voters = KNeighborsClassifier(15, weights="distance").fit(cells.x[~test], cells.labels[~test])
    assert (found.predicted[test] == voters.predict(cells.x[test])).all()


def test_a_batch_is_not_predicted_from_itself():
    """Two batches with swapped labels: every neighbour in the own batch would be right, every other one is wrong."""
    x = np.repeat([[0.0], [1.0], [0.0], [1.0]], 20, axis=0)
    batch, labels = np.repeat(["one", "two"], 40), np.repeat(["a", "b", "b", "a"], 20)
    assert scores(x, batch, labels)["knn_accuracy"].value == 0.0


def test_order_names_rotation_and_scale_do_not_matter(cells):
    first = scores(cells.x, cells.batch, cells.labels)
    order = np.random.default_rng(0).permutation(len(cells.x))
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(12, 12)))[0]
    renamed = np.char.add("z", cells.labels[order])
    assert scores(5 * cells.x[order] @ rotation, cells.batch[order], renamed) == first


def test_labels_of_one_batch_are_counted_as_unseen_and_wrong(cells):
    cells = cells.rows(cells.labels != "type 5")  # in two batches only
    labels = np.where(cells.batch == "b0", "only here", cells.labels)
    found = scores(cells.x, cells.batch, labels)
    unseen = int((cells.batch == "b0").sum())
    assert found["knn_unseen"].value == unseen
    assert found["knn_accuracy"].value <= 1 - unseen / len(labels)
    assert f"{unseen} cells of unseen labels" in found["knn_accuracy"].reason


def test_one_batch_is_split_into_folds_and_says_so(cells):
    found = scores(cells.x, np.zeros(len(cells.x)), cells.labels, seed=3)
    assert "5-fold" in found["knn_accuracy"].reason
    assert found["knn_accuracy"].value > 0.9
    assert found == scores(cells.x, np.zeros(len(cells.x)), cells.labels, seed=3)


def test_one_label_is_transferred_perfectly_and_labels_that_never_repeat_not_at_all():
    x = np.random.default_rng(0).normal(size=(12, 2))
    assert scores(x, np.arange(12) % 2, np.full(12, "a"))["knn_macro_f1"].value == 1.0
    assert scores(x, np.arange(12) % 2, np.arange(12))["knn_accuracy"].state == NOT_APPLICABLE


def test_one_hot_labels_beat_random(cells):
    one_hot = (cells.labels[:, None] == np.unique(cells.labels)).astype(float)
    good = scores(one_hot, cells.batch, cells.labels)
    bad = scores(np.random.default_rng(0).normal(size=(420, 12)), cells.batch, cells.labels)
    assert good["knn_macro_f1"].value > 0.8 > 0.5 > bad["knn_macro_f1"].value


def test_a_missing_batch_is_an_error(cells):
    with pytest.raises(DataError, match="batch"):
        transfer_labels(cells.x, batch=cells.batch[1:], labels=cells.labels)
