"""Annotations reach an embedding by name where both have names; what has no label is in no metric, and counted."""

import numpy as np
import pandas as pd
import pytest

from scarena.base.errors import DataError, ModelError
from scarena.metrics.checks import checked_embedding
from scarena.metrics.reference import dataset_reference
from scarena.metrics.scoring import score_embedding

N = 120
KEYS = ["knn_accuracy", "ilisi", "asw_label"]


@pytest.fixture
def made():
    rng = np.random.default_rng(0)
    types, batch = np.array(["B", "T", "NK"])[np.arange(N) % 3], np.array(["1", "2"])[np.arange(N) % 2]
    x = rng.normal(size=(N, 5)) + 6 * np.eye(5)[np.arange(N) % 3]
    return x, batch, types


def scores(x, batch, labels, **more):
    from scarena.metrics.registry import METRICS

    keys = [key for key in KEYS if key in METRICS]
    return score_embedding(x, batch=batch, labels=labels, metrics=keys, n_replicates=0, **more)


def test_names_join_and_positions_do_not(made):
    x, batch, types = made
    names = pd.Index([f"c{i}" for i in range(N)])
    turned = np.random.default_rng(1).permutation(N)
    by_position = scores(x, batch, types)
    for labels in (pd.Series(types, index=names), pd.Series(types[turned], index=names[turned])):
        for batches in (pd.Series(batch, index=names), pd.Series(batch[turned], index=names[turned])):
            assert dict(scores(pd.DataFrame(x, index=names), batches, labels)) == dict(by_position)


@pytest.mark.parametrize(
    "spoil", [lambda names: names[::-1] + "x", lambda names: ["c0"] * N, lambda n: [*n[1:], "new"]]
)
def test_names_that_disagree_are_refused(made, spoil):
    x, batch, types = made
    names = pd.Index([f"c{i}" for i in range(N)])
    with pytest.raises(DataError, match="its names are not those"):
        scores(pd.DataFrame(x, index=names), batch, pd.Series(types, index=pd.Index(spoil(names))))


@pytest.mark.parametrize("missing", ["", "nan", "NA", None, np.nan, pd.NA])
def test_cells_without_a_label_are_in_no_metric_and_counted(made, missing):
    x, batch, types = made
    labels = types.astype(object)
    labels[:20] = missing
    found = scores(x, batch, labels)
    assert found.unlabelled == 20
    assert dict(found) == dict(scores(x[20:], batch[20:], types[20:]))


def test_masked_labels_are_missing_and_a_reference_is_cut_with_them(made):
    x, batch, types = made
    hidden = np.arange(N) < 10
    found = scores(x, batch, np.ma.array(types, mask=hidden), reference=dataset_reference(x))
    assert found.unlabelled == 10
    assert dict(found) == dict(scores(x[10:], batch[10:], types[10:], reference=dataset_reference(x[10:])))


@pytest.mark.parametrize("missing", ["", "NA", None, np.nan])
def test_a_cell_without_a_batch_is_an_error(made, missing):
    x, batch, types = made
    batch = batch.astype(object)
    batch[3] = missing
    with pytest.raises(DataError, match="1 of 120 cells have no batch"):
        scores(x, batch, types)


def test_labels_that_are_all_missing_are_an_error(made):
    x, batch, _ = made
    with pytest.raises(DataError, match="no cell has a label"):
        scores(x, batch, [""] * N)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda x: x + 1j, "complex"),
        (lambda x: np.ma.array(x, mask=x > 5), "masked"),
        (lambda x: x.astype(str), "of the kind"),
        (lambda x: np.array(x, dtype=object), "of the kind object"),
    ],
)
def test_an_embedding_that_is_no_table_of_real_numbers_is_refused(made, spoil, words):
    with pytest.raises(ModelError, match=words):
        checked_embedding(spoil(made[0]))
