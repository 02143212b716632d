"""LISI in numba is LISI in jax, and its replicates spread as fresh samples do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scarena.metrics import lisi_kernels
from scarena.metrics.checks import codes
from scarena.metrics.lisi import _weighted_medians, bandwidths, clisi, ilisi, lisi
from scarena.metrics.measured import Undefined
from scarena.metrics.neighbors import nearest_neighbors, scib_library
from scarena.metrics.resampling import Resampling


def sampled(n, seed, dims=4):
    """Two overlapping types in two partly mixed batches."""
    rng = np.random.default_rng(seed)
    labels, batch = rng.integers(0, 2, n), rng.integers(0, 2, n)
    x = rng.normal(size=(n, dims))
    x[:, 0] += 1.5 * labels
    x[:, 1] += 1.0 * batch
    return x, labels, batch


@pytest.fixture(scope="module")
def coded(cells):
    n = len(cells.x)
    return nearest_neighbors(cells.x, 90), codes(cells.labels, n, "labels"), codes(cells.batch, n, "batch")


def test_agrees_with_scib_metrics(coded):
    near, labels, batch = coded
    library = scib_library()
    assert clisi(near, labels).value == pytest.approx(float(library.clisi_knn(near.scib(90), labels)), abs=1e-5)
    assert ilisi(near, batch).value == pytest.approx(float(library.ilisi_knn(near.scib(90), batch)), abs=1e-5)
    theirs = np.asarray(library.lisi_knn(near.scib(90), batch))
    # Single precision stops the bisection a step earlier or later for a cell here and there.
    assert np.quantile(np.abs(lisi(near, batch) - theirs), 0.9) < 1e-5
    assert lisi(near, batch) == pytest.approx(theirs, abs=1e-3)


def test_agrees_with_scib_metrics_where_there_are_fewer_cells_than_neighbours(coded, cells):
    batch = coded[2]
    near = nearest_neighbors(cells.x[:40], 90)
    theirs = scib_library().ilisi_knn(near.scib(90), batch[:40])
    assert ilisi(near, batch[:40]).value == pytest.approx(float(theirs), abs=1e-5)


def test_the_weights_have_the_entropy_of_a_third_of_the_neighbours(coded):
    near = coded[0]
    weights = np.exp(-bandwidths(near)[:, None] * near.distances[:, 1:])
    weights /= weights.sum(axis=1, keepdims=True)
    entropy = -(weights * np.log(weights)).sum(axis=1)
    assert entropy == pytest.approx(np.log(30), abs=1.1e-5)


def test_far_and_near_embeddings_score_alike(coded, cells):
    near, labels, batch = coded
    for scale in (1e-4, 1e5):
        scaled = nearest_neighbors((scale * cells.x.astype(np.float64)), 90)
        # The kernel width is found up to a tolerance, from another side.
        assert ilisi(scaled, batch).value == pytest.approx(ilisi(near, batch).value, abs=1e-3)
        assert clisi(scaled, labels).value == pytest.approx(clisi(near, labels).value, abs=1e-3)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
def test_order_of_cells_and_names_of_groups_do_not_matter(coded, cells, seed):
    near, labels, batch = coded
    rng = np.random.default_rng(seed)
    order, names = rng.permutation(len(batch)), rng.permutation(labels.max() + 1)
    found = clisi(nearest_neighbors(cells.x[order], 90), names[labels][order])
    assert found.value == pytest.approx(clisi(near, labels).value, abs=1e-5)


def test_one_group_of_neighbours_is_one_and_an_even_mix_is_all_of_them():
    x = np.repeat([[0.0], [1000.0]], 100, axis=0) + np.random.default_rng(0).normal(size=(200, 1))
    near, side = nearest_neighbors(x, 90), np.repeat([0, 1], 100)
    assert lisi(near, side) == pytest.approx(1.0)
    assert (clisi(near, side).value, ilisi(near, side).value) == (pytest.approx(1.0), pytest.approx(0.0))
    # All neighbours at distance zero weigh the same, so the index is that of the counts, without the cell itself.
    near, mixed = nearest_neighbors(np.zeros((90, 2)), 90), np.arange(90) % 2
    assert lisi(near, mixed) == pytest.approx(89**2 / (44**2 + 45**2))


def test_shared_bandwidths_change_nothing(coded):
    near, labels, batch = coded
    beta = bandwidths(near)
    assert clisi(near, labels, beta=beta) == clisi(near, labels)
    assert ilisi(near, batch, beta=beta) == ilisi(near, batch)


def test_one_group_and_too_few_cells_are_undefined(coded):
    near, labels, _ = coded
    with pytest.raises(Undefined, match="one label"):
        clisi(near, np.zeros_like(labels))
    with pytest.raises(Undefined, match="one batch"):
        ilisi(near, np.zeros_like(labels))
    with pytest.raises(Undefined, match="5 cells"):
        ilisi(nearest_neighbors(np.arange(5.0)[:, None], 90), np.array([0, 1, 0, 1, 0]))


def test_the_median_of_a_replicate_is_that_of_the_cells_drawn():
    values = np.random.default_rng(0).normal(size=99).round(1)
    drawn = Resampling.stratified(np.arange(99) % 2, n_replicates=8)
    expected = [np.median(np.repeat(values, counts)) for counts in drawn.counts]
    assert _weighted_medians(values, np.argsort(values), drawn) == pytest.approx(np.array(expected), abs=1e-12)


def test_the_pull_of_a_neighbour_is_the_derivative_by_its_weight(coded):
    near, _, batch = coded
    beta, some = bandwidths(near), np.arange(0, 420, 3)
    weights = np.exp(-beta[:, None] * near.distances)
    weights[:, 0] = 0

    def mean_index(of_cell):
        terms = weights[some] * of_cell[near.indices[some]]
        shares = np.stack([(terms * (batch[near.indices[some]] == b)).sum(axis=1) for b in range(3)])
        return (shares.sum(axis=0) ** 2 / (shares**2).sum(axis=0)).mean()

    found = lisi_kernels.pull(near.indices, near.distances, beta, batch, 3, some)
    for cell in (0, 7, 100):
        step = 1e-5 * (np.arange(420) == cell)
        assert found[cell] == pytest.approx((mean_index(1 + step) - mean_index(1 - step)) / 2e-5, abs=1e-8)


def test_groups_that_never_meet_have_replicates_without_spread():
    x = np.repeat([[0.0], [1000.0]], 100, axis=0) + np.random.default_rng(0).normal(size=(200, 1))
    near, side = nearest_neighbors(x, 90), np.repeat([0, 1], 100)
    assert clisi(near, side, Resampling.stratified(side)).replicates == pytest.approx(1.0)


def test_replicates_spread_as_fresh_samples_do():
    found = []
    for seed in range(60):
        x, labels, batch = sampled(600, seed)
        near = nearest_neighbors(x, 90)
        found.append((clisi(near, labels).value, ilisi(near, batch).value))
    x, labels, batch = sampled(600, 1000)
    near, drawn = nearest_neighbors(x, 90), Resampling.stratified(2 * labels + batch)
    spread = [clisi(near, labels, drawn).replicates.std(), ilisi(near, batch, drawn).replicates.std()]
    ratio = np.array(spread) / np.std(found, axis=0)
    assert (ratio > 1 / 1.5).all() and (ratio < 1.5).all(), ratio
