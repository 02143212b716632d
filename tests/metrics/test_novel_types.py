"""A type that the reference lacks is recognised where it is far from the others, and by chance where nothing is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from scarena.base.errors import DataError, ModelError
from scarena.metrics.checks import codes
from scarena.metrics.measured import Undefined
from scarena.metrics.novel_types import novel_type_auroc
from scarena.metrics.novelty_kernels import add_pull, weighted_auroc
from scarena.metrics.resampling import Resampling


def brute_force(x, labels, batch, k):
    """From the definition, over all cells, with scikit-learn's AUROC."""
    distances = np.linalg.norm(x[:, None].astype(float) - x[None].astype(float), axis=2)
    spread = [len(set(batch[labels == t])) > 1 for t in range(labels.max() + 1)]
    scored = np.array([spread[t] for t in labels])
    found = []
    for t in np.flatnonzero(spread):
        novelty = np.array(
            [np.sort(distances[i, (batch != batch[i]) & (labels != t)])[:k].mean() for i in np.flatnonzero(scored)]
        )
        found.append(roc_auc_score(labels[scored] == t, novelty))
    return np.mean(found)


def sampled(n, seed):
    rng = np.random.default_rng(seed)
    labels, batch = rng.integers(0, 3, n), rng.integers(0, 2, n)
    centres = np.array([[0, 0, 0], [1.5, 0, 0], [0, 2, 1]])
    return centres[labels] + rng.normal(size=(n, 3)), labels, batch


@pytest.fixture(scope="module")
def coded(cells):
    return codes(cells.labels, 420, "labels"), codes(cells.batch, 420, "batch")


@pytest.mark.parametrize("k", [1, 5, 40])
def test_agrees_with_brute_force(cells, coded, k):
    found = novel_type_auroc(cells.x, *coded, k=k)
    assert found.value == pytest.approx(brute_force(cells.x, *coded, k), abs=1e-9)


def test_types_in_one_batch_are_reference_only(cells, coded):
    labels, batch = coded
    batch = np.where(labels == 0, 0, batch)
    found = novel_type_auroc(cells.x, labels, batch)
    assert found.value == pytest.approx(brute_force(cells.x, labels, batch, 5), abs=1e-9)
    assert "1 types in one batch" in found.note


def test_order_names_rotation_shift_and_scale_do_not_matter(cells, coded):
    labels, batch = coded
    rng = np.random.default_rng(0)
    order, names = rng.permutation(420), rng.permutation(6)
    rotation = np.linalg.qr(rng.normal(size=(12, 12)))[0]
    moved = (7 * cells.x.astype(np.float64) @ rotation + 1000)[order]
    first = novel_type_auroc(cells.x, labels, batch).value
    assert novel_type_auroc(moved, names[labels][order], 2 - batch[order]).value == pytest.approx(first, abs=1e-9)


def test_a_sample_of_each_type_stands_for_all(cells, coded):
    found = [novel_type_auroc(cells.x, *coded, cells_per_type=15, seed=seed) for seed in range(20)]
    assert np.mean([m.value for m in found]) == pytest.approx(novel_type_auroc(cells.x, *coded).value, abs=0.01)
    assert found[3].note == "at most 15 cells a type, seed 3"
    assert found[3].value == novel_type_auroc(cells.x, *coded, cells_per_type=15, seed=3).value


def test_far_types_are_recognised_and_random_or_collapsed_cells_by_chance(coded):
    labels, batch = coded
    rng = np.random.default_rng(0)
    far = 100 * np.eye(6)[labels] + rng.normal(size=(420, 6))
    assert novel_type_auroc(far, labels, batch).value == pytest.approx(1.0)
    assert novel_type_auroc(np.ones((420, 3)), labels, batch).value == 0.5
    assert novel_type_auroc(np.eye(6)[labels], labels, batch).value == 1.0
    scores = [novel_type_auroc(rng.normal(size=(420, 6)), labels, batch).value for _ in range(10)]
    assert np.mean(scores) == pytest.approx(0.5, abs=0.05)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), n=st.integers(4, 60))
def test_weighted_auroc_is_that_of_scikit_learn(seed, n):
    rng = np.random.default_rng(seed)
    scores = np.sort(rng.normal(size=n).round(1))
    positive = rng.permutation(np.arange(n) % 2 == 0)
    weights = rng.integers(0, 4, (3, n)) + 0.5
    expected = [roc_auc_score(positive, scores, sample_weight=row) for row in weights]
    assert weighted_auroc(scores, positive, weights) == pytest.approx(expected, abs=1e-12)


def test_the_pull_of_the_reference_is_the_derivative_by_its_weights():
    rng = np.random.default_rng(0)
    indices = np.stack([rng.permutation(30)[:10] for _ in range(20)])
    distances, types = np.sort(rng.random((20, 10)), axis=1), rng.integers(0, 4, 30)
    slopes = rng.normal(size=20)

    def slope_of_novelty(weights, k=3):
        """Mean distance of the k nearest by weight, the last in part."""
        total = 0.0
        for slope, neighbors, away in zip(slopes, indices, distances, strict=True):
            left, moment = float(k), 0.0
            for j, distance in zip(neighbors, away, strict=True):
                share = min(left, weights[j]) if types[j] != 1 else 0.0
                moment, left = moment + share * distance, left - share
            total += slope * moment / k
        return total

    found = np.zeros(30)
    add_pull(indices, distances, types, 1, 3, slopes, found)
    for cell in range(30):
        step = 1e-4 * (np.arange(30) == cell)
        numeric = (slope_of_novelty(1 + step) - slope_of_novelty(np.ones(30))) / 1e-4
        assert found[cell] == pytest.approx(numeric, abs=1e-9)


def test_where_nothing_can_move_replicates_are_the_value(coded):
    labels, batch = coded
    drawn = Resampling.stratified(3 * labels + batch, n_replicates=4)
    assert (novel_type_auroc(np.ones((420, 3)), labels, batch, resampling=drawn).replicates == 0.5).all()
    assert (novel_type_auroc(np.eye(6)[labels], labels, batch, resampling=drawn).replicates == 1.0).all()


def test_replicates_spread_as_fresh_samples_do():
    spread = np.std([novel_type_auroc(*sampled(400, seed)).value for seed in range(80)])
    x, labels, batch = sampled(400, 1000)
    drawn = Resampling.stratified(2 * labels + batch)
    ratio = novel_type_auroc(x, labels, batch, resampling=drawn).replicates.std() / spread
    assert 1 / 1.5 < ratio < 1.5, ratio


def test_datasets_that_cannot_answer():
    x = np.random.default_rng(0).normal(size=(8, 2))
    labels, batch = np.arange(8) % 2, np.arange(8) // 4
    with pytest.raises(Undefined, match="one batch"):
        novel_type_auroc(x, labels, np.zeros(8, int))
    with pytest.raises(Undefined, match="0 labels"):
        novel_type_auroc(x, batch, batch)
    with pytest.raises(Undefined, match="1 labels"):
        novel_type_auroc(x, np.zeros(8, int), batch)


def test_labels_of_two_cells_are_scored():
    x = np.arange(4.0)[:, None]
    labels, batch = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    assert novel_type_auroc(x, labels, batch).value == pytest.approx(brute_force(x, labels, batch, 5))


def test_bad_input_is_an_error():
    x, labels, batch = sampled(20, 0)
    with pytest.raises(DataError, match="novel_type_auroc"):
        novel_type_auroc(x, labels[1:], batch)
    x[0, 0] = np.nan
    with pytest.raises(ModelError, match="NaN"):
        novel_type_auroc(x, labels, batch)
