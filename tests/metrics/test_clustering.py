"""Clusters are those of the libraries, their agreement with labels is scikit-learn's, isolated labels scIB's."""

import random

import igraph
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, f1_score, normalized_mutual_info_score

from scarena.base.errors import DataError
from scarena.metrics import clustering
from scarena.metrics.checks import codes
from scarena.metrics.clustering import best_nmi_ari, isolated_labels_f1, kmeans_clusters, leiden_clusters, nmi_ari
from scarena.metrics.measured import Undefined
from scarena.metrics.neighbors import nearest_neighbors, scib_library
from scarena.metrics.resampling import Resampling


@pytest.fixture(scope="module")
def graph(cells):
    scib_library()
    return nearest_neighbors(cells.x, 15).scib(15).knn_graph_connectivities


@pytest.fixture(scope="module")
def coded(cells):
    return codes(cells.labels, 420, "labels"), codes(cells.batch, 420, "batch")


def blobs(n, seed, separation=1.5):
    rng = np.random.default_rng(seed)
    labels = rng.choice(4, n, p=[0.4, 0.3, 0.2, 0.1])
    centres = separation * np.array([[0, 0, 0], [1, 1, 0], [0, 1, 1], [1, 0, 1]]) * 1.5
    return centres[labels] + rng.normal(size=(n, 3)), labels


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 60), of_labels=st.integers(2, 6), of_clusters=st.integers(1, 9))
def test_agreement_is_that_of_scikit_learn(seed, n, of_labels, of_clusters):
    rng = np.random.default_rng(seed)
    labels = np.concatenate([[0, 1], rng.integers(0, of_labels, n - 2)])
    clusters = rng.integers(0, of_clusters, n)
    nmi, ari = nmi_ari(labels, clusters)
    assert nmi.value == pytest.approx(normalized_mutual_info_score(labels, clusters), abs=1e-10)
    assert ari.value == pytest.approx(adjusted_rand_score(labels, clusters), abs=1e-10)


def test_a_replicate_is_the_agreement_of_the_cells_drawn(coded):
    labels, batch = coded
    clusters = np.random.default_rng(0).permutation(labels) % 4
    drawn = Resampling.stratified(3 * labels + batch, n_replicates=5)
    nmi, ari = nmi_ari(labels, clusters, drawn)
    pairs = [(np.repeat(labels, counts), np.repeat(clusters, counts)) for counts in drawn.counts]
    assert nmi.replicates == pytest.approx([normalized_mutual_info_score(*pair) for pair in pairs], abs=1e-10)
    assert ari.replicates == pytest.approx([adjusted_rand_score(*pair) for pair in pairs], abs=1e-10)


def test_names_of_labels_and_clusters_do_not_matter_and_copies_agree(coded):
    labels, _ = coded
    names = np.array([3, 5, 0, 1, 4, 2])
    assert [m.value for m in nmi_ari(names[labels], labels)] == pytest.approx([1.0, 1.0])
    clusters = labels // 2
    first = nmi_ari(labels, clusters)
    assert [m.value for m in nmi_ari(names[labels], 2 - clusters)] == pytest.approx([m.value for m in first])


def test_clusters_of_chance_agree_with_nothing_by_ari_only():
    rng = np.random.default_rng(0)
    labels, clusters = rng.integers(0, 5, 500), rng.integers(0, 100, 500)
    nmi, ari = nmi_ari(labels, clusters)
    assert abs(ari.value) < 0.02 < 0.1 < nmi.value


def test_replicates_spread_as_fresh_samples_do_and_lie_little_above_the_value():
    found = []
    for seed in range(60):
        x, labels = blobs(400, seed)
        found.append([m.value for m in nmi_ari(labels, kmeans_clusters(x, 4, 0))])
    x, labels = blobs(400, 1000)
    measured = nmi_ari(labels, kmeans_clusters(x, 4, 0), Resampling.stratified(labels))
    for m, spread in zip(measured, np.std(found, axis=0), strict=True):
        assert 1 / 1.5 < m.replicates.std() / spread < 1.5
        assert -0.2 < (m.replicates.mean() - m.value) / m.replicates.std() < 1


def test_the_best_of_ten_starts_is_no_worse_than_one():
    x = np.random.default_rng(0).normal(size=(300, 5))
    found = kmeans_clusters(x, 12, 0)

    def inertia(clusters):
        return sum(((x[clusters == c] - x[clusters == c].mean(axis=0)) ** 2).sum() for c in np.unique(clusters))

    assert inertia(found) <= min(KMeans(12, n_init=1, random_state=s).fit(x).inertia_ for s in range(5)) * 1.01
    assert (found == kmeans_clusters(x, 12, 0)).all()


def test_starts_on_a_sample_find_the_clusters_of_all(monkeypatch):
    x, _ = blobs(900, 0, separation=20)
    whole = kmeans_clusters(x, 4, 0)
    monkeypatch.setattr(clustering, "_START_CELLS", 200)
    assert adjusted_rand_score(whole, kmeans_clusters(x, 4, 0)) == 1.0


def test_kmeans_leaves_the_embedding_as_it_was_and_takes_duplicates():
    x = np.repeat(np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32), 10, axis=0)
    before = x.copy()
    assert len(np.unique(kmeans_clusters(x, 5, 0))) == 3
    assert (x == before).all()


