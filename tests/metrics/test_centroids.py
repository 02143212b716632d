"""Trimmed centroids are scipy's; their replicates are the bootstrap's, exactly without trimming."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import pearsonr, trim_mean

from scarena.base.errors import DataError
from scarena.metrics.centroids import centroid_distances, centroids, influence_by_centroids, trimmed_mean
from scarena.metrics.column_correlations import column_correlations, correlation_slopes
from scarena.metrics.resampling import Resampling

SIZES = (40, 25, 9, 1)


@pytest.fixture
def groups():
    rng = np.random.default_rng(0)
    codes = rng.permutation(np.repeat(np.arange(len(SIZES)), SIZES))
    return rng.normal(size=(len(codes), 4)) + codes[:, None], codes


def test_trimmed_mean_is_that_of_scipy():
    x = np.random.default_rng(0).normal(size=(33, 4))
    assert trimmed_mean(x, 0.2) == pytest.approx(trim_mean(x, 0.2, axis=0))


@pytest.mark.parametrize("trim", [0.0, 0.05, 0.2, 0.49])
def test_centroids_are_the_trimmed_means_of_scipy(groups, trim):
    x, codes = groups
    points, moved = centroids(x, codes, trim)
    assert moved is None
    assert points == pytest.approx(np.array([trim_mean(x[codes == i], trim, axis=0) for i in range(len(SIZES))]))


def test_replicates_without_trimming_are_the_means_of_the_cells_drawn(groups):
    x, codes = groups
    resampling = Resampling.stratified(codes, n_replicates=5)
    _, moved = centroids(x, codes, 0.0, resampling)
    for counts, points in zip(resampling.counts, moved, strict=True):
        assert points == pytest.approx(centroids(np.repeat(x, counts, axis=0), np.repeat(codes, counts), 0.0)[0])


@pytest.mark.parametrize("trim", [0.05, 0.2])
def test_replicates_with_trimming_follow_the_trimmed_means_of_the_cells_drawn(trim):
    codes, rng = np.zeros(400, dtype=int), np.random.default_rng(0)
    x = rng.standard_t(2, size=(400, 3))
    resampling = Resampling.stratified(codes)
    _, moved = centroids(x, codes, trim, resampling)
    true = np.array([trim_mean(np.repeat(x, counts, axis=0), trim, axis=0) for counts in resampling.counts])
    for dimension in range(3):
        assert np.corrcoef(moved[:, 0, dimension], true[:, dimension])[0, 1] > 0.98
    assert moved.std(axis=0)[0] == pytest.approx(true.std(axis=0), rel=0.1)


def test_replicates_spread_as_centroids_of_fresh_cells_do():
    codes = np.zeros(80, dtype=int)
    fresh = [np.random.default_rng(i).standard_t(3, size=(80, 4)) for i in range(300)]
    true = np.std([centroids(x, codes, 0.2)[0][0] for x in fresh], axis=0).mean()
    found = [centroids(x, codes, 0.2, Resampling.stratified(codes))[1][:, 0].std(axis=0).mean() for x in fresh[:10]]
    assert true / 1.2 < np.mean(found) < true * 1.2


def test_a_single_cell_does_not_move_and_cells_of_no_group_do_not_count(groups):
    x, codes = groups
    resampling = Resampling.stratified(codes, n_replicates=20)
    points, moved = centroids(x, codes, 0.05, resampling)
    assert (moved[:, 3] == points[3]).all()
    assert (moved[:, 0] != points[0]).any()
    without = np.where(codes == 2, -1, np.where(codes == 3, 2, codes))
    fewer, also_moved = centroids(x, without, 0.05, resampling)
    assert (fewer == points[[0, 1, 3]]).all()
    assert (also_moved == moved[:, [0, 1, 3]]).all()


def test_a_far_origin_costs_no_precision_in_float32(groups):
    x, codes = groups
    resampling = Resampling.stratified(codes, n_replicates=20)
    far = (x + 4096).astype(np.float32)
    shift = far.astype(np.float64) - 4096
    assert centroids(far, codes, 0.05, resampling)[1] - 4096 == pytest.approx(
        centroids(shift, codes, 0.05, resampling)[1], abs=1e-5
    )


def test_distances_of_many_sets_are_those_of_each():
    points = np.random.default_rng(0).normal(size=(6, 5, 7)) + 100
    expected = np.array([cdist(each, each) for each in points])
    assert centroid_distances(points) == pytest.approx(expected)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 9))
def test_column_correlations_are_those_of_scipy(seed, k):
    rng = np.random.default_rng(seed)
    found, reference = rng.random((4, k, k)), rng.random((k, k))
    used = ~np.eye(k, dtype=bool)
    reference[~used] = np.nan
    expected = [[pearsonr(each[used[:, t], t], reference[used[:, t], t]).statistic for t in range(k)] for each in found]
    assert column_correlations(found, reference, used) == pytest.approx(np.array(expected), abs=1e-9)


def test_column_correlations_weigh_as_repeated_entries_do():
    rng = np.random.default_rng(0)
    found, reference, weights = rng.random((5, 5)), rng.random((5, 5)), rng.integers(0, 4, (5, 5))
    weights[:3] += 1
    repeated = [
        pearsonr(np.repeat(found[:, t], weights[:, t]), np.repeat(reference[:, t], weights[:, t])).statistic
        for t in range(5)
    ]
    assert column_correlations(found, reference, weights.astype(float)) == pytest.approx(np.array(repeated))


def test_a_column_that_asks_nothing_is_missing_and_one_that_answers_nothing_is_zero():
    reference = np.array([[0.0, 1.0, 2.0], [1.0, 0.0, 2.0], [3.0, 4.0, 0.0]])
    used = ~np.eye(3, dtype=bool)
    assert np.isnan(column_correlations(np.ones((3, 3)), reference, used)).tolist() == [False, False, True]
    assert column_correlations(np.ones((3, 3)), reference, used)[:2].tolist() == [0.0, 0.0]
    used[0, 1] = False
    assert np.isnan(column_correlations(reference, reference, used)).tolist() == [False, True, True]


def test_the_influence_on_a_sum_of_coordinates_is_that_of_its_replicates(groups):
    x, codes = groups
    slopes = np.random.default_rng(0).normal(size=(len(SIZES), 4))
    resampling = Resampling.stratified(codes, n_replicates=5)
    points, moved = centroids(x, codes, 0.1, resampling)
    influence = influence_by_centroids(x, codes, 0.1, slopes)
    expected = ((moved - points) * slopes).sum(axis=(1, 2))
    assert resampling.sums(influence) == pytest.approx(expected)


def test_correlation_slopes_are_those_of_finite_differences():
    rng = np.random.default_rng(0)
    found, reference, weights = rng.random((4, 4)), rng.random((4, 4)), rng.random((4, 4))
    np.fill_diagonal(weights, 0)
    reference[:, 3] = 1.0
    slopes = correlation_slopes(found, reference, weights)
    for entry in np.ndindex(4, 4):
        step = np.zeros((4, 4))
        step[entry] = 1e-6
        up, down = (column_correlations(found + sign * step, reference, weights) for sign in (1, -1))
        expected = np.zeros(4)
        expected[:3] = (up - down)[:3] / 2e-6
        assert slopes[entry] == pytest.approx(expected[entry[1]], abs=1e-6)
    assert (correlation_slopes(np.ones((4, 4)), reference, weights) == 0).all()


def test_bad_groups_and_trims_are_errors(groups):
    x, codes = groups
    with pytest.raises(DataError, match="trim"):
        centroids(x, codes, 0.5)
    with pytest.raises(DataError, match="codes for"):
        centroids(x, codes[:-1], 0.1)
    with pytest.raises(DataError, match="group 1 has no cells"):
        centroids(x, np.where(codes == 1, 0, codes), 0.1)
