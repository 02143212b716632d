"""Intervals cover what they claim, ranks and ties follow from paired differences, and order never matters."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm

from scarena.board.replicates import Sample, combine_seeds, mean_of, seed_draws, shared
from scarena.board.uncertainty import difference, interval, pareto, rank_ranges, tie_groups

R = 200
GRID = norm.ppf((np.arange(R) + 0.5) / R)
scores = st.floats(-1, 1).map(lambda x: round(x, 3))


def tables(fewest=1, most=7, n_replicates=40):
    """Values of some models and replicates around them, with equal models among them."""
    sizes = st.integers(fewest, most)
    table = sizes.flatmap(lambda m: arrays(np.float64, (m, 1 + n_replicates), elements=scores))
    return table.map(lambda x: (x[:, 0], x[:, :1] + 0.3 * x[:, 1:]))


def test_the_interval_of_normal_replicates_is_the_normal_one_whatever_their_bias():
    low, high = interval(0.5, 0.1 * GRID + 7.0)
    assert (low, high) == pytest.approx((0.5 - 1.96 * 0.1, 0.5 + 1.96 * 0.1), abs=0.005)


@given(scores, arrays(np.float64, R, elements=scores))
def test_an_interval_contains_its_value_and_stays_in_the_range(value, replicates):
    low, high = interval(value, replicates, -1.0, 1.0)
    assert -1 <= low <= value <= high <= 1


def test_a_paired_difference_does_not_contain_the_noise_that_both_share():
    rng = np.random.default_rng(0)
    common, own = rng.normal(size=R), 0.01 * GRID
    found = difference(0.6, 0.55, np.stack([common + own, common]))
    assert (found.low, found.high) == pytest.approx((0.05 - 0.0196, 0.05 + 0.0196), abs=5e-4)
    assert not found.tied


def test_the_share_of_replicates_won_is_the_normal_probability_and_a_draw_counts_half():
    assert difference(0.1, 0.0, np.stack([0.1 + 0.1 * GRID, 0 * GRID])).wins == pytest.approx(norm.cdf(1), abs=0.01)
    assert difference(0.0, 0.0, np.zeros((2, R))).wins == 0.5


@given(tables(2, 2))
def test_the_difference_turned_round_is_the_same_with_the_other_sign(table):
    (a, b), replicates = table
    one, other = difference(a, b, replicates), difference(b, a, replicates[::-1])
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-12)
    assert one.wins == pytest.approx(1 - other.wins)


def test_the_interval_of_a_bootstrapped_mean_covers_the_truth_95_times_in_100():
    rng = np.random.default_rng(1)
    n_simulations, sizes, hits = 500, (60, 90), 0
    weights = [rng.multinomial(n, np.full(n, 1 / n), R) / n for n in sizes]
    for _ in range(n_simulations):
        draws = np.zeros(R, dtype=int)
        cells = [rng.normal(0.4, 1.0, n) for n in sizes]
        parts = [combine_seeds([x.mean()], [w @ x], draws) for w, x in zip(weights, cells, strict=True)]
        mean = mean_of(parts)
        low, high = interval(mean.value, mean.cells)
        hits += low <= 0.4 <= high
    assert 0.92 <= hits / n_simulations <= 0.97


@pytest.mark.parametrize("n_seeds", [3, 5])
def test_the_interval_over_cells_and_seeds_covers_the_truth_where_cells_alone_do_not(n_seeds):
    rng = np.random.default_rng(2)
    n_simulations, n, hits, alone = 500, 80, 0, 0
    weights = rng.multinomial(n, np.full(n, 1 / n), R) / n
    draws = seed_draws(n_seeds, R, "d", "m")
    for _ in range(n_simulations):
        cells, luck = rng.normal(0, 1, n), rng.normal(0, 0.2, n_seeds)
        whole = combine_seeds(cells.mean() + luck, weights @ cells + luck[:, None], draws)
        ends = interval(whole.value, whole.cells), interval(whole.value, weights @ cells)
        hits += ends[0][0] <= 0 <= ends[0][1]
        alone += ends[1][0] <= 0 <= ends[1][1]
    assert 0.92 <= hits / n_simulations <= 0.99
    assert alone / n_simulations < 0.91


def test_the_bias_of_a_seeds_replicates_does_not_move_its_share():
    rows = np.stack([0.1 * GRID + 3, 0.1 * GRID - 5])
    mixed = combine_seeds([0.2, 0.6], rows, seed_draws(2, R, "d", "m"))
    assert (mixed.value, mixed.cells.mean()) == pytest.approx((0.4, 0.4), abs=0.02)
    assert mixed.cells.std() == pytest.approx(np.hypot(0.2, 0.1), rel=0.1)


@pytest.mark.parametrize("n_seeds", [1, 2, 3, 7])
def test_every_seed_is_drawn_equally_often_and_the_same_way_each_time(n_seeds):
    draws = seed_draws(n_seeds, R, "d", "m")
    assert np.ptp(np.bincount(draws, minlength=n_seeds)) <= 1
    assert (draws == seed_draws(n_seeds, R, "d", "m")).all()
    assert n_seeds == 1 or (draws != seed_draws(n_seeds, R, "d", "other")).any()


def test_one_part_without_replicates_leaves_the_seeds_and_one_part_with_one_seed_leaves_nothing():
    cells, seeds = GRID, GRID / 2
    whole, seeds_only, cells_only = Sample(1.0, cells, seeds), Sample(2.0, None, seeds), Sample(3.0, cells, None)
    assert shared([whole, whole])[0] == "cells"
    assert shared([whole, seeds_only])[0] == "seeds"
    assert shared([seeds_only, cells_only]) == (None, None)
    mixed = mean_of([whole, seeds_only])
    assert (mixed.value, mixed.cells) == (1.5, None)
    assert (mixed.seeds == seeds).all()
    assert mean_of([whole, seeds_only, cells_only]).seeds is None


def test_one_seed_without_replicates_is_no_interval_of_zero_width():
    lone = combine_seeds([0.5], None, np.zeros(R, dtype=int))
    assert (lone.value, lone.cells, lone.seeds) == (0.5, None, None)
    apart = difference(0.5, 0.4, None)
    assert (apart.low, apart.high, apart.wins) == (None, None, None)


@given(tables())
def test_a_range_of_ranks_contains_the_rank(table):
    values, replicates = table
    for value, (low, high) in zip(values, rank_ranges(values, replicates), strict=True):
        first, last = 1 + (values > value + 1e-9).sum(), (values >= value - 1e-9).sum()
        assert 1 <= low <= first <= last <= high <= len(values)


def test_ranks_without_replicates_are_places_and_equal_models_share_them():
    assert rank_ranges([0.5, 0.9, 0.5, 0.1], None) == [(2, 3), (1, 1), (2, 3), (4, 4)]


def test_ranks_that_swap_in_half_the_replicates_overlap_and_a_clear_one_stands_alone():
    replicates = np.stack([0.5 + 0.1 * GRID, np.full(R, 0.49), np.full(R, 0.0)])
    assert rank_ranges([0.5, 0.49, 0.0], replicates) == [(1, 2), (1, 2), (3, 3)]


@given(tables())
def test_members_tie_with_their_leader_and_no_leader_ties_with_one_before(table):
    values, replicates = table
    names = [f"m{i}" for i in range(len(values))]
    groups = np.array(tie_groups(names, values, replicates))
    order = sorted(range(len(values)), key=lambda i: (-values[i], names[i]))
    leaders = {}
    for row in order:
        leaders.setdefault(groups[row], row)

    def tied(a, b):
        return difference(values[a], values[b], replicates[[a, b]]).tied

    assert list(leaders) == list(range(1, len(leaders) + 1))
    assert all(row == leaders[groups[row]] or tied(leaders[groups[row]], row) for row in order)
    assert not any(tied(leaders[g], row) for g in leaders for row in order if groups[row] > g)


def test_ties_are_not_handed_on():
    # a ties with b and b with c, but a with c not: c is no member of the group that a leads.
    values = [0.3, 0.2, 0.1]
    replicates = np.array(values)[:, None] + np.stack([GRID, -0.5 * GRID, GRID]) * 0.08
    assert tie_groups(["a", "b", "c"], values, replicates) == [1, 1, 2]


@given(tables(), st.data())
@settings(deadline=None)
def test_the_order_of_the_models_changes_nothing(table, data):
    values, replicates = table
    names = [f"m{i}" for i in range(len(values))]
    order = data.draw(st.permutations(range(len(values))))
    groups, ranks = tie_groups(names, values, replicates), rank_ranges(values, replicates)
    moved = tie_groups([names[i] for i in order], values[list(order)], replicates[list(order)])
    assert moved == [groups[i] for i in order]
    assert rank_ranges(values[list(order)], replicates[list(order)]) == [ranks[i] for i in order]


@given(arrays(np.float64, st.tuples(st.integers(1, 8), st.just(3)), elements=st.integers(0, 3).map(float)))
def test_the_front_is_the_brute_force_one(points):
    def dominated(mine):
        return any(all(a >= b for a, b in zip(x, mine, strict=True)) and tuple(x) != tuple(mine) for x in points)

    assert pareto(points).tolist() == [not dominated(mine) for mine in points]


def test_equal_points_do_not_push_each_other_off_the_front():
    for order in permutations([(1, 2), (1, 2), (1, 1)]):
        assert pareto(order).tolist() == [point == (1, 2) for point in order]


def test_a_point_without_a_goal_is_refused_and_no_points_have_no_front():
    with pytest.raises(ValueError, match="every goal"):
        pareto([(1.0, float("nan"))])
    assert pareto([]).tolist() == []
