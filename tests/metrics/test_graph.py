"""The neighbour graph is UMAP's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scarena.metrics.graph import fuzzy_graph
from scarena.metrics.graph_kernels import edge_weights
from scarena.metrics.neighbors import nearest_neighbors


def theirs(near, k):
    return near.scib(k).knn_graph_connectivities.toarray()


def embedding(kind):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 6))
    return {
        "plain": x,
        "clusters": x + 20 * rng.normal(size=(6, 6))[np.arange(300) % 6],
        "duplicates": np.repeat(x[:60], 5, axis=0),
        "more duplicates than neighbours": np.repeat(x[:10], 30, axis=0),
        "collapsed": np.zeros((300, 6)),
        "one far away": np.vstack([x[:299], np.full((1, 6), 1e4)]),
        "small": x * 1e-6,
        "large": x * 1e6,
    }[kind]


@pytest.mark.parametrize("k", [2, 15, 50])
@pytest.mark.parametrize(
    "kind",
    [
        "plain", "clusters", "duplicates", "more duplicates than neighbours", "collapsed", "one far away", "small",
        "large",
    ],
)  # fmt: skip
def test_agrees_with_umap(kind, k):
    near = nearest_neighbors(embedding(kind), 50)
    assert fuzzy_graph(near, k).toarray() == pytest.approx(theirs(near, k), abs=1e-5)


def test_agrees_with_umap_where_there_are_fewer_neighbours_than_asked_for():
    near = nearest_neighbors(embedding("plain")[:12], 50)
    assert near.indices.shape == (12, 12)
    assert fuzzy_graph(near, 50).toarray() == pytest.approx(theirs(near, 50), abs=1e-5)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 99), k=st.integers(2, 30), ties=st.booleans())
def test_weights_are_symmetric_in_the_unit_interval_and_each_cell_is_sure_of_one_neighbour(seed, k, ties):
    x = np.random.default_rng(seed).normal(size=(80, 3))
    near = nearest_neighbors(np.round(x) if ties else x, 40)
    graph = fuzzy_graph(near, k)
    assert abs(graph - graph.T).max() < 1e-6
    assert graph.diagonal().max() == 0
    assert 0 < graph.data.min() <= graph.data.max() <= 1 + 1e-6
    assert graph.max(axis=1).toarray() == pytest.approx(1)


def test_the_weights_of_a_cell_sum_to_the_logarithm_of_k():
    for k in (5, 15, 50):
        near = nearest_neighbors(embedding("plain"), k)
        assert edge_weights(near.distances).sum(axis=1) == pytest.approx(np.log2(k), abs=2e-5)


@pytest.mark.parametrize("kind", ["plain", "duplicates"])
def test_within_drops_the_edges_across_and_changes_no_other(kind):
    near, group = nearest_neighbors(embedding(kind), 50), np.random.default_rng(1).integers(0, 3, 300)
    whole, parts = fuzzy_graph(near, 15).toarray(), fuzzy_graph(near, 15, within=group).toarray()
    same = group[:, None] == group
    assert (whole[~same] > 0).any()
    assert (parts == np.where(same, whole, 0)).all()


def test_within_one_group_is_the_whole_graph_and_alone_in_a_group_has_no_edge():
    near = nearest_neighbors(embedding("plain"), 15)
    whole = fuzzy_graph(near, 15)
    assert (fuzzy_graph(near, 15, within=np.zeros(300, int)) != whole).nnz == 0
    assert fuzzy_graph(near, 15, within=np.arange(300)).nnz == 0


def test_zeros_are_not_stored_and_the_neighbours_are_left_as_they_were():
    near = nearest_neighbors(embedding("clusters"), 50)
    before = near.indices.copy(), near.distances.copy()
    assert (fuzzy_graph(near, 50, within=np.arange(300) % 6).data > 0).all()
    assert (near.indices == before[0]).all()
    assert (near.distances == before[1]).all()


def test_scale_and_the_order_of_the_cells_do_not_matter():
    x, order = embedding("plain"), np.random.default_rng(2).permutation(300)
    graph = fuzzy_graph(nearest_neighbors(x, 15), 15).toarray()
    assert fuzzy_graph(nearest_neighbors(7 * x, 15), 15).toarray() == pytest.approx(graph, abs=2e-5)
    moved = fuzzy_graph(nearest_neighbors(x[order], 15), 15).toarray()
    assert moved == pytest.approx(graph[np.ix_(order, order)], abs=2e-5)
