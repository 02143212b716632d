"""Two views of a cell share no gene, keep a binomial part of its counts, and ask for counts that are true."""

import dataclasses
from itertools import pairwise

import numba
import numpy as np
import pytest
import torch
from scipy import stats

from scarena.models.foundation.view_kernels import thinned, uniform
from scarena.models.foundation.views import ViewConfig, two_views

N_GENES, N_CELLS = 60, 40
PLAIN = ViewConfig(least_kept=1.0, batch_effect=0.0, targets=12, zeros=20)
MEASURED = np.arange(N_GENES) % 7 > 0


@pytest.fixture
def counts():
    rng = np.random.default_rng(0)
    found = rng.poisson(rng.gamma(0.5, 3.0, (N_CELLS, N_GENES))).astype(np.float32) * MEASURED
    found[3] = 0
    found[5, 1] = 4000.0
    return found


@pytest.fixture
def cells(counts, make_counts):
    return make_counts(counts, depth=counts.sum(axis=1) + 10)


def viewed(cells, config=PLAIN, seed=0, measured=MEASURED):
    return two_views(cells, measured, config, np.random.default_rng(seed))


def rows(packed, *what):
    starts = packed.starts_B1.tolist()
    return [tuple(each[a:b].tolist() for each in what) for a, b in pairwise(starts)]


def shown(view):
    return rows(view.cells, view.cells.genes_T, view.cells.values_T)


def asked(targets):
    return rows(targets, targets.genes_N, targets.counts_N)


def tensors(views):
    found = []
    for view in views:
        for part in (view.cells, view.unseen, view.own):
            found += [
                each for each in (getattr(part, f.name) for f in dataclasses.fields(part)) if torch.is_tensor(each)
            ]
    return found


def test_the_views_share_no_gene_and_together_are_the_cell_where_nothing_is_thinned(cells, counts):
    first, second = viewed(cells)
    panels = [{gene for genes, _ in shown(view) for gene in genes} for view in (first, second)]
    assert panels[0]
    assert panels[1]
    assert not panels[0] & panels[1]
    for cell, ((mine, _), (theirs, _)) in enumerate(zip(shown(first), shown(second), strict=True)):
        assert sorted(mine + theirs) == np.flatnonzero(counts[cell]).tolist()


def test_without_thinning_and_batch_effect_values_are_log1p_of_counts_per_ten_thousand(cells, counts):
    scaled = np.log1p(counts * (1e4 / np.maximum(cells.depth_B, 1).astype(float))[:, None]).astype(np.float32)
    for view in viewed(cells):
        for cell, (genes, values) in enumerate(shown(view)):
            np.testing.assert_array_equal(np.float32(values), scaled[cell, genes])


def test_every_token_is_a_measured_and_expressed_gene_with_a_value(cells, counts):
    for view in viewed(cells, ViewConfig()):
        for cell, (genes, values) in enumerate(shown(view)):
            assert (counts[cell, genes] > 0).all()
            assert MEASURED[genes].all()
            assert min(values, default=1) > 0
            assert genes == sorted(set(genes))
        assert view.cells.longest == int(view.cells.starts_B1.diff().max())


def test_the_batch_effect_is_one_log_normal_factor_a_gene_and_view(cells, counts, make_counts):
    wide = make_counts(np.full((3, 4000), 5.0))
    config = ViewConfig(least_kept=1.0, batch_effect=0.4)
    factors = []
    for view in viewed(wide, config, measured=np.ones(4000, bool)):
        by_cell = [np.expm1(np.array(values)) / (1e4 / 4000) for _, values in shown(view)]
        np.testing.assert_allclose(by_cell[1], by_cell[0], rtol=1e-5)
        factors.append(np.log(by_cell[0]))
    found = np.concatenate(factors)
    assert stats.kstest(found / 0.4, "norm").pvalue > 1e-3
    assert abs(found.mean()) < 0.03


