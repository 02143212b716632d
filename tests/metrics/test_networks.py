"""Scores of ranked edges are those of brute force, of scikit-learn, and of BEELINE's own words."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from scarena.metrics.measured import Undefined
from scarena.metrics.networks import effects, ranked
from scarena.metrics.networks.scored import Known, scored


def drawn(seed=0, n=40, n_true=9, levels=None):
    rng = np.random.default_rng(seed)
    true = np.zeros(n, bool)
    true[rng.permutation(n)[:n_true]] = True
    strength = rng.random(n) if levels is None else rng.integers(0, levels, n).astype(float)
    return strength, true


def every_order(strength, true):
    """Return the mean average precision over all orders that the ranking allows."""
    found = []
    for order in itertools.permutations(range(len(strength))):
        if all(strength[a] >= strength[b] for a, b in itertools.pairwise(order)):
            hits = true[list(order)]
            found.append((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())
    return np.mean(found)


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_without_ties_is_scikit_learns(seed):
    strength, true = drawn(seed)
    assert ranked.average_precision(strength, true) == pytest.approx(average_precision_score(true, strength), abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=2, max_size=7))
@settings(deadline=None, max_examples=40)
def test_average_precision_of_ties_is_the_mean_over_their_orders(pairs):
    strength, true = np.array([p[0] for p in pairs], float), np.array([p[1] for p in pairs])
    if true.any():
        assert ranked.average_precision(strength, true) == pytest.approx(every_order(strength, true), abs=1e-12)


@pytest.mark.parametrize(("n_true", "n"), [(1, 6), (2, 7), (5, 7), (7, 7)])
def test_chance_is_what_a_ranking_of_ties_alone_has(n_true, n):
    true = np.arange(n) < n_true
    assert ranked.chance_precision(n_true, n) == pytest.approx(every_order(np.zeros(n), true), abs=1e-12)
    assert ranked.precision_ratio(np.zeros(n), true) == pytest.approx(1, abs=1e-12)


def test_a_random_ranking_has_ratio_one_even_with_few_true_edges():
    rng = np.random.default_rng(0)
    true = np.arange(300) < ranked.ENOUGH
    found = [ranked.precision_ratio(rng.random(300), true) for _ in range(4000)]
    assert abs(np.mean(found) - 1) < 4 * np.std(found) / np.sqrt(len(found))
    # What the density alone would make of it: no random ranking has a ratio of one.
    over_density = np.mean(found) * ranked.chance_precision(ranked.ENOUGH, 300) * 300 / ranked.ENOUGH
    assert over_density > 1.3


def test_a_perfect_ranking_has_precision_one():
    _, true = drawn()
    assert ranked.average_precision(true.astype(float), true) == 1
    assert ranked.early_precision_ratio(true.astype(float), true) == pytest.approx(len(true) / true.sum())


def beeline(strength, true):
    """Return the early precision ratio as BEELINE's prose has it, edge by edge."""
    weights = sorted((abs(w) for w in strength if w > 0), reverse=True)
    ordered = sorted(map(abs, np.maximum(strength, 0)), reverse=True)
    best = max(min(weights), ordered[min(len(ordered), int(true.sum())) - 1])
    taken = [hit for w, hit in zip(strength, true, strict=True) if abs(w) >= best and w > 0]
    return (sum(taken) / len(taken)) / (true.sum() / len(true))


@pytest.mark.parametrize("levels", [None, 3, 6, 50])
@pytest.mark.parametrize("seed", range(4))
def test_early_precision_is_beelines(seed, levels):
    strength, true = drawn(seed, levels=levels)
    assert ranked.early_precision_ratio(strength, true) == pytest.approx(beeline(strength, true), abs=1e-12)


def test_early_precision_takes_ties_at_the_last_rank_and_no_edge_that_is_zero_or_unsaid():
    true = np.array([True, True, False, False, False, True])
    # Three are asked for: the third strongest is tied with the fourth, and both are taken.
    assert ranked.early_precision_ratio(np.array([9.0, 5, 5, 5, 0, -1]), true) == pytest.approx((2 / 4) / (3 / 6))
    # Two are said alone: what is 0 or unsaid is not taken to fill up.
    assert ranked.early_precision_ratio(np.array([0.0, 5, 4, 0, 0, -1]), true) == pytest.approx((1 / 2) / (3 / 6))
    assert ranked.early_precision_ratio(np.full(6, ranked.UNSAID), true) == 0


@pytest.mark.parametrize("levels", [None, 4])
def test_area_is_scikit_learns(levels):
    strength, true = drawn(3, levels=levels)
    assert ranked.area(strength, true) == pytest.approx(roc_auc_score(true, strength), abs=1e-12)


