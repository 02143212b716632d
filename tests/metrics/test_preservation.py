"""Kept neighbours and distances agree with scipy and with counting by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from scipy.stats import pearsonr, wasserstein_distance

from scarena.base.errors import DataError, ModelError
from scarena.metrics.measured import Undefined
from scarena.metrics.neighbors import nearest_neighbors
from scarena.metrics.preservation import distance_preservation, knn_preservation
from scarena.metrics.resampling import Resampling

LABELS = np.repeat(np.arange(4), [80, 60, 40, 20])


def spaces(seed, noise=0.5):
    """Two spaces of 200 cells of four types that share five dimensions."""
    rng = np.random.default_rng(seed)
    before = np.random.default_rng(99).normal(size=(4, 5))[LABELS] * 2 + rng.normal(size=(200, 5))
    return before, np.hstack([before + rng.normal(size=(200, 5)) * noise, rng.normal(size=(200, 3)) * noise])


def neighbours(x, k=11):
    return nearest_neighbors(x, k).indices


def values(found):
    return {key: measured.value for key, measured in found.items()}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 60), st.integers(2, 20))
def test_kept_neighbours_are_counted_as_sets(seed, n, k):
    rng = np.random.default_rng(seed)
    before, after = (neighbours(rng.normal(size=(n, 3)), k) for _ in range(2))
    shares = [len(set(a[1:]) & set(b[1:])) / (len(a) - 1) for a, b in zip(before, after, strict=True)]
    assert knn_preservation(before, after).value == pytest.approx(np.mean(shares))


def test_the_same_space_keeps_all_neighbours_and_an_unrelated_one_keeps_them_by_chance():
    x, _ = spaces(0)
    same = knn_preservation(neighbours(x), neighbours(3 * x[:, ::-1] + 1))
    assert same.value == 1.0
    rng = np.random.default_rng(1)
    by_chance = [knn_preservation(neighbours(x), neighbours(rng.normal(size=x.shape))).value for _ in range(20)]
    assert np.mean(by_chance) == pytest.approx(10 / 199, abs=0.005)
    assert same.note == "10 neighbours, by chance 0.05"


def test_many_cells_are_counted_as_few():
    shifted = (np.arange(20_000)[:, None] + np.arange(4)) % 20_000
    other = (np.arange(20_000)[:, None] + np.array([0, 2, 3, 4])) % 20_000
    assert knn_preservation(shifted, other).value == pytest.approx(2 / 3)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(4, 40))
def test_distances_agree_with_scipy(seed, n):
    rng = np.random.default_rng(seed)
    before, after = rng.normal(size=(n, 3)), rng.gamma(1, 1, (n, 5))
    a, b = pdist(before), pdist(after)
    found = values(distance_preservation(before, after))
    assert found["distance_correlation"] == pytest.approx(pearsonr(a, b).statistic, abs=1e-9)
    scaled = ((d - d.min()) / np.ptp(d) for d in (a, b))
    assert found["distance_emd"] == pytest.approx(wasserstein_distance(*scaled), abs=1e-9)


def test_the_same_space_keeps_all_distances_in_any_order_scale_and_rotation():
    before, after = spaces(0)
    rng = np.random.default_rng(0)
    order, rotation = rng.permutation(200), np.linalg.qr(rng.normal(size=(5, 5)))[0]
    same = values(distance_preservation(before, 3 * before @ rotation + 7))
    assert same == pytest.approx({"distance_correlation": 1.0, "distance_emd": 0.0}, abs=1e-9)
    first = values(distance_preservation(before, after))
    assert values(distance_preservation(before[order], after[order])) == pytest.approx(first)


def test_noise_takes_away_neighbours_and_distances():
    found = [distance_preservation(*spaces(0, noise))["distance_correlation"].value for noise in (0.2, 1, 5)]
    assert found[0] > found[1] > found[2]
    kept = [knn_preservation(*map(neighbours, spaces(0, noise))).value for noise in (0.2, 1, 5)]
    assert kept[0] > kept[1] > kept[2]


def test_a_collapsed_embedding_correlates_zero_and_is_moved_by_the_mean_distance():
    before, _ = spaces(0)
    found = values(distance_preservation(before, np.full((200, 2), 0.1)))
    distances = pdist(before)
    moved = (distances.mean() - distances.min()) / np.ptp(distances)
    assert found == pytest.approx({"distance_correlation": 0.0, "distance_emd": moved})


def test_replicates_of_the_correlation_weigh_pairs_by_their_draws():
    before, after = spaces(0)
    resampling = Resampling.stratified(LABELS, n_replicates=4)
    found = distance_preservation(before, after, resampling=resampling)["distance_correlation"].replicates
    for counts, value in zip(resampling.counts, found, strict=True):
        rows = np.repeat(np.arange(200), counts)
        different = pdist(rows[:, None].astype(float)) > 0
        a, b = pdist(before[rows])[different], pdist(after[rows])[different]
        assert value == pytest.approx(pearsonr(a, b).statistic)


def test_replicates_spread_as_values_of_fresh_cells_do():
    resampling = Resampling.stratified(LABELS)
    draws = [spaces(seed) for seed in range(120)]
    true = np.std([distance_preservation(*each)["distance_correlation"].value for each in draws])
    found = [distance_preservation(*each, resampling=resampling)["distance_correlation"] for each in draws[:8]]
    assert true / 1.5 < np.mean([each.replicates.std() for each in found]) < true * 1.5
    pairs = [tuple(map(neighbours, each)) for each in draws]
    true = np.std([knn_preservation(*pair).value for pair in pairs])
    kept = [knn_preservation(*pair, resampling=resampling).replicates.std() for pair in pairs[:8]]
    assert true / 1.25 < np.mean(kept) < true * 1.25


def test_replicates_of_neighbours_all_kept_do_not_vary_and_the_earth_movers_distance_has_none():
    before, after = spaces(0)
    resampling = Resampling.stratified(LABELS)
    same = knn_preservation(neighbours(before), neighbours(before), resampling=resampling)
    assert same.replicates == pytest.approx(np.ones(200))
    assert distance_preservation(before, after, resampling=resampling)["distance_emd"].replicates is None


def test_a_subsample_is_named_and_follows_the_seed():
    before, after = spaces(0)
    found = distance_preservation(before, after, max_cells=50, seed=3, resampling=Resampling.stratified(LABELS))
    assert found["distance_emd"].note == "50 of 200 cells, drawn with seed 3"
    assert values(found) == values(distance_preservation(before, after, max_cells=50, seed=3))
    assert values(found) != values(distance_preservation(before, after, max_cells=50, seed=4))
    drawn = np.random.default_rng(3).choice(200, 50, replace=False)
    assert values(found) == pytest.approx(values(distance_preservation(before[drawn], after[drawn])))


def test_datasets_that_cannot_answer_say_why():
    with pytest.raises(Undefined, match="no neighbours"):
        knn_preservation(np.zeros((1, 1), dtype=int), np.zeros((1, 1), dtype=int))
    with pytest.raises(Undefined, match="equally far"):
        distance_preservation(np.eye(5), spaces(0)[1][:5])
    with pytest.raises(Undefined, match="equally far"):
        distance_preservation(np.ones((5, 2)), spaces(0)[1][:5])


def test_bad_input_is_an_error():
    before, after = spaces(0)
    with pytest.raises(DataError, match="equally many"):
        knn_preservation(neighbours(before), neighbours(after, 5))
    with pytest.raises(DataError, match="column 0"):
        knn_preservation(neighbours(before), neighbours(after)[:, ::-1])
    with pytest.raises(DataError, match="200 and 199 cells"):
        distance_preservation(before, after[:-1])
    with pytest.raises(ModelError, match="NaN"):
        distance_preservation(before, np.full((200, 2), np.nan))