@pytest.mark.parametrize("count", [1.0, 5.0, 64.0, 65.0, 500.0])
def test_thinned_counts_are_binomial(count):
    share, n_draws = 0.37, 4000
    seed, gene = np.uint64(11), np.uint64(3)
    drawn = np.array([thinned(count, share, seed, np.uint64(cell), gene) for cell in range(n_draws)])
    assert np.array_equal(drawn, np.rint(drawn))
    assert drawn.min() >= 0
    assert drawn.max() <= count
    mean, sd = count * share, np.sqrt(count * share * (1 - share))
    assert abs(drawn.mean() - mean) < 4 * sd / np.sqrt(n_draws)
    assert drawn.std() == pytest.approx(sd, rel=0.06)
    edges = np.unique(stats.binom.ppf(np.linspace(0, 1, 9)[1:-1], count, share))
    seen = np.bincount(np.searchsorted(edges, drawn), minlength=len(edges) + 1)
    chance = np.diff([0, *stats.binom.cdf(edges, count, share), 1])
    keep = chance > 1e-3
    assert stats.chisquare(seen[keep], chance[keep] / chance[keep].sum() * seen[keep].sum()).pvalue > 1e-4


def test_the_part_that_is_kept_is_uniform_from_the_least_one_and_depth_is_scaled_by_it(make_counts):
    n_cells, n_genes = 300, 600
    ones = make_counts(np.ones((n_cells, n_genes)))
    config = ViewConfig(least_kept=0.4, batch_effect=0.0, targets=0, zeros=0)
    everything = np.ones(n_genes, bool)
    pairs = zip(viewed(ones, config, measured=everything), viewed(ones, PLAIN, measured=everything), strict=True)
    for view, panel in pairs:
        # A count of one has the value log1p(10,000 / (depth · share)), which tells the share.
        shares = np.array([1e4 / n_genes / np.expm1(values[0]) for _, values in shown(view)])
        assert stats.kstest((shares - 0.4) / 0.6, "uniform").pvalue > 1e-3
        of = int(panel.cells.starts_B1[1])
        kept = view.cells.starts_B1.diff().numpy()
        surprise = (kept - of * shares) / np.sqrt(of * shares * (1 - shares))
        assert stats.kstest(surprise, "norm").pvalue > 1e-3


def test_numbers_of_the_hash_are_uniform_and_depend_on_each_of_the_three():
    grid = np.array([[[uniform(*map(np.uint64, (s, a, b))) for b in range(20)] for a in range(20)] for s in range(20)])
    assert stats.kstest(grid.ravel(), "uniform").pvalue > 1e-3
    assert len(np.unique(grid)) == grid.size
    for axis in range(3):
        first, second = np.take(grid, range(19), axis), np.take(grid, range(1, 20), axis)
        assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.05


def test_targets_are_of_the_right_panel_with_true_counts_and_zeros_of_measured_genes_only(cells, counts):
    views = viewed(cells, ViewConfig(targets=12, zeros=20))
    panels = [{gene for genes, _ in shown(view) for gene in genes} for view in viewed(cells)]
    assert any(len(genes) for genes, _ in asked(views[0].unseen))
    n_zeros = 0
    for view, mine, theirs in zip(views, panels, panels[::-1], strict=True):
        for targets, forbidden in ((view.unseen, mine), (view.own, theirs)):
            for cell, (genes, values) in enumerate(asked(targets)):
                assert not set(genes) & forbidden
                assert MEASURED[genes].all()
                np.testing.assert_array_equal(counts[cell, genes], values)
                expressed = [gene for gene, value in zip(genes, values, strict=True) if value > 0]
                assert len(expressed) == len(set(expressed)) <= 12
                n_zeros += values.count(0.0)
    assert n_zeros > 100