def test_missing_pairs_rank_last_together_and_zero_is_above_missing():
    found = ranked.strengths(np.array([[-3.0, np.nan, 0.0, np.nan]]))
    np.testing.assert_array_equal(found, [[3, -1, 0, -1]])
    true = np.array([False, True, False, False])
    # The true edge is one of the last two.
    assert ranked.average_precision(found[0], true) == pytest.approx((1 / 3 + 1 / 4) / 2)


def network(seed=0, n_regulators=30, n_genes=200):
    rng = np.random.default_rng(seed)
    rate = rng.uniform(0.02, 0.5, n_regulators)
    true = rng.random((n_regulators, n_genes)) < rate[:, None]
    asked = rng.random(true.shape) < 0.95
    return true, asked, rng


def test_knowing_each_regulators_number_of_targets_helps_pooled_and_never_within_rows():
    true, asked, _ = network()
    degree = np.broadcast_to(true.sum(axis=1, keepdims=True), true.shape).astype(float)
    within = ranked.by_row(degree, true, asked, ranked.precision_ratio)
    np.testing.assert_allclose(within, 1, atol=1e-12)
    assert ranked.pooled(degree, true, asked, ranked.precision_ratio) > 1.3


def test_rows_are_those_with_enough_true_edges_and_another_pair():
    true = np.zeros((4, ranked.ENOUGH + 3), bool)
    true[0, : ranked.ENOUGH], true[1, : ranked.ENOUGH - 1], true[2, :] = True, True, True
    asked = np.ones_like(true)
    np.testing.assert_array_equal(ranked.scored_rows(true, asked), [0])
    asked[0, 0] = False
    assert len(ranked.scored_rows(true, asked)) == 0


def test_a_pair_that_is_not_asked_about_has_no_say():
    true, asked, rng = network(1)
    strength = rng.random(true.shape)
    other = np.where(asked, strength, 100.0)
    for score in (ranked.precision_ratio, ranked.early_precision_ratio, ranked.area):
        np.testing.assert_array_equal(
            ranked.by_row(strength, true, asked, score), ranked.by_row(other, true & asked, asked, score)
        )


def brute_selected(strength, value, k, weight, n=4000, seed=0):
    rng = np.random.default_rng(seed)
    copies = np.repeat(np.arange(len(strength)), weight)
    tops, rests = [], []
    for _ in range(n):
        order = copies[np.lexsort((rng.random(len(copies)), -strength[copies]))]
        tops.append(value[order[:k]].mean())
        rests.append(value[order[k:]].mean())
    return np.mean(tops), np.mean(rests)


@pytest.mark.parametrize("levels", [3, 40])
def test_a_selection_is_the_mean_over_orders_of_equal_edges(levels):
    rng = np.random.default_rng(levels)
    strength, value = rng.integers(0, levels, 25).astype(float), rng.random(25)
    weight = rng.integers(0, 3, 25)
    found = effects.selected(strength, value, 7, weight[None].astype(float))
    np.testing.assert_allclose([found.top[0], found.rest[0]], brute_selected(strength, value, 7, weight), atol=0.02)
    plain = effects.selected(strength, value, 7)
    ones = np.ones(25, int)
    np.testing.assert_allclose([plain.top[0], plain.rest[0]], brute_selected(strength, value, 7, ones), atol=0.02)


def test_a_selection_of_all_has_no_rest_and_a_random_one_the_mean_of_all():
    rng = np.random.default_rng(0)
    value = rng.random(50)
    everything = effects.selected(rng.random(50), value, 80)
    assert everything.top[0] == pytest.approx(value.mean()) and np.isnan(everything.rest[0])
    tied = effects.selected(np.zeros(50), value, 10)
    assert tied.top[0] == pytest.approx(value.mean()) == tied.rest[0]


def test_each_replicate_takes_its_own_number():
    strength, value = np.array([3.0, 2, 1, 0]), np.array([1.0, 1, 0, 0])
    weight = np.array([[1.0, 1, 1, 1], [2, 0, 2, 0]])
    found = effects.selected(strength, value, weight @ value, weight)
    np.testing.assert_allclose(found.top, [1, 1])
    np.testing.assert_allclose(found.rest, [0, 0])


@pytest.mark.parametrize("n_regulators", [4, 5])
def test_fewer_than_five_regulators_rank_nobody(n_regulators):
    rng = np.random.default_rng(0)
    true = np.zeros((n_regulators, 60), bool)
    true[:, : ranked.ENOUGH] = True
    known = Known(true, np.ones_like(true), np.ones(n_regulators, bool))
    found = scored(rng.normal(size=true.shape), known)
    for key in ("network_auprc_ratio", "network_epr", "network_auroc"):
        if n_regulators < 5:
            assert isinstance(found[key], Undefined) and "4 regulators" in str(found[key])
        else:
            assert found[key].replicates is not None
