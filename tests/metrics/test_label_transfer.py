"""Label transfer never sees the batch it predicts."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score
from sklearn.neighbors import KNeighborsClassifier

from scarena.base.errors import DataError
from scarena.metrics.label_transfer import Transfer, transfer_labels, transfer_scores
from scarena.metrics.measured import Undefined
from scarena.metrics.neighbors import Neighbors
from scarena.metrics.resampling import Resampling


def scores(x, batch, labels, **options):
    return transfer_scores(labels, transfer_labels(x, batch=batch, labels=labels, **options))


def test_agrees_with_a_classifier_trained_on_the_other_batches(cells):
    found = transfer_labels(cells.x, batch=cells.batch, labels=cells.labels)
    test = cells.batch == "b1"
    voters = KNeighborsClassifier(15, weights="distance").fit(cells.x[~test], cells.labels[~test])
    assert (found.predicted[test] == voters.predict(cells.x[test])).all()
    assert found.confidence[test] == pytest.approx(voters.predict_proba(cells.x[test]).max(axis=1), abs=1e-6)


def test_scores_are_those_of_scikit_learn(cells):
    transfer = transfer_labels(cells.x, batch=cells.batch, labels=cells.labels)
    found = transfer_scores(cells.labels, transfer)
    pair = cells.labels, transfer.predicted
    assert found["knn_accuracy"].value == pytest.approx(accuracy_score(*pair), abs=1e-12)
    assert found["knn_macro_f1"].value == pytest.approx(f1_score(*pair, average="macro"), abs=1e-12)
    assert found["knn_balanced_accuracy"].value == pytest.approx(balanced_accuracy_score(*pair), abs=1e-12)


def test_calibration_error_is_that_of_its_definition():
    rng = np.random.default_rng(0)
    confidence = np.concatenate([rng.random(500), np.arange(1, 16) / 15])
    truth = np.full(515, "a")
    transfer = Transfer(np.where(rng.random(515) < confidence**2, "a", "b"), 0, "", confidence)
    right, expected = transfer.predicted == truth, 0.0
    for number in range(15):
        held = (confidence > number / 15 + 1e-9) & (confidence <= (number + 1) / 15 + 1e-9)
        expected += held.mean() * abs(right[held].mean() - confidence[held].mean())
    assert transfer_scores(truth, transfer)["knn_ece"].value == pytest.approx(expected, abs=1e-12)


def test_a_sure_and_right_transfer_is_calibrated_and_a_sure_and_wrong_one_is_not():
    x = np.repeat([[0.0], [1.0], [0.0], [1.0]], 20, axis=0)
    batch = np.repeat(["one", "two"], 40)
    assert scores(x, batch, np.repeat(["a", "b", "a", "b"], 20))["knn_ece"].value == 0.0
    assert scores(x, batch, np.repeat(["a", "b", "b", "a"], 20))["knn_ece"].value == 1.0


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
    found = scores(5 * cells.x[order] @ rotation, cells.batch[order], renamed)
    assert {key: m.value for key, m in found.items()} == pytest.approx({key: m.value for key, m in first.items()})


def test_labels_of_one_batch_are_counted_as_unseen_and_wrong(cells):
    cells = cells.rows(cells.labels != "type 5")  # in two batches only
    labels = np.where(cells.batch == "b0", "only here", cells.labels)
    found = scores(cells.x, cells.batch, labels)
    unseen = int((cells.batch == "b0").sum())
    assert found["knn_unseen"].value == unseen
    assert found["knn_accuracy"].value <= 1 - unseen / len(labels)
    assert f"{unseen} cells of unseen labels" in found["knn_accuracy"].note


def test_one_batch_is_split_into_folds_and_says_so(cells):
    found = scores(cells.x, np.zeros(len(cells.x)), cells.labels, seed=3)
    assert "5-fold" in found["knn_accuracy"].note
    assert found["knn_accuracy"].value > 0.9
    assert found == scores(cells.x, np.zeros(len(cells.x)), cells.labels, seed=3)


def test_one_label_is_transferred_perfectly_and_labels_that_never_repeat_not_at_all():
    x = np.random.default_rng(0).normal(size=(12, 2))
    assert scores(x, np.arange(12) % 2, np.full(12, "a"))["knn_macro_f1"].value == 1.0
    with pytest.raises(Undefined, match="no label occurs twice"):
        scores(x, np.arange(12) % 2, np.arange(12))


def test_one_hot_labels_beat_random(cells):
    one_hot = (cells.labels[:, None] == np.unique(cells.labels)).astype(float)
    good = scores(one_hot, cells.batch, cells.labels)
    bad = scores(np.random.default_rng(0).normal(size=(420, 12)), cells.batch, cells.labels)
    assert good["knn_macro_f1"].value > 0.8 > 0.5 > bad["knn_macro_f1"].value


def test_a_missing_batch_is_an_error(cells):
    with pytest.raises(DataError, match="batch"):
        transfer_labels(cells.x, batch=cells.batch[1:], labels=cells.labels)
    foreign = Neighbors(np.zeros((3, 15), int), np.zeros((3, 15)))
    with pytest.raises(DataError, match="foreign"):
        transfer_labels(cells.x, batch=cells.batch, labels=cells.labels, foreign=foreign)


def nearest_in_other_batches(x, batch, k):
    distances = np.linalg.norm(x[:, None].astype(float) - x[None], axis=2)
    distances[batch[:, None] == batch] = np.inf
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    found = np.take_along_axis(distances, order, axis=1)
    return Neighbors(np.where(np.isinf(found), -1, order), found)


@pytest.mark.parametrize("k", [15, 40])
def test_lists_handed_in_give_what_a_search_gives(cells, k):
    foreign = nearest_in_other_batches(cells.x, cells.batch, k)
    searched = transfer_labels(cells.x, batch=cells.batch, labels=cells.labels)
    handed = transfer_labels(cells.x, batch=cells.batch, labels=cells.labels, foreign=foreign)
    assert (handed.predicted == searched.predicted).all()
    assert handed.confidence == pytest.approx(searched.confidence, abs=1e-5)
    assert (handed.n_unseen, handed.scheme) == (searched.n_unseen, searched.scheme)


def test_lists_are_of_no_use_with_one_batch(cells):
    one = np.zeros(len(cells.x))
    foreign = Neighbors(np.full((420, 15), -1), np.full((420, 15), np.inf))
    found = transfer_labels(cells.x, batch=one, labels=cells.labels, foreign=foreign)
    assert (found.predicted == transfer_labels(cells.x, batch=one, labels=cells.labels).predicted).all()


def test_fewer_cells_than_neighbours_vote():
    x = np.array([[0.0], [1.0], [0.1], [1.2], [0.2]])
    batch, labels = np.array([0, 0, 1, 1, 1]), np.array(list("abaab"))
    found = transfer_labels(x, batch=batch, labels=labels)
    assert found.predicted.tolist() == ["a", "a", "a", "b", "a"]
    # Cell 3 is .2 from a b and 1.2 from an a.
    assert found.confidence[3] == pytest.approx(5 / (5 + 1 / 1.2))
    handed = transfer_labels(x, batch=batch, labels=labels, foreign=nearest_in_other_batches(x, batch, 15))
    assert (handed.predicted == found.predicted).all()


def test_coinciding_cells_outvote_all_others_and_ties_go_to_the_first_label():
    x = np.array([[0.0], [0.0], [0.0], [1e-9]])
    found = transfer_labels(x, batch=np.array([0, 1, 1, 1]), labels=np.array(list("cbac")))
    assert (found.predicted[0], found.confidence[0]) == ("a", 0.5)


def test_replicates_are_the_scores_of_the_cells_drawn(cells):
    transfer = transfer_labels(cells.x, batch=cells.batch, labels=cells.labels)
    strata = np.unique(np.char.add(cells.labels, cells.batch), return_inverse=True)[1]
    drawn = Resampling.stratified(strata, n_replicates=5)
    found = transfer_scores(cells.labels, transfer, resampling=drawn)
    for row, counts in enumerate(drawn.counts):
        again = np.repeat(np.arange(420), counts)
        part = Transfer(transfer.predicted[again], 0, "", transfer.confidence[again])
        expected = transfer_scores(cells.labels[again], part)
        for key in ("knn_accuracy", "knn_macro_f1", "knn_balanced_accuracy", "knn_ece"):
            assert found[key].replicates[row] == pytest.approx(expected[key].value, abs=1e-12), key
    assert found["knn_unseen"].replicates is None


def test_replicates_spread_as_fresh_samples_do():
    def sampled(seed, n=500):
        rng = np.random.default_rng(seed)
        labels, batch = rng.choice(3, n, p=[0.5, 0.3, 0.2]), rng.integers(0, 2, n)
        x = np.array([[0, 0], [1.5, 0], [0, 2.0]])[labels] + rng.normal(size=(n, 2))
        return transfer_labels(x, batch=batch, labels=labels), labels, batch

    keys = ("knn_accuracy", "knn_macro_f1", "knn_balanced_accuracy", "knn_ece")
    fresh = []
    for seed in range(80):
        transfer, labels, _ = sampled(seed)
        found = transfer_scores(labels, transfer)
        fresh.append([found[key].value for key in keys])
    transfer, labels, batch = sampled(1000)
    found = transfer_scores(labels, transfer, resampling=Resampling.stratified(2 * labels + batch))
    ratio = np.array([found[key].replicates.std() for key in keys]) / np.std(fresh, axis=0)
    assert (ratio > 1 / 1.5).all() and (ratio < 1.5).all(), ratio