def test_few_expressed_genes_are_all_asked_for_and_of_many_all_alike(cells, counts, make_counts):
    views = viewed(cells, ViewConfig(targets=100, zeros=0))
    for cell, ((a, _), (b, _)) in enumerate(zip(*(asked(view.unseen) for view in views), strict=True)):
        assert sorted(a + b) == np.flatnonzero(counts[cell]).tolist()
    many = make_counts(np.full((3000, 8), 2.0))
    first, _ = viewed(many, ViewConfig(targets=1, zeros=0), measured=np.ones(8, bool))
    drawn = np.bincount(first.unseen.genes_N.numpy(), minlength=8)
    assert stats.chisquare(drawn[drawn > 0]).pvalue > 1e-3
    assert (drawn > 0).sum() == 8 - len(set(first.cells.genes_T.tolist()))


def test_zeros_are_drawn_from_all_measured_genes_of_the_panel_that_are_not_expressed(cells, counts):
    assert counts.any(axis=0)[MEASURED].all()
    first, _ = viewed(cells, ViewConfig(targets=0, zeros=4000))
    panel = {gene for genes, _ in shown(viewed(cells)[0]) for gene in genes}
    for cell, (genes, _) in enumerate(asked(first.unseen)):
        assert set(genes) == set(np.flatnonzero(MEASURED & (counts[cell] == 0)).tolist()) - panel


def test_the_generator_decides(cells):
    config = ViewConfig()
    first, again, other = (tensors(viewed(cells, config, seed)) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])


def test_the_number_of_threads_changes_nothing(cells):
    before = numba.get_num_threads()
    found = []
    try:
        for n_threads in (1, numba.config.NUMBA_NUM_THREADS):
            numba.set_num_threads(n_threads)
            found.append(tensors(viewed(cells, ViewConfig())))
    finally:
        numba.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_what_a_cell_shows_and_is_asked_does_not_depend_on_the_other_cells(cells):
    rng, config = np.random.default_rng(5), ViewConfig()
    others = cells.rows(np.concatenate([np.arange(10), 10 + rng.permutation(N_CELLS - 10)]))
    for whole, mixed in zip(viewed(cells, config), viewed(others, config), strict=True):
        assert shown(whole)[:10] == shown(mixed)[:10]
        assert asked(whole.unseen)[:10] == asked(mixed.unseen)[:10]
        assert asked(whole.own)[:10] == asked(mixed.own)[:10]


def test_no_targets_and_no_cells_are_no_error(cells):
    view, _ = viewed(cells, ViewConfig(targets=0, zeros=0))
    assert len(view.unseen.genes_N) == 0
    assert view.unseen.starts_B1.tolist() == [0] * (N_CELLS + 1)
    none, _ = viewed(cells.rows(np.array([], int)), ViewConfig())
    assert none.cells.n_cells == 0
    assert none.cells.longest == 0


def test_each_view_has_a_multiple_of_what_a_pair_of_studies_differs_in(counts, make_counts):
    deep = np.full((64, N_GENES), 50.0, np.float32)
    cells = make_counts(deep, depth=deep.sum(axis=1))
    config = ViewConfig(least_kept=1, batch_effect=0, technology=2, targets=0, zeros=0)
    ratio = np.where(np.arange(N_GENES) % 4 < 2, 1.0, -1.0)[None]
    measured = np.ones(N_GENES, bool)
    views = two_views(cells, measured, config, np.random.default_rng(0), ratio)
    seen = []
    for view in views:
        values, genes = view.cells.values_T.numpy(), view.cells.genes_T.numpy()
        high = genes % 4 < 2
        seen.append(np.expm1(values[high]).mean() / np.expm1(values[~high]).mean())
    # Each has a factor of its own; without the technology both ratios are one.
    assert all(abs(np.log(each)) > 0.1 for each in seen) and abs(np.log(seen[0] / seen[1])) > 0.1
    plain = two_views(cells, measured, config, np.random.default_rng(0))
    assert all(view.cells.values_T.std() < 1e-5 for view in plain)
