"""Graph connectivity is that of scib-metrics, found for all labels at once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scarena.metrics.checks import codes
from scarena.metrics.graph_connectivity import graph_connectivity
from scarena.metrics.neighbors import Neighbors, nearest_neighbors, scib_library
from scarena.metrics.resampling import Resampling


def mixed(n, seed, n_labels=3):
    """Labels without structure in the plane: their graphs fall apart."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 2)), np.concatenate([np.arange(n_labels), rng.integers(0, n_labels, n - n_labels)])


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), n=st.integers(12, 150), n_labels=st.integers(1, 8))
def test_agrees_with_scib_metrics(seed, n, n_labels):
    x, labels = mixed(n, seed, n_labels)
    near = nearest_neighbors(x, 90)
    assert graph_connectivity(near, labels).value == pytest.approx(
        scib_library().graph_connectivity(near.scib(15), labels), abs=1e-12
    )


def test_agrees_with_scib_metrics_on_duplicates(cells):
    x = np.repeat(cells.x[:60], 3, axis=0)
    labels = codes(np.repeat(cells.labels[:60], 3), 180, "labels")
    near = nearest_neighbors(x, 15)
    assert graph_connectivity(near, labels).value == pytest.approx(
        scib_library().graph_connectivity(near.scib(15), labels), abs=1e-12
    )


def test_order_of_cells_and_names_of_labels_do_not_matter():
    x, labels = mixed(200, 0, 6)
    order, names = np.random.default_rng(1).permutation(200), np.random.default_rng(2).permutation(6)
    first = graph_connectivity(nearest_neighbors(x, 15), labels).value
    assert 0 < first < 1
    assert graph_connectivity(nearest_neighbors(x[order], 15), names[labels][order]).value == pytest.approx(first)


def test_a_cell_that_none_points_back_to_is_not_connected():
    ring = np.array([[0, 1], [1, 2], [2, 0], [3, 0]])
    near = Neighbors(ring, np.zeros(ring.shape, np.float32))
    assert graph_connectivity(near, np.zeros(4, int)).value == 0.75


def test_one_label_and_labels_of_one_cell_are_connected():
    x = np.random.default_rng(0).normal(size=(10, 2))
    near = nearest_neighbors(x, 15)
    assert graph_connectivity(near, np.zeros(10, int)).value == 1.0
    assert graph_connectivity(near, np.arange(10)).value == 1.0


def test_replicates_spread_as_fresh_samples_do():
    found = [graph_connectivity(nearest_neighbors(x, 15), y).value for x, y in (mixed(900, s, 6) for s in range(80))]
    x, labels = mixed(900, 1000, 6)
    replicates = graph_connectivity(nearest_neighbors(x, 15), labels, Resampling.stratified(labels)).replicates
    ratio = replicates.std() / np.std(found)
    assert 1 / 1.5 < ratio < 1.5, ratio
