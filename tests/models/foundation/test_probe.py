"""A probe is a logistic regression that has not seen the batch it is asked about."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.preprocessing import StandardScaler

from scarena.base.errors import DataError
from scarena.models.foundation.probe import probe


def cells(n_cells=180, spread=1.5, seed=0):
    """Return vectors, labels and batches; coordinates differ in scale and batches in place."""
    rng = np.random.default_rng(seed)
    names = np.array([f"c{i}" for i in range(n_cells)])
    kinds, batches = rng.integers(4, size=n_cells), rng.integers(3, size=n_cells)
    z = rng.normal(size=(4, 6))[kinds] * 2 + spread * rng.normal(size=(n_cells, 6)) + 0.5 * batches[:, None]
    labels = pd.Series([f"t{kind}" for kind in kinds], index=names)
    return z * np.array([1e-3, 1, 1, 1, 1, 100]), labels, pd.Series([f"b{b}" for b in batches], index=names)


def test_each_batch_is_told_by_a_regression_on_the_others():
    z, labels, batch = cells()
    found = probe(z, labels, batch)
    assert found.by == "batch"
    assert list(found.folds.index) == ["b0", "b1", "b2"]
    for name, row in found.folds.iterrows():
        test = (batch == name).to_numpy()
        scaler = StandardScaler().fit(z[~test])
        theirs = LogisticRegression(max_iter=1000).fit(scaler.transform(z[~test]), labels[~test])
        predicted = theirs.predict(scaler.transform(z[test]))
        assert list(found.cells.loc[labels.index[test], "predicted"]) == list(predicted)
        assert row["accuracy"] == pytest.approx(accuracy_score(labels[test], predicted))
        assert row["macro_f1"] == pytest.approx(f1_score(labels[test], predicted, average="macro"))
        assert (row["cells"], row["trained"], row["unseen"]) == (test.sum(), (~test).sum(), 0)
        assert row["converged"]
    assert 0.5 < found.folds["accuracy"].mean() < 1, "neither hopeless nor trivial"


def test_one_batch_is_cut_into_five_with_a_fifth_of_every_label():
    z, labels, _ = cells()
    found = probe(z, labels, seed=3)
    assert found.by == "cells"
    assert list(found.folds.index) == list("01234")
    assert sorted(found.cells.index) == sorted(labels.index), "every cell is tested once"
    sizes = pd.crosstab(found.cells["fold"], found.cells["label"])
    assert (sizes.max() - sizes.min()).max() <= 1
    again, other = probe(z, labels, seed=3), probe(z, labels, seed=4)
    assert found.cells.equals(again.cells)
    assert not found.cells["fold"].equals(other.cells["fold"])


@pytest.mark.parametrize("with_batch", [True, False])
def test_labels_that_say_nothing_are_guessed_and_perfect_vectors_are_read(with_batch):
    z, labels, batch = cells()
    given = batch if with_batch else None
    perfect = probe(pd.get_dummies(labels).to_numpy(float), labels, given)
    assert (perfect.folds[["accuracy", "macro_f1"]] == 1).all(axis=None)
    shuffled = pd.Series(np.random.default_rng(0).permutation(labels), index=labels.index)
    assert probe(z, shuffled, given).folds["accuracy"].mean() < 0.45


def test_a_label_that_one_batch_alone_has_counts_as_wrong_there_and_is_said():
    z, labels, batch = cells()
    labels[(batch == "b1") & (labels == "t0")] = "rare"
    z[(labels == "rare").to_numpy()] += 1000
    found = probe(z, labels, batch)
    n_rare = int((labels == "rare").sum())
    assert found.folds["unseen"].to_dict() == {"b0": 0, "b1": n_rare, "b2": 0}
    of_rare = found.cells[found.cells["label"] == "rare"]
    assert (of_rare["predicted"] != "rare").all()
    assert found.folds.loc["b1", "accuracy"] <= 1 - n_rare / found.folds.loc["b1", "cells"]


def test_a_batch_without_which_one_label_is_left_is_missing_and_not_zero():
    z, labels, batch = cells()
    batch[labels != "t0"] = "b0"
    found = probe(z, labels, batch)
    assert np.isnan(found.folds.loc["b0", "accuracy"])
    assert found.cells.loc[batch.index[batch == "b0"], "predicted"].isna().all()
    assert (found.folds.loc[["b1", "b2"], "accuracy"] >= 0).all()
    with pytest.raises(DataError, match="no fold leaves two labels"):
        probe(z, labels.where(labels.isin(["t0", "t1"])), pd.Series(labels, index=labels.index))


def test_cells_without_a_label_are_left_out_whatever_their_vectors():
    z, labels, batch = cells()
    labels.iloc[::5] = np.nan
    labels.iloc[1] = ""
    found = probe(z, labels, batch)
    z[::5], z[1] = 1e6, -1e6
    assert probe(z, labels, batch).cells.equals(found.cells)
    assert found.unlabelled == 37
    assert len(found.cells) == 143


def test_cells_that_do_not_go_together_and_vectors_that_are_none_are_refused():
    z, labels, batch = cells()
    with pytest.raises(DataError, match="179 vectors, 180 labels"):
        probe(z[1:], labels, batch)
    with pytest.raises(DataError, match="not of the same cells"):
        probe(z, labels, batch.sort_values())
    with pytest.raises(DataError, match="1 labels"):
        probe(z, labels.where(labels == "t1"), batch)
    z[0, 0] = np.nan
    with pytest.raises(DataError, match="not finite"):
        probe(z, labels, batch)
