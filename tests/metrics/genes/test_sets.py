"""A probe of a set is scikit-learn's, AUROC is a count of pairs, and the penalty is the best of the grid elsewhere."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge, RidgeClassifier

from scarena.metrics.genes.area import Drawn, area, mean_of_sets
from scarena.metrics.genes.bias import Bias, of_facts
from scarena.metrics.genes.collection import Members, samples_of
from scarena.metrics.genes.folded import PENALTIES, HeldOut
from scarena.metrics.genes.matched import Sample, Strata
from scarena.metrics.genes.sets import Reading, balanced, held_out, said_by
from scarena.metrics.measured import Undefined


def some(n=500, d=7, n_sets=3, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)) / np.sqrt(d)
    facts, counts = rng.normal(size=(n, 4)), rng.poisson(2, n) + 1
    samples = []
    for _ in range(n_sets):
        rows = rng.permutation(n)[:300]
        inside = x[rows, 0] + facts[rows, 1] / 3 + rng.normal(size=300) / 3 > 0.4
        samples.append(Sample(rows, inside, np.ones(300, bool), np.ones(300, bool)))
    return samples, Reading(Bias.made(facts, counts), x), rng.integers(0, 5, n)


@pytest.mark.parametrize("probe", ["bias", "vectors", "both"])
def test_a_probe_is_scikit_learns_ridge_with_the_same_weights_and_folds(probe):
    samples, reading, folds = some()
    fitted = held_out(samples, reading, folds)
    of_bias = fitted.penalties["bias"]
    for sample, said in zip(samples, fitted.scores[probe], strict=True):
        z = reading.of(sample)[:, reading.columns[probe][1:]]
        own = folds[sample.rows]
        for fold in range(5):
            # A column divided by √λ and penalised by 1 is the column penalised by λ.
            penalties = reading.penalties(probe, of_bias[fold], fitted.penalties[probe][fold : fold + 1])[0, 1:]
            train, test = own != fold, own == fold
            twin = Ridge(alpha=1.0, solver="cholesky").fit(
                (z / np.sqrt(penalties))[train], np.where(sample.inside, 1.0, -1.0)[train], balanced(sample)[train]
            )
            assert said[test] == pytest.approx(twin.predict((z / np.sqrt(penalties))[test]), abs=1e-6)


def test_where_folds_have_equal_shares_it_is_the_balanced_ridge_classifier():
    rng = np.random.default_rng(0)
    inside, folds = np.tile([True, False, False, False], 50), np.repeat(np.arange(5), 40)
    x = rng.normal(size=(200, 4)) + inside[:, None]
    sample = Sample(np.arange(200), inside, np.ones(200, bool), np.ones(200, bool))
    reading = Reading(Bias.made(np.zeros((200, 1)), np.ones(200, np.int64)), x)
    said = said_by([sample], reading, folds, {"vectors": (10.0,) * 5})["vectors"][0]
    # Weights are those of the whole sample, and with equal shares in all folds those of each training part too.
    for fold in range(5):
        twin = RidgeClassifier(alpha=10.0, class_weight="balanced").fit(x[folds != fold], inside[folds != fold])
        assert said[folds == fold] == pytest.approx(twin.decision_function(x[folds == fold]), abs=1e-6)


def test_a_gene_drawn_twice_is_learned_from_twice():
    samples, reading, folds = some(n_sets=1)
    times = np.random.default_rng(1).poisson(1, len(folds)).astype(np.float64)
    chosen = {"vectors": (1.0,) * 5}
    (said,) = said_by(samples, reading, folds, chosen, times)["vectors"]
    sample = samples[0]
    again = np.repeat(np.arange(300), times[sample.rows].astype(int))
    doubled = Sample(sample.rows[again], sample.inside[again], np.ones(len(again), bool), np.ones(len(again), bool))
    (told,) = said_by([doubled], reading, folds, chosen)["vectors"]
    assert told == pytest.approx(said[again], abs=1e-8)


def brute(scores, inside, folds, times):
    wins = total = 0.0
    for i in np.flatnonzero(inside):
        for j in np.flatnonzero(~inside):
            if folds[i] == folds[j]:
                weight = times[i] * times[j]
                total += weight
                wins += weight * ((scores[i] > scores[j]) + (scores[i] == scores[j]) / 2)
    return wins / total if total else np.nan


def test_auroc_is_the_share_of_pairs_of_one_fold_with_ties_as_halves():
    rng = np.random.default_rng(0)
    scores, inside, folds = rng.integers(0, 9, 80).astype(float), rng.random(80) < 0.3, rng.integers(0, 4, 80)
    times = rng.poisson(1, (6, 80)).astype(np.float32)
    found = area(scores, inside, folds, times)
    assert found == pytest.approx([brute(scores, inside, folds, row) for row in times], abs=1e-6)
    assert np.isnan(area(scores, inside, np.arange(80), times)).all()


def test_scores_of_two_folds_are_never_compared():
    rng = np.random.default_rng(0)
    scores, inside, folds = rng.normal(size=90), rng.random(90) < 0.3, rng.integers(0, 3, 90)
    once = np.ones((1, 90), np.float32)
    assert area(scores + 100 * folds, inside, folds, once) == pytest.approx(area(scores, inside, folds, once))


def test_draws_are_of_whole_families_and_the_first_is_every_gene_once():
    families = np.array([0, 0, 1, 2, 2, 2])
    times = Drawn.of(families, n=50).times
    assert (times[0] == 1).all() and times.shape == (51, 6)
    assert all((times[:, families == f] == times[:, families == f][:, :1]).all() for f in range(3))
    assert times[1:, [0, 2, 3]].sum(axis=1) == pytest.approx(np.full(50, 3.0))


def test_a_mean_over_sets_leaves_out_what_has_no_number_and_has_the_values_mean():
    areas = np.array([[0.6, 0.6, 0.6], [0.8, np.nan, 0.8], [np.nan, 0.1, 0.1]])
    found = mean_of_sets(areas)
    assert found.value == pytest.approx(0.7) and np.isfinite(found.replicates).all()
    with pytest.raises(Undefined, match="no set"):
        mean_of_sets(areas[2:])


def test_facts_that_nobody_knows_or_that_never_vary_are_zero_and_others_have_mean_0_and_variance_1():
    facts = np.column_stack([np.full(50, np.nan), np.full(50, 3.0), np.arange(50.0), np.arange(50.0)])
    facts[:5, 3] = np.nan
    found = of_facts(facts)
    assert not found[:, :6].any()
    assert found[:, 6:].mean(axis=0) == pytest.approx(np.zeros(6), abs=1e-12)
    assert found[:, 6:].std(axis=0) == pytest.approx(np.ones(6)) and len(np.unique(found[:5, 9])) == 1


def test_being_in_the_set_that_is_asked_is_not_among_what_is_known():
    counts = np.array([3, 2, 7, 0, 2])
    bias = Bias.made(np.zeros((5, 2)), counts)
    inside = np.array([True, False, False, False, False])
    found = bias.of(np.arange(5), inside)
    assert np.array_equal(found[0], found[1]) and np.array_equal(found[1], found[4])


def test_sets_that_cannot_be_asked_are_counted():
    rng = np.random.default_rng(0)
    folds = np.repeat(np.arange(5), 100)
    strata = Strata.made(rng.normal(size=500), np.ones(500, np.int64))
    sets = [
        Members("few", np.arange(9), np.arange(9)),
        Members("one fold", np.arange(30), np.arange(30)),
        Members("asked", *[np.arange(0, 500, 10)] * 2),
    ]
    found, note = samples_of(sets, strata, folds, seed=0)
    assert len(found) == 1
    assert "1 sets; 1 with fewer than 10 genes are not asked; 1 lie in one family and are not asked" in note
    with pytest.raises(Undefined, match="no set has 10 genes"):
        samples_of(sets[:2], strata, folds, seed=0)


def test_the_penalty_is_the_best_on_the_other_folds_and_predictions_are_scikit_learns():
    rng = np.random.default_rng(0)
    x, folds = rng.normal(size=(300, 5)) / np.sqrt(5), rng.integers(0, 4, 300)
    y = x @ rng.normal(size=(5, 2)) + rng.normal(size=(300, 2))
    weights = rng.random(300) + 0.5
    held = HeldOut(x, y, weights, folds)
    for fold in range(4):
        errors = np.zeros(len(PENALTIES))
        for asked in set(range(4)) - {fold}:
            train, test = (folds != fold) & (folds != asked), folds == asked
            for place, penalty in enumerate(PENALTIES):
                twin = Ridge(alpha=penalty).fit(x[train], y[train], weights[train])
                errors[place] += weights[test] @ np.square(twin.predict(x[test]) - y[test]).sum(axis=1)
        best = Ridge(alpha=PENALTIES[errors.argmin()]).fit(x[folds != fold], y[folds != fold], weights[folds != fold])
        assert held.predicted()[folds == fold] == pytest.approx(best.predict(x[folds == fold]), abs=1e-6)
