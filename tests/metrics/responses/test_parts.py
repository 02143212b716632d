"""Scores of responses are those of brute force, scipy and scikit-learn, and change with nothing else."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr
from sklearn.metrics import r2_score

from scarena.metrics.measured import Measured, Undefined
from scarena.metrics.probes.scores import times_drawn
from scarena.metrics.responses.asked import CONTROL, UNNAMED, Known, asked_of, perturbed, unnamed
from scarena.metrics.responses.cells import e_distance, overlap_of_effects
from scarena.metrics.responses.correlations import correlations, median_between
from scarena.metrics.responses.draws import Drawn, mean_of
from scarena.metrics.responses.learning import POINTS, learning
from scarena.metrics.responses.retrieval import by_context, inverse_rank
from scarena.metrics.responses.value import Errors, value_of
from scarena.metrics.responses.weighted import weighted_error, weighted_r2, weights


def profiles(seed=0, n=12, g=50):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, g)), rng.normal(size=(n, g))


def brute_rank(predicted, truth):
    """Return each prediction's share of farther truths, pair by pair, in whole numbers where these are given."""
    found = []
    for i, row in enumerate(predicted):
        far = [((row - t) ** 2).sum() for t in truth]
        others = [j for j in range(len(truth)) if j != i]
        found.append(np.mean([(far[j] > far[i]) + 0.5 * (far[j] == far[i]) for j in others]))
    return np.array(found)


