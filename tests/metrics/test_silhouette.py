"""Silhouettes from sums of distances, and BRAS from sums of unit vectors, are those of the distance matrix."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import silhouette_samples

from scarena.metrics.bras import bras
from scarena.metrics.checks import codes
from scarena.metrics.measured import Undefined
from scarena.metrics.neighbors import scib_library
from scarena.metrics.pairs import all_pairs
from scarena.metrics.resampling import Resampling
from scarena.metrics.silhouette import (
    batch_silhouette,
    isolated_labels,
    label_silhouettes,
    labels_in_batches,
    silhouettes,
)

KEYS = ("silhouette_label", "isolated_labels", "silhouette_batch", "bras")


def sampled(seed, n=360, *, n_batches=3, dims=6, shift=0.8):
    """Four overlapping labels of unequal size, the last in two batches only, in shifted batches."""
    rng, fixed = np.random.default_rng(seed), np.random.default_rng(99)
    labels = np.repeat(np.arange(4), (np.array([0.4, 0.3, 0.2, 0.1]) * n).astype(int))
    batch = np.arange(len(labels)) % n_batches
    batch[(labels == 3) & (batch == n_batches - 1)] = 0
    x = rng.normal(size=(len(labels), dims)) + 1.5 * fixed.normal(size=(4, dims))[labels]
    return x + shift * fixed.normal(size=(n_batches, dims))[batch], labels, batch


def scores(x, labels, batch, **keywords):
    """Return all four."""
    pairs = all_pairs(x, labels, batch)
    found = dict(label_silhouettes(x, pairs, labels, batch, **keywords))
    found["silhouette_batch"] = batch_silhouette(x, pairs, labels, batch, **keywords)
    found["bras"] = bras(x, labels, batch, resampling=keywords.get("resampling"))
    return found


def values(found):
    return {key: found[key].value for key in KEYS}


@pytest.fixture(scope="module")
def coded(cells):
    n = len(cells.x)
    return cells.x, codes(cells.labels, n, "labels"), codes(cells.batch, n, "batch")


@pytest.fixture(scope="module")
def library():
    return scib_library().metrics


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(3, 150), dims=st.integers(1, 20), n_groups=st.integers(2, 9), seed=st.integers(0, 99),
    whole=st.booleans(),
)  # fmt: skip
def test_widths_are_those_of_scikit_learn(n, dims, n_groups, seed, whole):
    rng = np.random.default_rng(seed)
    groups = codes(np.r_[0, 1, rng.integers(0, n_groups, n - 2)], n, "groups")
    x = rng.normal(size=(n, dims)) + rng.normal(size=(n_groups, dims))[groups]
    x = np.round(x) if whole else x
    if groups.max() + 1 < n:
        found = silhouettes(all_pairs(x, groups, np.zeros(n, int)).label_sums, groups)
        assert found.width == pytest.approx(silhouette_samples(x, groups), abs=1e-5)


def test_widths_far_from_the_origin_and_in_tight_clusters():
    x, labels, batch = sampled(0)
    for y in (x + 1e4, x + 300 * np.eye(6)[labels], x * 1e-20, x * 1e20):
        found = silhouettes(all_pairs(y, labels, batch).label_sums, labels)
        assert found.width == pytest.approx(silhouette_samples(y - y.mean(axis=0), labels), abs=1e-5)


def test_a_cell_alone_in_its_group_and_cells_in_one_place_have_width_zero():
    x, labels, batch = sampled(0)
    labels = np.r_[labels, 4]
    x, batch = np.vstack([x, np.full((1, 6), 9.0)]), np.r_[batch, 0]
    assert silhouettes(all_pairs(x, labels, batch).label_sums, labels).width[-1] == 0
    found = silhouettes(all_pairs(np.full_like(x, 0.3), labels, batch).label_sums, labels)
    assert (found.width == 0).all()
    every = np.arange(50)
    assert (silhouettes(all_pairs(x[:50], every, batch[:50]).label_sums, every).width == 0).all()


def test_what_a_width_is_made_of():
    x = np.array([[0.0], [2.0], [5.0], [7.0], [20.0]])
    groups = np.array([0, 0, 1, 1, 2])
    found = silhouettes(all_pairs(x, groups, np.zeros(5, int)).label_sums, groups)
    assert found.own == pytest.approx([2, 2, 2, 2, 0])
    assert found.other == pytest.approx([6, 4, 4, 6, 14])
    assert found.nearest.tolist() == [1, 1, 0, 0, 1]
    assert found.width == pytest.approx([4 / 6, 2 / 4, 2 / 4, 4 / 6, 0])


def test_scores_agree_with_scib_metrics(coded, library):
    x, labels, batch = coded
    found = values(scores(x, labels, batch))
    assert found["silhouette_label"] == pytest.approx(float(library.silhouette_label(x, labels)), abs=1e-5)
    assert found["isolated_labels"] == pytest.approx(float(library.isolated_labels(x, labels, batch)), abs=1e-5)
    assert found["silhouette_batch"] == pytest.approx(float(library.silhouette_batch(x, labels, batch)), abs=1e-5)
    assert found["bras"] == pytest.approx(float(library.bras(x, labels, batch)), abs=1e-5)


def test_scores_of_labels_are_means_of_scikit_learns_widths(coded):
    x, labels, batch = coded
    found, widths = values(scores(x, labels, batch)), silhouette_samples(x, labels)
    assert found["silhouette_label"] == pytest.approx((1 + widths.mean()) / 2, abs=1e-5)
    # The one label that is in two batches instead of three.
    assert found["isolated_labels"] == pytest.approx((1 + widths[labels == 5].mean()) / 2, abs=1e-5)


def test_batches_are_compared_within_labels_that_have_two(coded):
    x, labels, batch = coded
    # One label in one batch, one whose every cell is a batch of its own, one with a batch of one cell.
    batch = np.where(labels == 0, 0, batch)
    few = np.flatnonzero(labels == 4)[:2]
    rows = np.r_[np.flatnonzero(labels != 4), few]
    x, labels, batch = x[rows], labels[rows], batch[rows]
    batch[-2:] = 0, 1
    only = np.flatnonzero(labels == 1)
    batch[only], batch[only[0]] = 0, 2
    tested = [label for label in range(6) if 1 < len(np.unique(batch[labels == label])) < (labels == label).sum()]
    assert 1 in tested
    assert {0, 4}.isdisjoint(tested)
    expected = np.mean(
        [1 - np.abs(silhouette_samples(x[labels == label], batch[labels == label])).mean() for label in tested]
    )
    assert values(scores(x, labels, batch))["silhouette_batch"] == pytest.approx(expected, abs=1e-5)
    assert [labels[rows[0]] for rows, _ in labels_in_batches(labels, batch)] == tested


def cosine_widths(x, batch):
    """BRAS of each cell of one label from the matrix of cosine distances; no direction is at distance 1 from all."""
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    unit = np.divide(x, norm, out=np.zeros_like(x), where=norm > 0)
    distance, widths = 1 - unit @ unit.T, []
    for cell in range(len(x)):
        own = (batch == batch[cell]) & (np.arange(len(x)) != cell)
        if not own.any():
            widths.append(0.0)
            continue
        a, b = distance[cell, own].mean(), distance[cell, batch != batch[cell]].mean()
        widths.append((b - a) / max(a, b) if max(a, b) > 1e-12 else 0.0)
    return np.array(widths)


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(3, 80), dims=st.integers(1, 12), n_batches=st.integers(2, 5), seed=st.integers(0, 99),
    zeros=st.integers(0, 8), whole=st.booleans(),
)  # fmt: skip
def test_bras_is_the_mean_over_all_other_cells_written_out(n, dims, n_batches, seed, zeros, whole):
    rng = np.random.default_rng(seed)
    batch = codes(np.r_[0, 1, 1, rng.integers(0, n_batches, n - 3)], n, "batch")
    x = rng.normal(size=(n, dims)) + rng.normal(size=(n_batches, dims))[batch]
    x = np.round(x) if whole else x
    x[rng.permutation(n)[:zeros]] = 0
    if batch.max() + 1 < n:
        expected = 1 - np.abs(cosine_widths(x, batch)).mean()
        assert bras(x, np.zeros(n, int), batch).value == pytest.approx(expected, abs=1e-9)


def test_bras_of_several_labels_is_the_mean_of_theirs(coded):
    x, labels, batch = coded
    each = [
        1 - np.abs(cosine_widths(x[labels == k].astype(float), batch[labels == k])).mean() for k in np.unique(labels)
    ]
    assert bras(x, labels, batch).value == pytest.approx(np.mean(each), abs=1e-6)


def test_a_collapsed_embedding_has_widths_of_zero():
    labels, batch = sampled(0)[1:]
    for x in (np.full((len(labels), 4), 0.1), np.zeros((len(labels), 4))):
        found = scores(x, labels, batch, resampling=Resampling.stratified(labels, n_replicates=5))
        assert values(found) == {"silhouette_label": 0.5, "isolated_labels": 0.5, "silhouette_batch": 1, "bras": 1}
        for key in KEYS:
            assert found[key].replicates == pytest.approx([found[key].value] * 5)


def test_one_batch_and_one_label_have_no_answer():
    x, labels, batch = sampled(0)
    pairs = all_pairs(x, labels, np.zeros_like(batch))
    with pytest.raises(Undefined, match="two batches"):
        batch_silhouette(x, pairs, labels, np.zeros_like(batch))
    with pytest.raises(Undefined, match="two batches"):
        bras(x, labels, np.zeros_like(batch))
    with pytest.raises(Undefined, match="one label"):
        label_silhouettes(x, all_pairs(x, np.zeros_like(labels), batch), np.zeros_like(labels), batch)


def test_every_cell_its_own_label_or_batch():
    x, _, batch = sampled(0, n=30)
    every = np.arange(len(batch))
    found = label_silhouettes(x, all_pairs(x, every, batch), every, batch, resampling=Resampling.stratified(every))
    assert {each.value for each in found.values()} == {0.5}
    assert (found["silhouette_label"].replicates == 0.5).all()
    with pytest.raises(Undefined):
        bras(x, np.zeros_like(every), every)


def test_isolated_labels_are_those_in_the_fewest_batches():
    found, n_batches = isolated_labels(np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 0, 0, 2, 2]))
    assert (found.tolist(), n_batches) == ([1, 2], 1)
    x, labels, batch = sampled(0)
    assert scores(x, labels, batch)["isolated_labels"].note == ""
    rows = labels < 3
    found = scores(x[rows], labels[rows], batch[rows])
    assert found["isolated_labels"].note == "all 3 labels are in 3 batches and count as isolated"


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 99))
def test_rotation_scale_shift_order_and_names_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    x, labels, batch = sampled(seed, n=120)
    first, order = values(scores(x, labels, batch)), rng.permutation(len(x))
    assert values(scores(x[order], labels[order], batch[order])) == pytest.approx(first, abs=1e-6)
    assert values(scores(x, np.array([2, 0, 3, 1])[labels], np.array([1, 2, 0])[batch])) == pytest.approx(
        first, abs=1e-6
    )
    rotation = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    assert values(scores(1e-3 * x @ rotation, labels, batch)) == pytest.approx(first, abs=1e-6)
    # Cosines are of the angle at the origin: BRAS alone changes with a shift.
    moved = values(scores(x + 5, labels, batch))
    assert moved.pop("bras") != first.pop("bras")
    assert moved == pytest.approx(first, abs=1e-6)


def test_copies_of_all_cells_change_little_and_are_scored_as_scikit_learn_does():
    x, labels, batch = (np.repeat(part, 3, axis=0) for part in sampled(0, n=120))
    found = values(scores(x, labels, batch))
    assert found["silhouette_label"] == pytest.approx((1 + silhouette_samples(x, labels).mean()) / 2, abs=1e-5)


def spreads(shift, n_samples=80, n_resampled=6):
    """Return the standard deviation of each score over fresh samples, and of the replicates of some of them."""
    true = [values(scores(*sampled(seed, shift=shift))) for seed in range(n_samples)]
    found = [with_replicates(seed, shift) for seed in range(n_resampled)]
    return {
        key: (np.std([each[key] for each in true]), np.mean([each[key].replicates.std() for each in found]))
        for key in KEYS
    }


def with_replicates(seed, shift):
    x, labels, batch = sampled(seed, shift=shift)
    return scores(x, labels, batch, resampling=Resampling.stratified(3 * labels + batch, seed=seed))


@pytest.mark.parametrize("shift", [0.3, 0.8])
def test_replicates_spread_as_the_scores_of_fresh_cells_do(shift):
    for key, (true, found) in spreads(shift).items():
        assert true / 1.5 < found < true * 1.5, key


def test_where_batches_differ_by_chance_only_replicates_spread_more_not_less():
    found = spreads(0.0)
    for key in ("silhouette_batch", "bras"):
        assert found[key][0] < found[key][1] < 1.8 * found[key][0]


@pytest.fixture(scope="module")
def resampled():
    return [with_replicates(seed, 0.8) for seed in range(8)]


@pytest.mark.parametrize("key", KEYS)
def test_the_mean_of_the_replicates_is_near_the_value(resampled, key):
    for each in resampled:
        assert each[key].replicates.shape == (200,)
        error = 4 * each[key].replicates.std() / np.sqrt(200)
        assert each[key].replicates.mean() == pytest.approx(each[key].value, abs=error)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("scale", [1e-20, 1e20])
def test_units_do_not_matter_to_the_replicates(key, scale):
    x, labels, batch = sampled(0, n=120)
    resampling = Resampling.stratified(3 * labels + batch, n_replicates=10)
    plain = scores(x, labels, batch, resampling=resampling)[key].replicates
    assert scores(x * scale, labels, batch, resampling=resampling)[key].replicates == pytest.approx(plain, abs=1e-5)


def weighted_widths(distance, groups, weights, pooled):
    """Widths where a cell counts by its weight as one that distances are measured to."""
    widths = np.zeros(len(groups))
    for cell in range(len(groups)):
        counted = weights * (np.arange(len(groups)) != cell)
        own = counted * (groups == groups[cell])
        others = [counted * (groups == group) for group in np.unique(groups) if group != groups[cell]]
        others = [sum(others)] if pooled else others
        if own.sum():
            a, b = own @ distance[cell] / own.sum(), min(each @ distance[cell] / each.sum() for each in others)
            widths[cell] = (b - a) / max(a, b)
    return widths


def weighted_scores(x, labels, batch, weights):
    """All four by the distance matrix, where a cell counts by its weight and the sizes of labels are as they were."""
    euclidean = np.linalg.norm(x[:, None] - x, axis=2)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    widths = weights * weighted_widths(euclidean, labels, weights, pooled=False)
    isolated = isolated_labels(labels, batch)[0]
    found = {
        "silhouette_label": (1 + widths.mean()) / 2,
        "isolated_labels": (1 + np.mean([widths[labels == label].mean() for label in isolated])) / 2,
    }
    for key, distance, pooled in (("silhouette_batch", euclidean, False), ("bras", 1 - unit @ unit.T, True)):
        each = []
        for label in np.unique(labels):
            rows = labels == label
            s = weighted_widths(distance[np.ix_(rows, rows)], batch[rows], weights[rows], pooled)
            each.append(1 - (weights[rows] * np.abs(s)).mean())
        found[key] = np.mean(each)
    return found


def test_replicates_are_the_derivative_of_the_scores_by_the_weights_of_the_cells():
    x, labels, batch = sampled(3, n=60, shift=0.5)
    n, step = len(x), 1e-5
    plain = weighted_scores(x, labels, batch, np.ones(n))
    found = scores(x, labels, batch, resampling=Resampling(1 + np.eye(n, dtype=np.uint8)))
    assert values(found) == pytest.approx(plain, abs=1e-6)
    up, down = (
        [weighted_scores(x, labels, batch, np.ones(n) + sign * step * np.eye(n)[cell]) for cell in range(n)]
        for sign in (1, -1)
    )
    for key in KEYS:
        slopes = np.array([(high[key] - low[key]) / (2 * step) for high, low in zip(up, down, strict=True)])
        assert np.ptp(slopes) > 1e-4
        assert found[key].replicates - found[key].value == pytest.approx(slopes, abs=2e-6), key


@pytest.mark.parametrize("key", KEYS)
def test_a_replicate_follows_the_score_of_the_cells_drawn(key):
    """First order: where a single cell is drawn twice in place of another, replicate and repetition move alike."""
    x, labels, batch = sampled(1, n=120)
    rng, counts = np.random.default_rng(0), np.ones((40, len(labels)), np.uint8)
    for row in counts:
        out = rng.integers(len(labels))
        peers = np.flatnonzero((labels == labels[out]) & (batch == batch[out]) & (np.arange(len(labels)) != out))
        row[out], row[rng.choice(peers)] = 0, 2
    found = scores(x, labels, batch, resampling=Resampling(counts))[key]
    drawn = [np.repeat(np.arange(len(labels)), row) for row in counts]
    truth = [values(scores(x[rows], labels[rows], batch[rows]))[key] for rows in drawn]
    assert np.corrcoef(found.replicates, truth)[0, 1] > 0.9
    assert np.polyfit(truth, found.replicates, 1)[0] == pytest.approx(1, abs=0.25)


def test_replicates_change_no_value_and_no_draw_changes_nothing():
    x, labels, batch = sampled(0)
    plain = scores(x, labels, batch)
    once = scores(x, labels, batch, resampling=Resampling(np.ones((3, len(labels)), np.uint8)))
    for key in KEYS:
        assert plain[key].replicates is None
        assert once[key].value == plain[key].value
        assert once[key].replicates == pytest.approx([plain[key].value] * 3)


def test_the_same_seed_gives_the_same_bits():
    x, labels, batch = sampled(0, n=2000)
    resampling = Resampling.stratified(3 * labels + batch, n_replicates=10)
    first, again, other = (scores(x, labels, batch, resampling=resampling, seed=seed) for seed in (0, 0, 1))
    for key in KEYS:
        assert (first[key].replicates == again[key].replicates).all()
        assert first[key].value == other[key].value
    # Another thousand of the two thousand cells is followed.
    assert (first["silhouette_label"].replicates != other["silhouette_label"].replicates).any()
    spread = [each["silhouette_label"].replicates.std() for each in (first, other)]
    assert spread[0] == pytest.approx(spread[1], rel=0.1)
