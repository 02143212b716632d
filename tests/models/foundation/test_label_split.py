"""Held-out cells are whole batches where they can be, and no label is left without a cell to learn from."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from scarena.base.errors import DataError
from scarena.models.foundation.label_split import labels_of, split_cells


def table(values):
    obs = pd.DataFrame({"type": values}, index=[f"c{i}" for i in range(len(values))])
    return AnnData(np.zeros((len(values), 1)), obs=obs)


def disjoint_and_whole(split, labels):
    both = np.concatenate([split.train, split.held])
    assert sorted(both) == np.flatnonzero(labels >= 0).tolist()
    assert set(labels[split.train]) == set(labels[labels >= 0])


@pytest.mark.parametrize("seed", range(5))
def test_whole_batches_are_held_out_until_a_share_is(seed):
    rng = np.random.default_rng(seed)
    labels, batch = rng.integers(-1, 4, 600), rng.choice([f"b{i}" for i in range(12)], 600)
    split = split_cells(labels, batch, 0.1, np.random.default_rng(seed))
    disjoint_and_whole(split, labels)
    assert split.by == "batches"
    assert set(batch[split.held]) == set(split.batches)
    assert not set(batch[split.train]) & set(split.batches)
    share = len(split.held) / (labels >= 0).sum()
    assert 0.1 <= share < 0.2, "a twelfth each: two of them"


def test_a_batch_that_alone_has_a_label_stays_and_one_with_most_cells_too():
    labels = np.array([0] * 20 + [1] * 20 + [0, 1] * 30 + [2] * 5)
    batch = np.array(["small"] * 40 + ["large"] * 60 + ["own"] * 5)
    for seed in range(6):
        split = split_cells(labels, batch, 0.1, np.random.default_rng(seed))
        assert split.batches == ("small",)
        disjoint_and_whole(split, labels)


@pytest.mark.parametrize("batch", [["a"] * 90, ["a"] * 30 + ["b"] * 30 + ["c"] * 30])
def test_where_no_batch_can_go_a_share_of_every_label_does(batch):
    labels = np.repeat([0, 1, 2], 30)
    split = split_cells(labels, np.array(batch), 0.1, np.random.default_rng(0))
    assert split.by == "cells"
    disjoint_and_whole(split, labels)
    assert np.bincount(labels[split.held]).tolist() == [3, 3, 3]


def test_where_no_label_can_spare_a_cell_nothing_is_held_out():
    labels = np.array([0, 1, 1, 2, -1])
    split = split_cells(labels, np.array(["a"] * 5), 0.1, np.random.default_rng(0))
    assert (split.by, len(split.held)) == ("nothing", 0)
    assert split.train.tolist() == [0, 1, 2, 3]
    assert split_cells(np.repeat([0, 1], 50), np.repeat(["a", "b"], 50), 0.0, np.random.default_rng(0)).by == "nothing"


def test_the_generator_decides():
    labels, batch = np.arange(400) % 3, np.array([f"b{i // 20}" for i in range(400)])
    first, again, other = (split_cells(labels, batch, 0.1, np.random.default_rng(s)).batches for s in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("kind", [object, "category"])
def test_labels_are_sorted_and_what_is_missing_or_empty_is_none(kind):
    data = table(pd.Series(["b", None, "a", np.nan, " ", "", "b"]).astype(kind).to_numpy())
    names, codes = labels_of(data, "type")
    assert names == ["a", "b"]
    assert codes.tolist() == [1, -1, 0, -1, -1, -1, 1]


def test_numbers_are_labels_too():
    assert labels_of(table(np.array([3, 1, 3])), "type")[0] == ["1", "3"]


@pytest.mark.parametrize(("values", "words"), [(["a", None], "1 label in 1"), ([None, ""], "0 labels in 0")])
def test_fewer_than_two_labels_and_an_unknown_column_are_refused(values, words):
    with pytest.raises(DataError, match=words):
        labels_of(table(values), "type")
    with pytest.raises(DataError, match="no column 'kind'; columns: type"):
        labels_of(table(values), "kind")
