"""Counting cells is drawing them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scarena.metrics import resampling
from scarena.metrics.resampling import N_REPLICATES, Resampling, interval

some_strata = st.lists(st.integers(-3, 12), min_size=1, max_size=300).map(np.array)


@settings(max_examples=50, deadline=None)
@given(strata=some_strata, seed=st.integers(0, 9), n_replicates=st.integers(1, 20))
def test_every_stratum_keeps_its_size_in_every_replicate(strata, seed, n_replicates):
    counts = Resampling.stratified(strata, n_replicates=n_replicates, seed=seed).counts
    assert (counts.shape, counts.dtype) == ((n_replicates, len(strata)), np.uint8)
    for stratum in np.unique(strata):
        inside = strata == stratum
        assert (counts[:, inside].sum(axis=1) == inside.sum()).all()
        if inside.sum() == 1:
            assert (counts[:, inside] == 1).all()


def test_every_cell_of_a_stratum_is_drawn_as_often_as_the_others():
    strata = np.random.default_rng(0).permutation(np.repeat([5, 2, 9], [50, 200, 7]))
    counts = Resampling.stratified(strata, n_replicates=4000).counts.astype(float)
    size = np.array([(strata == stratum).sum() for stratum in strata])
    # The draws of a cell are binomial: mean 1, variance 1 − 1/size.
    assert counts.mean(axis=0) == pytest.approx(1, abs=5 / np.sqrt(4000))
    assert counts.var(axis=0) == pytest.approx(1 - 1 / size, abs=0.2)
    first, second = np.flatnonzero(strata == 5)[[0, 49]]
    assert np.cov(counts[:, first], counts[:, second])[0, 1] == pytest.approx(-1 / 50, abs=0.07)


def test_the_same_strata_and_seed_give_the_same_draws():
    strata = np.arange(300) % 7
    first = Resampling.stratified(strata)
    assert len(first.counts) == N_REPLICATES
    assert (first.counts == Resampling.stratified(strata.copy()).counts).all()
    assert (first.counts != Resampling.stratified(strata, seed=1).counts).any()
    # More replicates begin with the same, and names of strata in the same order draw the same.
    assert (Resampling.stratified(strata, n_replicates=250).counts[:200] == first.counts).all()
    assert (Resampling.stratified(10 * strata + 3).counts == first.counts).all()
    assert len(np.unique(first.counts, axis=0)) == N_REPLICATES


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 99), n=st.integers(1, 200), at_once=st.sampled_from([1, 7, 64, 1 << 16]))
def test_sums_and_means_are_those_of_the_rows_repeated(seed, n, at_once):
    rng = np.random.default_rng(seed)
    labels = np.unique(rng.integers(0, 5, n), return_inverse=True)[1]
    draws = Resampling.stratified(labels, n_replicates=3, seed=seed)
    narrow, wide = rng.normal(size=n), rng.normal(size=(n, 4)).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resampling, "_CELLS_AT_ONCE", at_once)
        sums, sums_of_rows, means = draws.sums(narrow), draws.sums(wide), draws.means(narrow)
        by_label = draws.label_means(narrow, labels)
    assert (sums.shape, sums_of_rows.shape, by_label.shape) == ((3,), (3, 4), (3, labels.max() + 1))
    for replicate, count in enumerate(draws.counts):
        rows = np.repeat(np.arange(n), count)
        assert sums[replicate] == pytest.approx(narrow[rows].sum())
        assert means[replicate] == pytest.approx(narrow[rows].mean())
        assert sums_of_rows[replicate] == pytest.approx(wide[rows].astype(float).sum(axis=0))
        expected = [narrow[rows][labels[rows] == label].mean() for label in range(labels.max() + 1)]
        assert by_label[replicate] == pytest.approx(np.array(expected))


def test_counts_and_truth_values_are_summed_as_numbers():
    draws = Resampling(np.array([[255, 0, 200], [1, 255, 255]], np.uint8))
    # In eight bits these would be 199 and 255.
    assert draws.sums(np.ones(3, np.uint8)).tolist() == [455, 511]
    assert draws.sums(np.array([True, False, True])).tolist() == [455, 256]
    assert draws.label_means(np.array([True, True, True]), np.array([0, 0, 1])).tolist() == [[127.5, 200], [128, 255]]


def test_some_cells_have_the_counts_they_had():
    draws = Resampling.stratified(np.arange(20) % 2, n_replicates=5)
    assert (draws.at(np.array([7, 3, 3])).counts == draws.counts[:, [7, 3, 3]]).all()
    assert (draws.at(np.arange(20) < 4).counts == draws.counts[:, :4]).all()


def test_more_draws_of_a_cell_than_a_byte_holds_are_an_error(monkeypatch):
    class AlwaysTheFirst:
        def random(self, n):
            return np.zeros(n)

    monkeypatch.setattr(np.random, "default_rng", lambda seed: AlwaysTheFirst())
    assert Resampling.stratified(np.zeros(255, int), n_replicates=1).counts[0, 0] == 255
    with pytest.raises(OverflowError, match="256 times"):
        Resampling.stratified(np.zeros(256, int), n_replicates=1)


@settings(max_examples=50, deadline=None)
@given(
    value=st.floats(0, 1), bias=st.floats(-0.5, 0.5), seed=st.integers(0, 99), spread=st.sampled_from([0.0, 1e-3, 0.3])
)
def test_an_interval_holds_the_value_stays_in_the_range_and_does_not_see_the_level(value, bias, seed, spread):
    replicates = spread * np.random.default_rng(seed).normal(size=200)
    low, high = interval(value, replicates + bias, 0.0, 1.0)
    assert 0 <= low <= value <= high <= 1
    assert (low, high) == pytest.approx(interval(value, replicates, 0.0, 1.0), abs=1e-12)


def test_an_interval_is_as_wide_as_the_middle_of_the_replicates():
    replicates = np.random.default_rng(0).normal(size=100_000)
    assert interval(3.0, replicates) == pytest.approx((3 - 1.96, 3 + 1.96), abs=0.03)
    assert interval(3.0, np.full(5, 7.0)) == (3.0, 3.0)


def test_the_interval_of_a_mean_covers_the_truth_as_often_as_it_says():
    rng, hits = np.random.default_rng(0), 0
    for seed in range(300):
        x = rng.normal(size=80)
        draws = Resampling.stratified(np.zeros(80, int), seed=seed)
        low, high = interval(float(x.mean()), draws.means(x))
        hits += low <= 0 <= high
    assert 0.90 < hits / 300 < 0.98