def test_leiden_agrees_with_scib_metrics(graph, coded):
    from scib_metrics.metrics._nmi_ari import _compute_clustering_leiden

    found = leiden_clusters(graph, seed=3)
    assert found.shape == (10, 420)
    for clusters, resolution in zip(found, clustering.RESOLUTIONS, strict=True):
        assert (clusters == _compute_clustering_leiden(graph, resolution, 3)).all()
    theirs = scib_library().nmi_ari_cluster_labels_leiden
    assert theirs.__defaults__[:2] == (True, 1.0)
    nmi, ari = best_nmi_ari(coded[0], found)
    best = max(found, key=lambda row: normalized_mutual_info_score(coded[0], row))
    assert (nmi.value, ari.value) == pytest.approx(
        (normalized_mutual_info_score(coded[0], best), adjusted_rand_score(coded[0], best))
    )
    assert nmi.note.startswith("resolution ")


def test_processes_change_nothing(graph, monkeypatch):
    alone = leiden_clusters(graph, (0.4, 1.0, 1.6), seed=1)
    monkeypatch.setattr(clustering, "_CELLS_WORTH_PROCESSES", 1)
    assert (leiden_clusters(graph, (0.4, 1.0, 1.6), seed=1, n_jobs=2) == alone).all()


def test_leiden_leaves_the_generator_of_igraph_to_the_program(graph):
    random.seed(5)
    first = igraph.Graph.Erdos_Renyi(20, 0.3).get_edgelist()
    random.seed(5)
    leiden_clusters(graph, (1.0,))
    assert igraph.Graph.Erdos_Renyi(20, 0.3).get_edgelist() == first


def isolated_by_brute_force(labels, batch, clusters):
    n_batches = [len(set(batch[labels == name])) for name in range(labels.max() + 1)]
    best = [
        max(f1_score(labels == name, row == c) for row in clusters for c in np.unique(row))
        for name in range(labels.max() + 1)
        if n_batches[name] == min(n_batches)
    ]
    return np.mean(best)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_isolated_labels_are_those_of_brute_force(seed):
    rng = np.random.default_rng(seed)
    labels, batch = np.concatenate([np.arange(5), rng.integers(0, 5, 45)]), rng.integers(0, 4, 50)
    clusters = rng.integers(0, 6, (3, 50))
    found = isolated_labels_f1(labels, batch, clusters)
    assert found.value == pytest.approx(isolated_by_brute_force(labels, batch, clusters), abs=1e-12)


def test_one_isolated_label_is_scored_and_all_are_where_all_are_in_every_batch(coded):
    labels, batch = coded
    clusters = np.stack([labels // 2, labels])
    found = isolated_labels_f1(labels, batch, clusters)
    assert (found.value, found.note) == (1.0, "1 labels in 2 batches")
    found = isolated_labels_f1(labels, np.zeros(420, int), clusters)
    assert found.note == "all 6 labels are in 1 batches and count as isolated"


def test_isolated_replicates_are_the_f1_of_the_chosen_cluster_among_cells_drawn(coded):
    labels, batch = coded
    rng = np.random.default_rng(0)
    clusters = np.stack([np.where(rng.random(420) < share, rng.integers(0, 6, 420), labels) for share in (0.6, 0.2)])
    drawn = Resampling.stratified(3 * labels + batch, n_replicates=5)
    found = isolated_labels_f1(labels, batch, clusters, drawn)
    best = max(
        ((r, c) for r in range(2) for c in range(6)), key=lambda p: f1_score(labels == 5, clusters[p[0]] == p[1])
    )
    isolated, chosen = labels == 5, clusters[best[0]] == best[1]
    expected = [f1_score(np.repeat(isolated, counts), np.repeat(chosen, counts)) for counts in drawn.counts]
    assert found.replicates == pytest.approx(expected, abs=1e-12)


def test_isolated_replicates_spread_as_fresh_samples_do():
    def noisy(n, seed):
        rng = np.random.default_rng(seed)
        labels = np.concatenate([[0, 1, 2], rng.integers(0, 3, n - 3)])
        batch = np.where(labels == 2, 0, rng.integers(0, 2, n))
        clusters = np.stack([np.where(rng.random(n) < share, rng.integers(0, 3, n), labels) for share in (0.5, 0.2)])
        return labels, batch, clusters

    spread = np.std([isolated_labels_f1(*noisy(400, seed)).value for seed in range(100)])
    labels, batch, clusters = noisy(400, 1000)
    ratio = (
        isolated_labels_f1(labels, batch, clusters, Resampling.stratified(2 * labels + batch)).replicates.std() / spread
    )
    assert 1 / 1.5 < ratio < 1.5, ratio


def test_one_label_is_undefined_and_clusters_of_other_cells_are_an_error(coded):
    labels, batch = coded
    with pytest.raises(Undefined, match="one label"):
        nmi_ari(np.zeros(5, int), np.arange(5))
    with pytest.raises(Undefined, match="one label"):
        isolated_labels_f1(np.zeros(5, int), np.arange(5), np.zeros((1, 5), int))
    with pytest.raises(DataError, match="clusters"):
        nmi_ari(labels, labels[1:])
    with pytest.raises(DataError, match="clusters"):
        isolated_labels_f1(labels, batch, labels[None, 1:])
