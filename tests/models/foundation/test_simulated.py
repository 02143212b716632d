import numpy as np
import pytest

from scarena.models.foundation.simulated import SimulatedSource, SimulationConfig
from scarena.models.foundation.simulated_kernels import poisson

PLAIN = SimulationConfig(mixed=0, variation=0, ambient=0, shallowest=4000, deepest=4000)
N_GENES = 30


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def source_of(config, seed=0):
    """Return a source of two studies; the second has measured the last twenty genes."""
    share = np.random.default_rng(seed).gamma(0.5, 1.0, (5, N_GENES)).astype(np.float32)
    measured = {"a": np.ones(N_GENES, bool), "b": np.arange(N_GENES) >= 10}
    return SimulatedSource(share, ["a", "a", "a", "b", "b"], measured, config), share


def dense(cells):
    found = np.zeros((len(cells), N_GENES))
    rows = np.repeat(np.arange(len(cells)), np.diff(cells.starts_B1))
    found[rows, cells.genes_N] = cells.counts_N
    return found


@pytest.mark.parametrize("mean", [0.01, 0.7, 5.0, 39.0, 41.0, 900.0])
def test_numbers_are_poisson(mean):
    found = np.array([poisson(mean, np.uint64(7), np.uint64(cell), np.uint64(3)) for cell in range(20_000)])
    assert (found == np.floor(found)).all() and found.min() >= 0
    assert found.mean() == pytest.approx(mean, abs=4 * np.sqrt(mean / 20_000))
    assert found.var() == pytest.approx(mean, rel=0.06 if mean > 0.1 else 0.3)


def test_without_what_keeps_cells_apart_they_are_their_profile_and_its_counting_noise(rng):
    source, share = source_of(PLAIN)
    counts = dense(source.draw(0, 3000, rng))
    wanted = share[:3] / share[:3].sum(axis=1, keepdims=True) * 4000
    nearest = ((counts[:, None] - wanted) ** 2 / (wanted + 1)).sum(axis=2).argmin(axis=1)
    for each in range(3):
        own = counts[nearest == each]
        assert 900 < len(own) < 1100
        np.testing.assert_allclose(own.mean(axis=0), wanted[each], atol=5 * np.sqrt(wanted[each].max() / 900))


def test_genes_that_a_study_has_not_measured_are_in_no_cell_of_it(rng):
    source, _ = source_of(SimulationConfig())
    cells = source.draw(1, 200, rng)
    assert cells.genes_N.min() >= 10
    assert [group.name for group in source.groups] == ["a", "b"]
    assert source.groups[1].measured_V.sum() == 20
    assert source.groups[0].size / source.groups[1].size == pytest.approx(3 / 2)


def test_cells_are_packed_as_a_corpus_packs_them(rng):
    source, _ = source_of(SimulationConfig(shallowest=3, deepest=40))
    cells = source.draw(0, 300, rng)
    for first, last in zip(cells.starts_B1[:-1], cells.starts_B1[1:], strict=True):
        assert (np.diff(cells.genes_N[first:last]) > 0).all()
    np.testing.assert_allclose(cells.depth_B, dense(cells).sum(axis=1))
    assert (cells.counts_N > 0).all()
    assert (cells.genes_N.dtype, cells.counts_N.dtype, cells.depth_B.dtype) == (np.int32, np.float32, np.float32)


def test_depths_are_even_on_a_logarithmic_scale(rng):
    source, _ = source_of(SimulationConfig(variation=0, shallowest=500, deepest=20_000))
    depth = np.log(source.draw(0, 4000, rng).depth_B)
    at = np.quantile(depth, [0.1, 0.5, 0.9])
    low, high = np.log(500), np.log(20_000)
    np.testing.assert_allclose(at, low + np.array([0.1, 0.5, 0.9]) * (high - low), atol=0.1)


@pytest.mark.parametrize(
    ("more", "moves"), [({"mixed": 1.0}, True), ({"ambient": 0.5}, True), ({"variation": 0.0}, False)]
)
def test_mixing_and_soup_bring_types_nearer(rng, more, moves):
    def between(config):
        counts = dense(source_of(config)[0].draw(0, 2000, np.random.default_rng(1)))
        return (counts / counts.sum(axis=1, keepdims=True)).var(axis=0).sum()

    plain, changed = between(PLAIN), between(PLAIN.model_copy(update=more))
    assert (changed < 0.9 * plain) if moves else changed == plain


def test_variation_leaves_means_and_raises_the_spread(rng):
    config = PLAIN.model_copy(update={"variation": 0.8})
    varied, plain = (dense(source_of(each)[0].draw(1, 4000, np.random.default_rng(2))) for each in (config, PLAIN))
    np.testing.assert_allclose(varied.sum(axis=0), plain.sum(axis=0), rtol=0.15, atol=400)
    assert varied.var(axis=0).sum() > 1.2 * plain.var(axis=0).sum()


def test_the_same_generator_draws_the_same_cells():
    one, other = (source_of(SimulationConfig())[0].draw(0, 50, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(one.genes_N, other.genes_N) and np.array_equal(one.counts_N, other.counts_N)


def test_cells_of_one_type_are_drawn_from_two_studies(rng):
    share = np.zeros((5, N_GENES), np.float32)
    for row, gene in enumerate([12, 15, 20, 15, 12]):
        share[row, gene] = 1
    measured = {"a": np.ones(N_GENES, bool), "b": np.arange(N_GENES) >= 10}
    source = SimulatedSource(share, ["a", "a", "a", "b", "b"], measured, PLAIN, term_P=["x", "y", "z", "y", "x"])
    assert source.shared == [(0, 1, ["x", "y"])]
    drawn = source.draw_shared(40, rng)
    assert set(drawn.types.tolist()) == {0, 1}
    for (cells, genes), name in zip(drawn.parts, "ab", strict=True):
        np.testing.assert_array_equal(dense(cells).argmax(axis=1), np.where(drawn.types == 0, 12, 15))
        np.testing.assert_array_equal(genes, measured[name])


def test_studies_without_two_types_in_common_share_none(rng):
    source, _ = source_of(PLAIN)
    assert source.shared == []