@pytest.mark.parametrize("levels", [None, 2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_retrieval_is_brute_force_with_ties(seed, levels):
    predicted, truth = profiles(seed)
    if levels:
        predicted, truth = (np.random.default_rng(seed).integers(0, levels, (2, 30, 4))).astype(float)
    np.testing.assert_allclose(inverse_rank(predicted, truth), brute_rank(predicted, truth), atol=1e-12)


@given(st.lists(st.lists(st.integers(0, 2), min_size=3, max_size=3), min_size=2, max_size=6))
@settings(deadline=None, max_examples=60)
def test_chance_is_a_half_whatever_is_tied(rows):
    """Over all assignments of predictions to truths: here the cyclic ones, in which each meets each truth once."""
    truth = np.array(rows, float)
    predicted = truth[::-1] * 1.5
    found = [inverse_rank(np.roll(predicted, shift, axis=0), truth).mean() for shift in range(len(truth))]
    assert np.mean(found) == pytest.approx(0.5, abs=1e-9)


def test_one_answer_to_all_has_a_half_exactly():
    """Each pair of truths is once nearer and once farther, so that knowing the mean is worth nothing."""
    _, truth = profiles(3, n=200)
    for answer in (truth.mean(axis=0), np.zeros(50), np.full(50, 9.0)):
        assert inverse_rank(np.tile(answer, (200, 1)), truth).mean() == pytest.approx(0.5, abs=1e-12)


def test_retrieval_does_not_change_with_unit_origin_or_order():
    predicted, truth = profiles(1, n=40)
    found = inverse_rank(predicted, truth)
    np.testing.assert_allclose(inverse_rank(3 * predicted + 7, 3 * truth + 7), found)
    order = np.random.default_rng(0).permutation(40)
    np.testing.assert_allclose(inverse_rank(predicted[order], truth[order]), found[order])
    np.testing.assert_array_equal(inverse_rank(truth, truth), 1)
    np.testing.assert_array_equal(inverse_rank(-1e3 * truth, truth) < 0.2, True)


def known(seed=0, *, n=12, g=20, contexts=2, shifted=False):
    rng = np.random.default_rng(seed)
    size = n * contexts
    tables = {key: rng.normal(size=(size, g)).astype(np.float32) for key in ("observed", "whole", "duplicate")}
    controls = {key: rng.normal(size=(contexts, g)).astype(np.float32) for key in ("control_scored", "control_shown")}
    targeted = np.zeros((size, g), bool)
    targeted[np.arange(size), rng.integers(0, g // 2, size)] = True
    codes = {"perturbation": np.tile(np.arange(n), contexts), "context": np.repeat(np.arange(contexts), n)}
    return Known(
        **tables, **controls, **codes, shifted=shifted, reproducibility=np.full(size, np.nan), targeted=targeted
    )


def test_what_training_says_of_an_unnamed_perturbation():
    some, training = known(), np.array([0, 3, 5, 13, 14])
    found = unnamed(some, training)
    np.testing.assert_allclose(found[0], np.mean([some.whole[i].astype(float) for i in (0, 3, 5)], axis=0))
    np.testing.assert_allclose(found[1], np.mean([some.whole[i].astype(float) for i in (13, 14)], axis=0))
    shifted = unnamed(known(shifted=True), training)
    effect = np.mean([some.whole[i] - some.control_shown[i // 12].astype(float) for i in training], axis=0)
    np.testing.assert_allclose(shifted, some.control_shown + effect)
    # A context that nothing is learned from, and nothing to learn from at all.
    effect = np.mean([some.whole[i] - some.control_shown[0].astype(float) for i in (0, 3)], axis=0)
    np.testing.assert_allclose(unnamed(some, np.array([0, 3]))[1], some.control_shown[1] + effect)
    np.testing.assert_array_equal(unnamed(some, np.array([], int)), some.control_shown)


def test_a_perturbation_of_several_profiles_counts_once_in_a_mean():
    some = replace(known(contexts=1, n=4), perturbation=np.array([0, 0, 0, 1]))
    means = some.observed[:3].astype(float).mean(axis=0), some.observed[3]
    np.testing.assert_allclose(perturbed(some)[0], np.mean(means, axis=0))


def test_a_split_keeps_genes_that_no_asked_profile_perturbs_and_joins_by_row():
    some, asked = known(), np.array([7, 1, 20])
    said = np.arange(60, dtype=np.float32).reshape(3, 20)
    split = asked_of(some, np.array([0, 2]), asked, said)
    kept = [g for g in range(20) if not any(some.targeted[i, g] for i in asked)]
    np.testing.assert_array_equal(split.truth, some.observed[asked][:, kept])
    np.testing.assert_array_equal(split.predicted, said[:, kept])
    np.testing.assert_array_equal(split.negative(CONTROL), some.control_shown[[0, 0, 1]][:, kept].astype(float))
    assert split.strength is None and split.duplicate.shape == split.truth.shape


def test_gaps_are_filled_and_only_what_is_said_is_scaled():
    some = known()
    said = np.full((2, 20), np.nan, np.float32)
    said[0, ::2] = 1
    split = asked_of(some, np.array([0, 2, 14]), np.array([5, 18]), said)
    control, mean = split.negative(CONTROL), split.negative(UNNAMED)
    gaps = np.isnan(split.predicted)
    for which, negative in ((CONTROL, control), (UNNAMED, mean)):
        np.testing.assert_array_equal(split.filled(which)[gaps], negative[gaps])
        np.testing.assert_allclose(split.filled(which, 2.0)[~gaps], (2 - control)[~gaps])
        np.testing.assert_array_equal(split.filled(which, 2.0)[gaps], negative[gaps])


def test_ranks_are_within_a_context_and_none_of_a_profile_that_is_alone():
    some = known(n=4)
    asked = np.array([0, 1, 2, 5])
    said = some.observed[asked] + np.float32(0.3)
    split = asked_of(some, np.array([3]), asked, said)
    found = by_context(split, split.filled(CONTROL), inverse_rank)
    np.testing.assert_allclose(found[:3], brute_rank(split.predicted[:3].astype(float), split.truth[:3].astype(float)))
    assert np.isnan(found[3])


def test_correlations_are_scipys_and_invariant_to_scale():
    predicted, truth = profiles(2)
    shown, scored = profiles(5)
    found, flat = correlations(predicted, truth, shown, scored)
    own = [pearsonr(p - a, t - b)[0] for p, t, a, b in zip(predicted, truth, shown, scored, strict=True)]
    np.testing.assert_allclose(found, own)
    assert not flat.any()
    np.testing.assert_allclose(correlations(shown + 5 * (predicted - shown), truth, shown, scored)[0], found)


def test_a_vector_without_spread_has_no_correlation_and_counts_as_zero():
    predicted, truth = profiles(2)
    reference = np.tile(predicted.mean(axis=0), (12, 1))
    for same in (reference, reference.astype(np.float32), reference + 1):
        found, flat = correlations(same.astype(float), truth, reference, truth * 0)
        assert flat.all() and not found.any()
    # An effect a thousand times the rounding of float32 is one.
    assert not correlations(reference + 1e-3 * truth, truth, reference, truth * 0)[1].any()


def test_the_median_between_effects_is_that_of_all_pairs_of_one_group():
    effects, _ = profiles(4, n=9)
    groups = np.array([0, 0, 0, 0, 1, 1, 1, 2, 0])
    own = [pearsonr(effects[i], effects[j])[0] for i in range(9) for j in range(i) if groups[i] == groups[j]]
    assert median_between(effects, groups) == pytest.approx(np.median(own))
    assert np.isnan(median_between(effects[:2], np.array([0, 1])))


def test_weights_are_min_max_squared_and_add_up_to_one():
    strength = np.array([[1.0, 3, 5, np.nan], [2, 2, 2, 2], [np.nan] * 4, [0, 1, 0, 0]])
    expected = np.array([[0, 0.2, 0.8, 0], [0.25] * 4, [0.25] * 4, [0, 1, 0, 0]])
    np.testing.assert_allclose(weights(strength), expected)
    np.testing.assert_allclose(weights(strength.astype(np.float32) * 7), expected)


def test_weighted_r2_is_scikit_learns_of_effects():
    predicted, truth = profiles(6)
    reference, strength = np.abs(profiles(7))
    weight = weights(strength)
    own = [
        r2_score(t - r, p - r, sample_weight=w) for p, t, r, w in zip(predicted, truth, reference, weight, strict=True)
    ]
    np.testing.assert_allclose(weighted_r2(predicted, truth, reference, weight)[0], own)
    np.testing.assert_allclose(
        weighted_error(predicted, truth, weight), (weight * (predicted - truth) ** 2).sum(axis=1)
    )
    flat, where = weighted_r2(predicted, reference, reference, weight)
    assert where.all() and not flat.any()


def errors(seed=0, n=30, perturbations=10, *, dead=()):
    rng = np.random.default_rng(seed)
    negative = rng.gamma(4, 1, (2, n)) + 1
    duplicate = 0.2 * negative[0]
    model = 0.6 * negative
    model[:, list(dead)] = negative[:, list(dead)]
    covered = ~np.isin(np.arange(n), dead)
    return Errors(model, negative, duplicate, True, np.arange(n) % perturbations, np.full(n, np.nan), covered)


def test_a_value_is_a_ratio_of_means_and_its_replicates_those_of_copied_profiles():
    some = errors()
    found = value_of(some)
    zero = some.negative[some.better]
    assert found.value == pytest.approx((zero - some.model[some.better]).mean() / (zero - some.duplicate).mean())
    times = times_drawn(10, np.random.default_rng(0))
    for row in range(5):
        rows = [i for p in range(10) for _ in range(times[row, p]) for i in range(30) if i % 10 == p]
        own = (zero[rows] - some.model[some.better][rows]).mean() / (zero[rows] - some.duplicate[rows]).mean()
        assert found.replicates[row] == pytest.approx(own)


def test_perturbations_vary_and_profiles_of_one_go_together():
    """Ten copies of each profile are no more to draw from than one."""
    one = np.random.default_rng(0).normal(size=12)
    single, copied = (mean_of(np.repeat(one, k), np.repeat(np.arange(12), k)) for k in (1, 10))
    np.testing.assert_allclose(single.replicates, copied.replicates)


def test_the_zero_is_the_better_negative_and_an_answer_without_information_is_at_most_zero():
    some = errors()
    for which in (CONTROL, UNNAMED):
        value = value_of(replace(some, model=some.negative[[which, which]])).value
        assert value == 0 if which == some.better else value < 0


def test_no_value_without_a_measurable_effect_and_no_interval_where_draws_have_none():
    some = errors()
    assert isinstance(value_of(replace(some, duplicate=some.negative.max(axis=0) + 1)), Undefined)
    # One perturbation of ten has all the effect, and a third of the draws are without it.
    negative = some.negative[[0, 0]]
    duplicate = np.where(some.perturbation == 0, 0, negative[0] + 0.05)
    found = value_of(replace(some, negative=negative, duplicate=duplicate))
    assert found.replicates is None and "no effect is measurable in" in found.note


def test_what_is_covered_keeps_the_draws_of_all():
    some = errors(dead=range(0, 30, 3))
    found = value_of(some, some.covered, some.better, some.drawn.at(some.covered))
    assert found.value > value_of(some).value
    np.testing.assert_array_equal(some.drawn.at(some.covered).times, some.drawn.times[:, some.covered])
    assert Drawn(np.arange(4)).times is None and "too few" in Drawn(np.arange(4)).said


def test_a_mean_leaves_out_what_cannot_be_asked_and_says_of_how_many_it_is():
    values = np.array([1.0, np.nan, 3.0, 5.0])
    found = mean_of(values, np.array([0, 1, 2, 2]), "so")
    assert found.value == 3 and found.note == "so; 3 profiles of 2 perturbations: too few for an interval"
    assert isinstance(mean_of(values * np.nan, np.arange(4)), Undefined)


def test_a_learning_curve_needs_two_points():
    assert set(learning({})) == {f"response_reveal_{k}" for k in POINTS} | {"response_reveal_gain"}
    assert all(isinstance(each, Undefined) for each in learning({}).values())
    some = replace(known(n=8, contexts=1), duplicate=None)
    split = asked_of(some, np.array([0, 1]), np.array([4, 5, 6]), some.observed[[4, 5, 6]])
    found = learning({5: [split]})
    assert isinstance(found["response_reveal_5"], Measured) and isinstance(found["response_reveal_gain"], Undefined)


def test_the_distance_of_cells_is_unbiased():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 7, 3))
    pairs = [np.linalg.norm(a - b) for a in x for b in y]
    within = [np.mean([np.linalg.norm(z[i] - z[j]) for i in range(7) for j in range(7) if i != j]) for z in (x, y)]
    assert e_distance(x, y) == pytest.approx(2 * np.mean(pairs) - sum(within))
    found = [e_distance(*rng.normal(size=(2, 6, 3))) for _ in range(2000)]
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(2000)
    with pytest.raises(ValueError, match="two cells"):
        e_distance(x[:1], y)


def test_no_changed_gene_has_no_overlap_and_the_truth_itself_all():
    rng = np.random.default_rng(0)
    control, other = np.log1p(rng.poisson(2, (2, 50, 20)))
    changed = np.log1p(rng.poisson(np.where(np.arange(20) < 5, 9, 2), (50, 20)))
    assert overlap_of_effects(changed, changed, control, control) == 1
    assert overlap_of_effects(changed, other, control, control) == 0
    assert overlap_of_effects(control, changed, control, control) == 0
