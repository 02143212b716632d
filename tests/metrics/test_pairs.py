"""One pass over all pairs of cells gives what a distance matrix in double precision does."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from scarena.metrics import devices, pairs, pairs_torch
from scarena.metrics.checks import codes
from scarena.metrics.exact_kernels import by_exact_distance
from scarena.metrics.pair_kernels import draw
from scarena.metrics.pairs import all_pairs, centred


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    """The compiled pass, also where there is a GPU."""
    monkeypatch.setattr(devices, "accelerator", lambda: None)


def coded(values):
    return codes(values, len(values), "values")


def sampled(n, dims, n_labels, n_batches, seed=0):
    rng = np.random.default_rng(seed)
    labels, batch = coded(rng.integers(0, n_labels, n)), coded(rng.integers(0, n_batches, n))
    return rng.normal(size=(n, dims)) + 2 * rng.normal(size=(n_labels, dims))[labels], labels, batch


def assert_sums(found, distances, labels, batch, tolerance):
    members = np.eye(labels.max() + 1)[labels]
    own = distances * (labels[:, None] == labels)
    # Relative to a distance as large as any: a sum of zeros is as exact as the others.
    scale = distances.max() or 1.0
    assert found.label_sums / scale == pytest.approx(distances @ members / scale, rel=tolerance, abs=tolerance)
    in_batch = own @ np.eye(batch.max() + 1)[batch]
    assert found.own_batch_sums / scale == pytest.approx(in_batch / scale, rel=tolerance, abs=tolerance)


def assert_nearest(found, distances, allowed, tolerance):
    """Assert that each row holds different allowed cells, nearest first, no farther than the nearest there are."""
    k = found.indices.shape[1]
    nearest = np.sort(np.where(allowed, distances, np.inf), axis=1)[:, :k]
    there = np.isfinite(nearest)
    assert ((found.indices == -1) == ~there).all()
    assert (np.isinf(found.distances) == ~there).all()
    scale = distances.max() or 1.0
    assert found.distances[there] / scale == pytest.approx(nearest[there] / scale, rel=tolerance, abs=tolerance)
    assert (found.distances[:, 1:] >= found.distances[:, :-1]).all()
    for row, cells in enumerate(found.indices):
        cells = cells[cells >= 0]
        assert len(set(cells.tolist())) == len(cells)
        assert allowed[row, cells].all()
        real = distances[row, cells] / scale
        assert found.distances[row, : len(cells)] / scale == pytest.approx(real, rel=tolerance, abs=tolerance)


def assert_all(x, labels, batch, *, k=90, k_foreign=15, n_jobs=1, tolerance=2e-6):
    found = all_pairs(x, labels, batch, k=k, k_foreign=k_foreign, n_jobs=n_jobs)
    n, distances = len(x), cdist(x, x)
    assert (found.near.indices[:, 0] == np.arange(n)).all()
    assert (found.near.distances[:, 0] == 0).all()
    assert found.near.indices.shape == found.near.distances.shape == (n, min(k, n))
    others = type(found.near)(found.near.indices[:, 1:], found.near.distances[:, 1:])
    assert_nearest(others, distances, ~np.eye(n, dtype=bool), tolerance)
    n_foreign = min(k_foreign, n - np.bincount(batch).min()) if batch.max() else 0
    assert found.foreign.indices.shape == (n, n_foreign)
    assert_nearest(found.foreign, distances, batch[:, None] != batch, tolerance)
    assert_sums(found, distances, labels, batch, tolerance)
    return found


@pytest.mark.parametrize("n", [2, 3, 31, 32, 33, 89, 90, 91, 127, 128, 129, 513, 700])
@pytest.mark.parametrize(("dims", "n_labels", "n_batches"), [(1, 1, 1), (3, 4, 2), (20, 7, 5), (300, 2, 3)])
def test_neighbours_and_sums_are_those_of_the_distance_matrix(n, dims, n_labels, n_batches):
    assert_all(*sampled(n, dims, n_labels, n_batches))


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(2, 260), dims=st.integers(1, 40), n_labels=st.integers(1, 12), n_batches=st.integers(1, 9),
    k=st.integers(1, 120), k_foreign=st.integers(0, 30), seed=st.integers(0, 9), whole=st.booleans(),
)  # fmt: skip
def test_any_shape_with_or_without_ties(n, dims, n_labels, n_batches, k, k_foreign, seed, whole):
    x, labels, batch = sampled(n, dims, n_labels, n_batches, seed)
    assert_all(np.round(x) if whole else x, labels, batch, k=k, k_foreign=k_foreign)


def test_every_cell_its_own_label_and_batch():
    x = sampled(70, 4, 1, 1)[0]
    assert_all(x, np.arange(70), np.arange(70))
    assert_all(x, np.arange(70), np.zeros(70, int))
    assert_all(x, np.zeros(70, int), np.arange(70))


def test_cells_of_a_large_batch_have_fewer_foreign_neighbours_than_asked_for():
    x, labels, _ = sampled(200, 5, 3, 1)
    found = assert_all(x, labels, (np.arange(200) < 4).astype(int))
    assert (found.foreign.indices[4:, 4:] == -1).all()
    assert (found.foreign.indices[:4] >= 0).all()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_several_blocks(monkeypatch, n_jobs):
    monkeypatch.setattr(pairs, "BLOCK", 64)
    for n in (64, 65, 128, 450, 577):
        assert_all(*sampled(n, 8, 5, 3), n_jobs=n_jobs)


@pytest.mark.parametrize("n", [700, 3000])
def test_the_number_of_threads_changes_no_bit(n):
    x, labels, batch = sampled(n, 10, 6, 4)
    one, two, three = (all_pairs(x, labels, batch, n_jobs=n_jobs) for n_jobs in (1, 2, 3))
    for other in (two, three):
        assert (one.label_sums == other.label_sums).all()
        assert (one.own_batch_sums == other.own_batch_sums).all()
        for mine, theirs in ((one.near, other.near), (one.foreign, other.foreign)):
            assert (mine.indices == theirs.indices).all()
            assert (mine.distances == theirs.distances).all()


def test_more_cells_than_a_block_holds():
    assert_all(*sampled(2500, 12, 9, 4), n_jobs=2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_offset_common_to_all_cells_costs_no_digits(dtype):
    x, labels, batch = sampled(300, 10, 3, 2)
    # As the embedding has them: what float32 lost before the pass is not the pass's.
    shifted = (x + 1e4).astype(dtype).astype(np.float64)
    assert_all(shifted, labels, batch)


@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1e-6, 1e6, 1e20, 1e30])
def test_units_do_not_matter(scale):
    x, labels, batch = sampled(300, 10, 3, 2)
    found, plain = assert_all(x * scale, labels, batch), all_pairs(x, labels, batch)
    assert (found.near.indices == plain.near.indices).all()
    assert (found.foreign.indices == plain.foreign.indices).all()


@pytest.mark.parametrize("apart", [30, 1e3])
def test_cells_of_tight_clusters_far_apart_keep_their_order(apart):
    """The expansion |a|² + |b|² − 2ab of distances of 1 between cells at 1000 has no digit left in float32."""
    rng = np.random.default_rng(0)
    labels, batch = rng.integers(0, 5, 400), rng.integers(0, 2, 400)
    x = rng.normal(size=(400, 8)) + apart * rng.normal(size=(5, 8))[labels]
    found = assert_all(x, labels, batch, k=20)
    distances = cdist(x, x)
    near = np.take_along_axis(distances, found.near.indices, axis=1)
    # Within a cluster distances are as good as the float32 coordinates, not as their squares.
    assert found.near.distances[:, 1:] == pytest.approx(near[:, 1:], rel=3e-7 * apart)
    own = (distances * (labels[:, None] == labels)).sum(axis=1)
    assert found.label_sums[np.arange(400), labels] == pytest.approx(own, rel=3e-7 * apart)


def test_one_cell_far_away_does_not_blur_the_others():
    x, labels, batch = sampled(300, 5, 3, 2)
    x[7] = 1e4
    found = all_pairs(x, labels, batch, k=10)
    rest = np.delete(np.arange(300), 7)
    expected = np.sort(cdist(x[rest], x[rest]), axis=1)[:, 1:10]
    assert found.near.distances[rest, 1:] == pytest.approx(expected, rel=1e-3)


def test_exact_duplicates_are_at_distance_zero():
    x, labels, batch = sampled(120, 9, 3, 2)
    x, labels, batch = (np.repeat(part, 5, axis=0) for part in (x + 1e3, labels, batch))
    found = assert_all(x, labels, batch, k=12)
    assert (found.near.distances[:, :5] == 0).all()
    assert (found.near.distances[:, 5] > 0).all()


def test_a_collapsed_embedding_has_no_distances():
    labels, batch = sampled(150, 2, 3, 2)[1:]
    found = assert_all(np.full((150, 4), 0.1), labels, batch)
    assert found.label_sums.max() == found.own_batch_sums.max() == found.near.distances.max() == 0


def one_hot(n_labels, size, n_batches):
    """Return cells that a label puts in one place, one batch after the other as datasets have them."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(n_labels), size))
    batch = np.sort(rng.choice(n_batches, len(labels), p=np.arange(1, n_batches + 1) / sum(range(n_batches + 1))))
    return np.eye(n_labels, dtype=np.float32)[labels], labels, batch


