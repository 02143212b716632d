"""The effective rank is that of the singular values, and its replicates have the spread of fresh cells."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy

from scarena.base.errors import ModelError
from scarena.metrics.effective_rank import effective_rank
from scarena.metrics.resampling import Resampling


def by_svd(x):
    return np.exp(entropy(np.linalg.svd(x - x.mean(axis=0), compute_uv=False)))


def cells(seed, n=200):
    return np.random.default_rng(seed).normal(size=(n, 6)) * [5, 3, 2, 1, 0.5, 0.2]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 30), st.integers(1, 12))
def test_it_is_the_exponential_entropy_of_the_singular_values(seed, n, dimensions):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, dimensions)) * rng.gamma(1, 1, dimensions) + 3
    rank = effective_rank(x).value
    assert rank == pytest.approx(by_svd(x), rel=1e-5)
    assert 1 - 1e-9 <= rank <= min(n - 1, dimensions) + 1e-9


def test_equal_directions_count_in_full_and_repeated_ones_once():
    corners = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, -1).T.astype(float)
    assert effective_rank(corners).value == pytest.approx(3)
    assert effective_rank(np.hstack([corners, corners])).value == pytest.approx(3)
    assert effective_rank(np.hstack([corners, np.full((8, 4), 0.1)])).value == pytest.approx(3)
    assert effective_rank(corners[:, :1]).value == pytest.approx(1)


def test_one_hot_labels_have_their_number_less_one():
    assert effective_rank(np.eye(7)[np.repeat(np.arange(7), 9)]).value == pytest.approx(6)


def test_cell_order_duplicates_rotation_scale_and_shift_do_not_matter():
    x, rng = cells(0), np.random.default_rng(1)
    rotation = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    for variant in (rng.permutation(x), np.repeat(x, 3, axis=0), 7 * x @ rotation + 100):
        assert effective_rank(variant).value == pytest.approx(effective_rank(x).value)


def test_float32_with_a_far_origin_keeps_its_rank():
    x = cells(0).astype(np.float32)
    assert effective_rank(x + np.float32(64)).value == pytest.approx(effective_rank(x).value, rel=1e-4)


def test_a_collapsed_embedding_has_rank_zero():
    found = effective_rank(np.full((50, 3), 0.1), resampling=Resampling.stratified(np.zeros(50, dtype=int)))
    assert found.value == 0.0
    assert (found.replicates == np.zeros(200)).all()


def test_replicates_follow_the_rank_of_the_cells_drawn():
    x = cells(0, 500)
    resampling = Resampling.stratified(np.zeros(500, dtype=int))
    true = [by_svd(np.repeat(x, counts, axis=0)) for counts in resampling.counts]
    assert np.corrcoef(effective_rank(x, resampling=resampling).replicates, true)[0, 1] > 0.98


def test_replicates_spread_as_ranks_of_fresh_cells_do():
    resampling = Resampling.stratified(np.zeros(200, dtype=int))
    true = np.std([effective_rank(cells(seed)).value for seed in range(200)])
    found = np.mean([effective_rank(cells(seed), resampling=resampling).replicates.std() for seed in range(10)])
    assert true / 1.5 < found < true * 1.5


def test_an_embedding_that_is_none_is_an_error():
    with pytest.raises(ModelError, match="NaN"):
        effective_rank(np.full((3, 2), np.nan))
    with pytest.raises(ModelError, match="shape"):
        effective_rank(np.ones(3))
