"""Probes are scikit-learn's on the same folds, folds keep groups together, and scores are what others compute."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score
from sklearn.model_selection import PredefinedSplit, cross_val_predict

from scarena.base.folds import grouped_folds, random_folds, splits
from scarena.metrics.measured import Undefined
from scarena.metrics.probes import few_shot, held_out, linear, niche, open_set, protein, ridge, scores
from scarena.metrics.probes.binary import Asked
from scarena.metrics.probes.patients import Patients


def cells(n=240, n_types=4, n_groups=6, d=8, gap=2.0, seed=0):
    rng = np.random.default_rng(seed)
    classes, groups = rng.integers(0, n_types, n), rng.integers(0, n_groups, n)
    centres = rng.normal(0, gap, (n_types, d))
    return centres[classes] + rng.normal(size=(n, d)), classes, groups


@given(st.integers(0, 1000), st.integers(1, 12), st.integers(1, 5))
@settings(deadline=None, max_examples=60)
def test_a_group_is_in_one_fold(seed, n_groups, n_types):
    rng = np.random.default_rng(seed)
    classes, groups = rng.integers(0, n_types, 60), rng.integers(0, n_groups, 60)
    folds = grouped_folds(classes, groups, seed=seed)
    assert len(np.unique(groups)) == len({(group, fold) for group, fold in zip(groups, folds, strict=True)})
    assert set(folds) == set(range(folds.max() + 1))
    assert folds.max() + 1 <= min(5, len(np.unique(groups)))


@given(st.integers(0, 1000), st.integers(2, 40))
@settings(deadline=None, max_examples=40)
def test_random_folds_share_out_each_class_evenly(seed, n):
    classes = np.random.default_rng(seed).integers(0, 3, n)
    folds = random_folds(classes, seed=seed)
    assert np.ptp(np.bincount(folds)) <= 1
    for one in np.unique(classes):
        assert np.ptp(np.bincount(folds[classes == one], minlength=folds.max() + 1)) <= 1


@pytest.mark.parametrize("n_types", [2, 4])
def test_a_held_out_probe_is_scikit_learns_on_the_same_folds(n_types):
    x, classes, groups = cells(n_types=n_types, gap=0.7)
    x = linear.axes_of(x)
    found = held_out.held_out(x, classes, groups)
    for strength in set(found.strengths):
        theirs = cross_val_predict(
            LogisticRegression(C=strength, tol=linear.EXACT, max_iter=5000), x, classes,
            cv=PredefinedSplit(found.folds), method="predict_proba",
        )  # fmt: skip
        of = np.isin(found.folds, np.flatnonzero(np.array(found.strengths) == strength))
        assert np.abs(found.probabilities - theirs)[of].max() < 1e-6


def test_c_is_chosen_without_the_fold_it_is_for():
    x, classes, groups = cells(gap=0.6)
    x, folds = linear.axes_of(x), grouped_folds(classes, groups)
    chosen, _ = held_out.chosen_strengths(x, classes, folds)
    rng = np.random.default_rng(1)
    for fold in range(folds.max() + 1):
        spoilt, other = x.copy(), classes.copy()
        spoilt[folds == fold] = rng.normal(size=(int((folds == fold).sum()), x.shape[1]))
        other[folds == fold] = rng.permutation(other[folds == fold])
        assert held_out.chosen_strengths(spoilt, other, folds)[0][fold] == chosen[fold]


def test_of_two_groups_c_is_fixed_and_said():
    x, classes, groups = cells(n_groups=2)
    found = held_out.held_out(linear.axes_of(x), classes, groups)
    assert set(found.strengths) == {linear.USUAL} and "no third to choose it by" in found.note


@given(st.floats(0.01, 100), st.integers(0, 100))
@settings(deadline=None, max_examples=6)
def test_neither_scale_nor_rotation_nor_shift_of_the_vectors_changes_a_prediction(factor, seed):
    x, classes, groups = cells(n=120, gap=0.8, seed=3)
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(x.shape[1],) * 2))[0]
    one = held_out.held_out(linear.axes_of(x), classes, groups)
    other = held_out.held_out(linear.axes_of(factor * (x + 3) @ turn), classes, groups)
    assert np.abs(one.probabilities - other.probabilities).max() < 1e-3


def test_a_class_of_one_group_is_counted_and_cannot_be_right():
    x, classes, groups = cells()
    classes = np.where(groups == 0, 4, classes)
    found = held_out.held_out(linear.axes_of(x), classes, groups)
    assert found.n_unseen == (groups == 0).sum() and f"{found.n_unseen} cells of classes" in found.note
    assert not (found.predicted[groups == 0] == 4).any()


def test_one_class_to_learn_from_is_answered_with_it():
    x, _, groups = cells(n_groups=2)
    found = held_out.predicted_by(linear.axes_of(x), groups, groups, [1.0, 1.0])
    assert (found.predicted == 1 - groups).all() and found.n_unseen == len(x)


def test_f1_and_balanced_accuracy_are_scikit_learns_and_replicates_those_of_cells_taken_again():
    x, classes, groups = cells(gap=0.5)
    said = held_out.held_out(linear.axes_of(x), classes, groups).predicted
    table = scores.confusion(classes, said, 4)
    assert scores.macro_f1(table) == pytest.approx(f1_score(classes, said, average="macro"), abs=1e-12)
    assert scores.balanced_accuracy(table) == pytest.approx(balanced_accuracy_score(classes, said), abs=1e-12)
    drawn = scores.draws(classes, groups, n=5)
    assert drawn.what == "groups"
    for row, value in zip(drawn.counts, scores.macro_f1(scores.drawn_confusions(classes, said, 4, drawn)), strict=True):
        again = np.concatenate([np.flatnonzero(groups == group) for group in np.repeat(np.arange(6), row)])
        assert value == pytest.approx(f1_score(classes[again], said[again], average="macro"), abs=1e-12)


def test_with_few_groups_cells_are_drawn_within_them():
    _, classes, groups = cells(n_groups=3)
    drawn = scores.draws(classes, groups, n=4)
    assert drawn.what == "cells"
    for group in range(3):
        assert (drawn.counts[:, groups == group].sum(axis=1) == (groups == group).sum()).all()


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40))
@settings(deadline=None)
def test_auroc_is_scikit_learns_ties_included(pairs):
    score, yes = np.array([p[0] for p in pairs], float), np.array([p[1] for p in pairs])
    if yes.all() or not yes.any():
        assert np.isnan(scores.auroc(score, yes))
    else:
        assert scores.auroc(score, yes) == pytest.approx(roc_auc_score(yes, score), abs=1e-12)


def test_ridge_is_scikit_learns_for_every_penalty_and_its_choice_is_the_least_error_elsewhere():
    x, classes, groups = cells(d=5)
    y = np.column_stack([classes, np.random.default_rng(0).normal(size=len(x))]).astype(float)
    x, folds = linear.axes_of(x), grouped_folds(classes, groups)
    for penalty in ridge.PENALTIES:
        ours = ridge.Ridge(x, y).predicted(x, penalty)
        assert np.abs(ours - Ridge(alpha=penalty, solver="cholesky").fit(x, y).predict(x)).max() < 1e-8
    said, chosen = ridge.held_out_ridge(x, y, folds)
    for (train, test), penalty in zip(splits(folds), chosen, strict=True):
        theirs = Ridge(alpha=penalty, solver="cholesky").fit(x[train], y[train]).predict(x[test])
        assert np.abs(said[test] - theirs).max() < 1e-8


def test_a_constant_prediction_correlates_with_nothing_and_counts():
    y = np.random.default_rng(0).normal(size=(30, 2))
    found = ridge.column_pearson(np.column_stack([np.ones(30), y[:, 1]]), y)
    assert found == pytest.approx([0.0, 1.0])
    assert np.isnan(ridge.column_pearson(y, np.ones((30, 2)))).all()


def test_more_shots_are_not_worse_on_easy_cells_and_fewer_are_among_more():
    x, classes, groups = cells(n=600, gap=1.2)
    found = few_shot.curve(linear.axes_of(x), classes, groups)
    mean = found.probe.mean(axis=0)
    assert mean[0] < mean[-1] and mean[-1] > 0.8
    assert 0 < few_shot.area(found.probe).mean() < 1
    assert few_shot.area(np.ones((3, 4))) == pytest.approx(1)
    order = np.random.default_rng(0).permutation(600)
    few, many = (few_shot._first_of_each(order, classes, k) for k in (2, 9))
    assert set(few) < set(many) and np.bincount(classes[many]).tolist() == [9] * 4


def test_new_types_far_away_are_noticed_and_vectors_without_information_notice_nothing():
    x, classes, groups = cells(n=900, n_types=6, gap=4.0)
    far = np.nanmean(open_set.open_set(linear.axes_of(x), classes, groups, None)[:, :4], axis=0)
    noise = np.random.default_rng(0).normal(size=x.shape)
    none = np.nanmean(open_set.open_set(linear.axes_of(noise), classes, groups, None)[:, :4], axis=0)
    assert far[0] > 0.9 and none[0] == pytest.approx(0.5, abs=0.06)
    assert abs(none[2]) < 0.1 < far[2]


def test_an_open_set_needs_three_types_and_three_groups():
    x, classes, groups = cells(n_types=2)
    with pytest.raises(Undefined, match="2 types"):
        open_set.open_set(x, classes, groups, None)
    x, classes, groups = cells(n_groups=2)
    with pytest.raises(Undefined, match="2 groups"):
        open_set.open_set(x, classes, groups, None)


def yes_no(groups, share=0.5, seed=0):
    return np.where(np.random.default_rng(seed).random(len(groups)) < share, "yes", "no")


def test_a_donors_yes_is_read_from_other_donors_and_a_donor_with_one_answer_is_counted():
    x, _, groups = cells(n=300)
    told = yes_no(groups)
    told[groups == 5] = "yes"
    told[:10] = ""
    x[:, 0] += 6.0 * (told == "yes")
    asked = Asked(linear.axes_of(x), told, groups)
    area, precision = asked.by_group(asked.held)
    assert area.value > 0.95 and precision.value > 0.95 and "1 of 6 groups hold one class alone" in area.note
    assert len(asked.rows) == 290 and len(area.replicates) == 200


def test_with_few_donors_cells_are_drawn_within_each_donor_and_answer():
    x, _, groups = cells(n=240, n_groups=3)
    told = yes_no(groups)
    x[:, 0] += 1.0 * (told == "yes")
    asked = Asked(linear.axes_of(x), told, groups)
    area, _ = asked.by_group(asked.held)
    assert area.note.endswith("replicates over cells")
    score = asked.held.probabilities[:, 1]
    rng, found = np.random.default_rng(5), []
    for _ in range(300):
        again = np.concatenate([
            rng.choice(rows, len(rows))
            for group in range(3) for answer in (True, False)
            if len(rows := np.flatnonzero((asked.groups == group) & (asked.yes == answer)))
        ])  # fmt: skip
        found.append(np.mean([
            roc_auc_score(asked.yes[part], score[part])
            for group in range(3) if len(part := again[asked.groups[again] == group])
        ]))  # fmt: skip
    assert area.replicates.mean() == pytest.approx(area.value, abs=0.02)
    assert area.replicates.std() == pytest.approx(np.std(found), rel=0.25)


def test_what_goes_with_the_donor_alone_is_claimed_by_random_folds_and_by_no_others():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(12), 40)
    x = rng.normal(size=(12, 20))[groups] * 3 + rng.normal(size=(480, 20))
    told = np.where(groups % 2 == 0, "yes", "no")
    asked = Asked(linear.axes_of(x), told, groups)
    claimed = scores.auroc(asked.other_folds().probabilities[:, 1], asked.yes)
    assert claimed > 0.9
    assert Patients(linear.axes_of(x), told, groups).held_out()[0].value < 0.75
    assert Patients(linear.axes_of(x), told, groups).claimed() > 0.9
    with pytest.raises(Undefined, match="no group holds both"):
        asked.by_group(asked.held)


def test_answers_that_one_donor_alone_has_cannot_be_asked():
    x, _, groups = cells()
    with pytest.raises(Undefined, match="fewer than two donors have cells with 'yes'"):
        Asked(x, np.where(groups == 0, "yes", "no"), groups)


def test_vectors_without_information_order_patients_neither_way():
    found = []
    for seed in range(16):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(10), 12)
        x = linear.axes_of(rng.normal(size=(120, 2)))
        found.append(Patients(x, np.where(groups % 2 == 0, "yes", "no"), groups).held_out()[0].value)
    # With one patient held out at a time the mean is about 0.4, and 0.0 where answers are not weighted.
    assert np.mean(found) == pytest.approx(0.5, abs=3 * np.std(found) / 4)
    assert np.mean(found) > 0.44


def test_patients_are_compared_in_pairs_that_no_probe_has_seen():
    x, _, groups = cells(n=400, n_groups=8)
    told = np.where(groups < 4, "yes", "no")
    x[:, 0] += 4.0 * (groups < 4)
    over, own = Patients(linear.axes_of(x), told, groups).held_out()
    assert over.value == 1.0 and len(over.replicates) == 200 and own.value > 0.95
    assert over.note == "4 patients with yes, 4 with no, 16 pairs held out"
    mixed = told.copy()
    mixed[np.flatnonzero(groups == 0)[0]] = "no"
    with pytest.raises(Undefined, match="differs between cells of one patient"):
        Patients(x, mixed, groups)
    with pytest.raises(Undefined, match="fewer than two patients have the answer 'yes'"):
        Patients(x, np.where(groups == 0, "yes", "no"), groups)


def test_of_many_patients_the_same_pairs_are_drawn_for_every_model():
    x, _, groups = cells(n=400, n_groups=40)
    told = np.where(groups % 2 == 0, "yes", "no")
    pairs = Patients(x, told, groups).pairs()
    assert len(pairs) == 64 == len(set(map(tuple, pairs)))
    assert (pairs == Patients(2 * x + 1, told, groups).pairs()).all()


def test_proteins_count_alike_and_small_groups_are_left_out():
    rng = np.random.default_rng(0)
    y = rng.normal(size=(120, 3))
    groups = np.repeat([0, 1, 2], [60, 55, 5])
    found = protein.per_protein(np.column_stack([y[:, 0], -y[:, 1], np.zeros(120)]), y, groups)
    assert found.value == pytest.approx(0.0) and found.note == "3 proteins, 2 groups"
    with pytest.raises(Undefined, match="no group of 20"):
        protein.per_protein(y[:5], y[:5], groups[:5])
    rna = np.where(np.arange(3) == 1, np.nan, y)
    assert protein.of_rna(rna, y, groups).value == pytest.approx(1.0)
    assert isinstance(protein.of_rna(np.full((120, 3), np.nan), y, groups), Undefined)


def test_the_composition_around_a_cell_leaves_the_cell_out_and_stays_in_its_section():
    places = np.array([[float(i % 30), 0.0] for i in range(60)])
    sections, classes = np.repeat([0, 1], 30), np.repeat([0, 1], 30)
    assert (niche.composition(places, classes, sections) == np.eye(2)[classes]).all()
    alone = np.zeros(30, int)
    alone[7] = 1
    found = niche.composition(places[:30], alone, np.zeros(30, int))
    assert found[7, 1] == 0 and found[6, 1] == pytest.approx(1 / 20)
    assert found.sum(axis=1) == pytest.approx(1)


def test_blocks_are_of_equal_numbers_and_of_one_section():
    rng = np.random.default_rng(0)
    places, sections = rng.normal(size=(180, 2)), np.repeat([0, 1], 90)
    found = niche.blocks(places, sections)
    assert np.bincount(found).tolist() == [10] * 18
    assert all(len(set(sections[found == block])) == 1 for block in range(18))


def test_the_divergence_is_nothing_of_equals_and_one_bit_of_strangers():
    one, other = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    assert niche.divergence(one, one) == pytest.approx([0.0])
    assert niche.divergence(one, other) == pytest.approx([1.0])