@pytest.mark.parametrize("device", ["compiled", "torch"])
@pytest.mark.parametrize(("n_labels", "size"), [(3, 700), (40, 50)])
def test_among_equal_distances_no_batch_comes_first(monkeypatch, device, n_labels, size):
    """With 50 cells a label the last of 90 neighbours are chosen among the equally distant cells of all others."""
    if device == "torch":
        monkeypatch.setattr(devices, "accelerator", lambda: torch.device("cpu"))
    x, labels, batch = one_hot(n_labels, size, 4)
    found = all_pairs(x, labels, batch)
    for first, last in ((1, 15), (15, 50), (50, 90)):
        near = batch[found.near.indices[:, first:last]]
        share = np.bincount(near.ravel(), minlength=4) / near.size
        assert share == pytest.approx(np.bincount(batch) / len(batch), abs=0.01)
    own_batch = batch[:, None] == np.arange(4)
    foreign = batch[found.foreign.indices]
    share = np.stack([(foreign == code).mean(axis=1) for code in range(4)], axis=1)
    for code in range(4):
        others = np.where(np.arange(4) == code, 0, np.bincount(batch))
        assert share[own_batch[:, code]].mean(axis=0) == pytest.approx(others / others.sum(), abs=0.025)


def test_equal_cells_do_not_all_choose_the_same_neighbours():
    x, labels, batch = one_hot(2, 600, 2)
    chosen = np.bincount(all_pairs(x, labels, batch, k=15).near.indices[:, 1:].ravel(), minlength=1200)
    # Binomial around 14; were there one order for all cells, 14 of them would be chosen by everybody.
    assert chosen.max() < 14 + 6 * np.sqrt(14)
    assert chosen.var() == pytest.approx(14, rel=0.25)


