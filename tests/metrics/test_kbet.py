"""kBET: its definition written out, the library it stems from, and what becomes of small, split and unmixed labels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import chisquare

from scarena.metrics import kbet as kbet_module
from scarena.metrics.checks import codes
from scarena.metrics.kbet import acceptances, kbet_per_label
from scarena.metrics.measured import Undefined
from scarena.metrics.neighbors import nearest_neighbors, scib_library
from scarena.metrics.resampling import Resampling


def sampled(seed, *, shift=0.6, n=300, n_labels=3, n_batches=2, dims=5):
    """Labels of n cells far apart, whose batches are shifted against each other."""
    rng = np.random.default_rng(seed)
    labels, batch = np.repeat(np.arange(n_labels), n), np.tile(np.arange(n_batches), n_labels * n)[: n_labels * n]
    x = rng.normal(size=(len(labels), dims))
    x[:, 0] += 12 * labels
    x[:, 1] += shift * batch
    return x, labels, batch


def kbet(x, labels, batch, **keywords):
    return kbet_per_label(nearest_neighbors(x, 90), batch, labels, **keywords)


@pytest.fixture(scope="module")
def coded(cells):
    n = len(cells.x)
    return cells.x, codes(cells.labels, n, "labels"), codes(cells.batch, n, "batch")


def written_out(near, batch, rows, alpha=0.05):
    """The verdict on each cell of a label in one piece, by dense matrices in double precision."""
    graph = near.scib(50).knn_graph_connectivities.toarray().astype(float)[np.ix_(rows, rows)]
    density = graph.sum(axis=0)
    kernel = graph / density / density[:, None]
    degree = kernel.sum(axis=0)
    values, vectors = np.linalg.eigh(kernel / np.sqrt(degree) / np.sqrt(degree)[:, None])
    order = np.argsort(-np.abs(values))[: min(100, len(rows) - 1)]
    values, vectors = values[order], vectors[:, order]
    assert values[0] == pytest.approx(1, abs=1e-6)
    assert values[1] < 1 - 1e-6  # in one piece
    x = vectors * np.r_[1.0, values[1:] / (1 - values[1:])]
    names, counts = np.unique(batch[rows], return_counts=True)
    k = int(np.clip(counts.mean() // 4, 10, 70))
    near_batches = batch[rows][np.argsort(cdist(x, x), axis=1)[:, : k + 1]]
    observed = (near_batches[:, :, None] == names).sum(axis=1)
    return chisquare(observed, counts / counts.sum() * (k + 1), axis=1).pvalue > alpha


@pytest.mark.parametrize(("n", "n_batches", "shift"), [(120, 2, 0.5), (300, 3, 1.0), (900, 2, 0.6), (700, 5, 0.3)])
def test_agrees_with_the_definition_written_out(n, n_batches, shift):
    x, labels, batch = sampled(0, n=n, n_labels=2, n_batches=n_batches, shift=shift)
    near = nearest_neighbors(x, 90)
    found = acceptances(near, batch, labels)[0]
    expected = [written_out(near, batch, np.flatnonzero(labels == label)) for label in range(2)]
    assert 0.05 < np.mean(expected) < 0.99
    # The last of the neighbours may be another where two are as far to seven digits.
    assert (found == np.concatenate(expected)).mean() > 0.995
    assert kbet_per_label(near, batch, labels).value == pytest.approx(np.mean(expected), abs=0.003)


@pytest.mark.soak  # the library compiles for a while, and `test_scib` compares one value with it every time
@pytest.mark.parametrize("shift", [0.3, 0.8, 1.5])
def test_agrees_with_scib_metrics_on_labels_in_one_piece(shift):
    x, labels, batch = sampled(1, n=400, n_labels=2, n_batches=3, shift=shift)
    near = nearest_neighbors(x, 90)
    theirs = scib_library().kbet_per_label(near.scib(50), batch, labels)
    # Their neighbours in diffusion space are approximate.
    assert kbet_per_label(near, batch, labels).value == pytest.approx(float(theirs), abs=0.03)


def test_mixed_batches_are_accepted_and_separate_ones_are_not():
    assert kbet(*sampled(0, shift=0)).value > 0.9
    assert kbet(*sampled(0, shift=6)).value < 0.05
    # By construction, 95 % of the neighbourhoods of batches that differ by chance only; a few more, for these are drawn
    # without replacement.
    values = [kbet(*sampled(seed, shift=0, n=600, n_labels=1)).value for seed in range(5)]
    assert 0.93 < np.mean(values) < 0.995


def test_a_tiny_label_does_not_change_the_others(coded):
    x, labels, batch = coded
    cut = np.where((labels == 0) & (np.cumsum(labels == 0) <= 12), 0, labels + 1)
    near = nearest_neighbors(x, 90)
    plain, with_tiny = acceptances(near, batch, labels), acceptances(near, batch, cut)
    others = labels > 0
    for one, other in zip(plain, with_tiny, strict=True):
        assert np.array_equal(one[others], other[others], equal_nan=True)


def test_no_label_depends_on_another():
    x, labels, batch = sampled(2, n_labels=3)
    values = []
    for label in range(3):
        rows = labels == label
        values.append(kbet(x[rows], np.zeros(rows.sum(), int), batch[rows]).value)
    assert kbet(x, labels, batch).value == pytest.approx(np.mean(values), abs=0.002)


def test_one_batch_has_no_answer():
    x, labels, batch = sampled(0)
    with pytest.raises(Undefined, match="two batches"):
        kbet(x, labels, np.zeros_like(batch))
    with pytest.raises(Undefined, match="two batches"):
        kbet(x, labels, labels)


def test_labels_in_one_batch_and_small_ones_are_left_out_and_counted():
    x, labels, batch = sampled(0)
    batch = np.where(labels == 1, 0, batch)
    found = kbet(x, labels, batch)
    assert found.note == "1 of 3 labels too small or in one batch"
    rows = labels != 1
    assert found.value == pytest.approx(kbet(x[rows], labels[rows] // 2, batch[rows]).value, abs=0.002)
    x, labels, batch = sampled(0)
    few = np.r_[np.arange(600), 600 + np.arange(9)]
    assert kbet(x[few], labels[few], batch[few]).note == "1 of 3 labels too small or in one batch"
    with pytest.raises(Undefined):
        kbet(x[:9], labels[:9], batch[:9])


@pytest.mark.parametrize("size", [10, 11, 12, 13, 40])
def test_a_label_hardly_larger_than_the_neighbourhood_is_not_tested(size):
    x, labels, batch = sampled(0)
    rows = np.r_[np.arange(300), 300 + np.arange(size)]
    accepted = acceptances(nearest_neighbors(x[rows], 90), batch[rows], labels[rows])[0]
    assert np.isnan(accepted[300:]).all() == (size <= 11)
    assert np.isfinite(accepted[:300]).all()


def test_a_label_in_small_pieces_scores_zero():
    x, labels, batch = sampled(0, n=400, n_labels=1, shift=0)
    x[:, 0] += 100 * (np.arange(400) // 2 % 4)  # pieces of 100 cells, each mixed; the neighbourhood is 50
    found = kbet_per_label(nearest_neighbors(x, 90), batch, labels, resampling=Resampling.stratified(batch))
    assert found.value == 0
    assert (found.replicates == 0).all()


def test_batches_in_pieces_of_their_own_score_zero():
    x, labels, batch = sampled(0, n=400, n_labels=1, shift=200)
    assert kbet(x, labels, batch).value == 0
    # One batch fills the only piece that is large enough.
    batch = (np.arange(400) < 60).astype(int)
    x[:, 1] = 200 * batch
    assert kbet(x, labels, batch).value == 0


def test_a_small_piece_is_left_out_and_the_rest_is_tested():
    x, labels, batch = sampled(0, n=400, n_labels=1, shift=0)
    x[:40, 0] += 500
    accepted, influence = acceptances(nearest_neighbors(x, 30), batch, labels)
    assert np.isnan(accepted[:40]).all()
    assert (influence[:40] == 0).all()
    assert np.isfinite(accepted[40:]).all()
    assert kbet_per_label(nearest_neighbors(x, 30), batch, labels).value == accepted[40:].mean()


def test_duplicate_cells_and_a_collapsed_embedding_are_scored():
    x, labels, batch = sampled(0)
    copies = kbet(np.repeat(x[::3], 3, axis=0), np.repeat(labels[::3], 3), np.tile([0, 1, 0], 300))
    assert 0 <= copies.value <= 1
    # Neighbours are drawn among equals, so batches are mixed as chance mixes them.
    assert kbet(np.zeros_like(x), labels, batch).value > 0.85


def test_one_hot_labels_are_mixed_also_where_batches_stand_one_after_the_other():
    labels, batch = np.tile(np.arange(2), 900), np.repeat(np.arange(3), 600)
    assert kbet(np.eye(2)[labels], labels, batch).value > 0.85


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 50))
def test_the_order_of_the_cells_units_rotation_and_names_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    x, labels, batch = sampled(seed, n=150, n_labels=2, n_batches=3)
    first, order = kbet(x, labels, batch).value, rng.permutation(300)
    rotation = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    # Rounding may exchange the last of a few neighbourhoods.
    assert kbet(x[order], labels[order], batch[order]).value == pytest.approx(first, abs=0.02)
    assert kbet(1e-5 * x @ rotation + 3e-5, labels, batch).value == pytest.approx(first, abs=0.02)
    assert kbet(x, 1 - labels, np.array([2, 0, 1])[batch]).value == pytest.approx(first, abs=1e-12)


def test_threads_and_repetition_change_no_bit():
    near, (_, labels, batch) = nearest_neighbors(sampled(0, n=600)[0], 90), sampled(0, n=600)
    one, two, again = (acceptances(near, batch, labels, n_jobs=n_jobs) for n_jobs in (1, 2, 1))
    for other in (two, again):
        assert (one[0] == other[0]).all()
        assert (one[1] == other[1]).all()


def test_cells_tested_a_few_at_a_time_have_the_same_verdicts(monkeypatch):
    x, labels, batch = sampled(0, n_batches=4)
    near = nearest_neighbors(x, 90)
    whole = acceptances(near, batch, labels)
    monkeypatch.setattr(kbet_module, "_ENTRIES_AT_ONCE", 1000)
    for one, other in zip(whole, acceptances(near, batch, labels), strict=True):
        assert (one == other).all()


def test_a_stricter_level_accepts_more():
    x, labels, batch = sampled(0)
    values = [kbet(x, labels, batch, alpha=alpha).value for alpha in (1e-9, 0.01, 0.05, 0.5)]
    assert values == sorted(values, reverse=True)
    assert values[0] > values[-1]


def test_replicates_change_no_value_and_are_centred():
    x, labels, batch = sampled(0)
    near, resampling = nearest_neighbors(x, 90), Resampling.stratified(2 * labels + batch)
    found = kbet_per_label(near, batch, labels, resampling=resampling)
    plain = kbet_per_label(near, batch, labels)
    assert (found.value, found.note, plain.replicates) == (plain.value, plain.note, None)
    assert found.replicates.shape == (200,)
    assert found.replicates.mean() == pytest.approx(found.value, abs=4 * found.replicates.std() / np.sqrt(200))
    once = Resampling(np.ones((3, 900), np.uint8))
    assert kbet_per_label(near, batch, labels, resampling=once).replicates == pytest.approx([found.value] * 3)


@pytest.mark.parametrize(("shift", "n_batches"), [(0.6, 2), (1.0, 2), (0.5, 3)])
def test_replicates_spread_as_the_scores_of_fresh_cells_do(shift, n_batches):
    def score(seed, resampled=False):
        x, labels, batch = sampled(seed, shift=shift, n_labels=2, n_batches=n_batches)
        resampling = Resampling.stratified(n_batches * labels + batch) if resampled else None
        return kbet(x, labels, batch, resampling=resampling)

    true = np.std([score(seed).value for seed in range(60)])
    found = np.mean([score(seed, resampled=True).replicates.std() for seed in range(8)])
    assert true / 1.5 < found < true * 1.5