def test_draws_are_symmetric_and_strew_cells_as_chance_does():
    table = np.array([[draw(i, j) for j in range(60)] for i in range(60)])
    assert (table == table.T).all()
    pairs_drawn = table[np.triu_indices(60, 1)]
    assert len(set(pairs_drawn.tolist())) == len(pairs_drawn)
    lowest = np.argsort(np.where(np.eye(60, dtype=bool), np.iinfo(np.int64).max, table), axis=1)[:, :15]
    for group in (np.arange(60) % 2, np.arange(60) // 15, np.arange(60) % 5):
        observed = (group[lowest][:, :, None] == np.unique(group)).sum(axis=1)
        expected = 15 * np.bincount(group) / 60
        spread = ((observed - expected) ** 2 / expected).sum(axis=1).mean() / (len(expected) - 1)
        assert spread == pytest.approx(1 - 15 / 60, abs=0.2)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 99), ties=st.booleans())
def test_the_order_of_the_cells_changes_no_distance(seed, ties):
    x, labels, batch = sampled(150, 6, 4, 3, seed)
    x = np.round(x / 2) if ties else x
    order = np.random.default_rng(seed).permutation(150)
    plain, moved = all_pairs(x, labels, batch, k=30), all_pairs(x[order], labels[order], batch[order], k=30)
    assert moved.near.distances == pytest.approx(plain.near.distances[order], abs=1e-5)
    assert moved.foreign.distances == pytest.approx(plain.foreign.distances[order], abs=1e-5)
    assert moved.label_sums == pytest.approx(plain.label_sums[order], rel=1e-5)
    assert moved.own_batch_sums == pytest.approx(plain.own_batch_sums[order], rel=1e-5)


def test_rotation_changes_no_neighbour():
    x, labels, batch = sampled(300, 6, 4, 3)
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))[0]
    plain, turned = all_pairs(x, labels, batch), all_pairs(x @ rotation, labels, batch)
    assert (plain.near.indices == turned.near.indices).mean() > 0.999
    assert turned.label_sums == pytest.approx(plain.label_sums, rel=1e-5)


@pytest.mark.parametrize("n", [2, 40, 700, 2500])
@pytest.mark.parametrize("whole", [False, True])
def test_the_accelerators_pass_is_the_compiled_one(monkeypatch, n, whole):
    monkeypatch.setattr(pairs_torch, "_ROWS", 300)
    monkeypatch.setattr(pairs_torch, "_COLUMNS", 700)
    x, labels, batch = sampled(n, 8, 5, 3)
    # Whole numbers have ties, exact in both: the same draws then choose the same cells.
    x = np.round(x) if whole else x
    compiled = all_pairs(x, labels, batch)
    monkeypatch.setattr(devices, "accelerator", lambda: torch.device("cpu"))
    other = all_pairs(x, labels, batch)
    assert (compiled.near.indices == other.near.indices).all()
    assert (compiled.foreign.indices == other.foreign.indices).all()
    assert other.label_sums == pytest.approx(compiled.label_sums, rel=1e-5, abs=1e-5)
    assert other.own_batch_sums == pytest.approx(compiled.own_batch_sums, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("n_batches", [1, 2])
def test_the_accelerators_pass_on_duplicates_and_few_foreign_cells(monkeypatch, n_batches):
    monkeypatch.setattr(devices, "accelerator", lambda: torch.device("cpu"))
    x, labels, _ = sampled(60, 3, 2, 1)
    batch = (np.arange(240) < 4).astype(int) * (n_batches - 1)
    assert_all(np.repeat(x, 4, axis=0), np.repeat(labels, 4), batch)


def test_torch_keeps_its_setting_of_short_floats(monkeypatch):
    before = torch.backends.cuda.matmul.allow_tf32
    monkeypatch.setattr(devices, "accelerator", lambda: torch.device("cpu"))
    for setting in (True, False):
        torch.backends.cuda.matmul.allow_tf32 = setting
        all_pairs(*sampled(20, 2, 2, 2))
        assert torch.backends.cuda.matmul.allow_tf32 == setting
    torch.backends.cuda.matmul.allow_tf32 = before


def test_both_draws_are_the_same():
    names = torch.tensor([0, 1, 2, 77, 123_456, 2**31 - 1])
    found = pairs_torch._draws(names[:, None], names[None])
    assert found.tolist() == [[draw(i, j) for j in names.tolist()] for i in names.tolist()]


def test_candidates_come_back_by_distance_and_empty_places_last():
    x = np.array([[0.0], [3.0], [1.0], [-2.0]], np.float32)
    candidates = np.array([[1, -1, 2, 3]] + [[-1] * 4] * 3)
    distances, cells = by_exact_distance(x, candidates, 4)
    assert cells[0].tolist() == [2, 3, 1, -1]
    assert distances[0].tolist() == [1, 2, 3, np.inf]
    assert (cells[1] == -1).all()
    assert by_exact_distance(x, candidates[:, :0], 0)[1].shape == (4, 0)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 99), scale=st.sampled_from([1e-12, 1, 1e12]), offset=st.sampled_from([0, -5, 1e3]))
def test_centred_coordinates_are_the_embedding_up_to_a_shift_and_a_power_of_two(seed, scale, offset):
    rng = np.random.default_rng(seed)
    x = (rng.normal(size=(50, 4)) * [1, 1e-3, 20, 0] + offset) * scale
    found, unit = centred(x)
    assert np.log2(unit) == int(np.log2(unit))
    assert 0.5 <= np.abs(found).max() <= 1
    back = found.astype(np.float64) * unit
    middle = (x - back).mean(axis=0)
    assert x - back == pytest.approx(np.tile(middle, (50, 1)), abs=1e-7 * unit)
    assert (np.abs(back.mean(axis=0)) <= x.std(axis=0) / 8 + 1e-7 * unit).all()


def test_how_many_threads(monkeypatch):
    assert devices.n_threads(3) == 3
    assert devices.n_threads(-1) >= 1
    monkeypatch.setattr(devices.sys, "platform", "darwin")
    monkeypatch.setattr(devices.os, "cpu_count", lambda: None)
    assert devices.n_threads(-1) == 1
