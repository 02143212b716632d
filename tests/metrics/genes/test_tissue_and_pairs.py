"""τ, its residual, rank correlations and pairs of genes, against closed forms and loops."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.linear_model import Ridge
from sklearn.metrics import f1_score, roc_auc_score

from scarena.metrics.genes.degree_matched import degree_matched
from scarena.metrics.genes.folded import PENALTIES
from scarena.metrics.genes.pairs import AXES, Pairs
from scarena.metrics.genes.stated import REPEATS, Stated
from scarena.metrics.genes.tissue import HeldOut, Tissues, level_and_specificity, rank_correlation, residual
from scarena.metrics.measured import Undefined


def test_tau_is_one_for_one_tissue_none_for_all_alike_and_leaves_out_what_nobody_measured():
    profiles = np.array([[2.0, 0, 0, 0], [1, 1, 1, 1], [2, 1, np.nan, 0], [0, 0, 0, 0], [np.nan, np.nan, np.nan, 1]])
    mean, tau = level_and_specificity(profiles)
    assert tau[:3] == pytest.approx([1, 0, (0 + 0.5 + 1) / 2]) and np.isnan(tau[3:]).all()
    assert mean[:4] == pytest.approx([0.5, 1, 1, 0]) and np.isnan(mean[4])


def test_what_a_smooth_function_of_the_level_says_of_tau_is_taken_out():
    rng = np.random.default_rng(0)
    mean, noise = rng.gamma(2, size=2000), rng.normal(size=2000)
    left = residual(mean, np.exp(-mean) + 0.05 * noise)
    assert abs(spearmanr(left, mean).statistic) < 0.03
    assert np.corrcoef(left, noise)[0, 1] > 0.98
    assert np.isfinite(residual(np.repeat([0.0, 1.0, 2.0], 200), rng.random(600))).all()


def test_the_rank_correlation_is_scipys_within_folds_and_none_of_a_constant():
    rng = np.random.default_rng(0)
    said, folds = rng.normal(size=200), np.repeat([0, 1], [120, 80])
    true = said + rng.normal(size=200)
    wanted = (
        120 * spearmanr(said[:120], true[:120]).statistic + 80 * spearmanr(said[120:], true[120:]).statistic
    ) / 200
    assert rank_correlation(said + 9 * folds, true, folds, np.ones(200)) == pytest.approx(wanted)
    assert rank_correlation(np.ones(200), true, folds, np.ones(200)) == 0


def test_the_main_tissue_is_scored_as_scikit_learn_does_and_rare_ones_are_not_asked():
    rng = np.random.default_rng(0)
    main = np.repeat([0, 1, 2, 3], [60, 40, 30, 4])
    profiles = 0.05 * rng.random((134, 6))
    profiles[np.arange(134), main] = 3
    tissues = Tissues(profiles)
    assert tissues.n_classes == 3 and len(tissues.rows) == 130 and "4 of rarer ones" in tissues.note
    x, folds = np.eye(4)[main] + rng.normal(size=(134, 4)), rng.integers(0, 5, 134)
    weights = (130 / (3 * np.bincount(tissues.classes)))[tissues.classes]
    held = HeldOut(x[:130], np.eye(3)[tissues.classes], weights, folds[:130])
    wanted = f1_score(tissues.classes, held.predicted().argmax(axis=1), average="macro")
    assert tissues.macro_f1(x, folds, np.ones((1, 134)))[0] == pytest.approx(wanted)
    with pytest.raises(Undefined, match="1 tissues"):
        Tissues(profiles[:60])


def some_pairs(n=120, d=5, n_pairs=2000, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)) / np.sqrt(d)
    ends = np.sort(rng.integers(0, n, (n_pairs, 2)), axis=1)
    ends = np.unique(ends[ends[:, 0] != ends[:, 1]], axis=0)
    near = (x[ends[:, 0]] * x[ends[:, 1]]).sum(axis=1) + 0.3 * rng.normal(size=len(ends))
    return x, np.column_stack([ends, near > 0.1]).astype(np.int64), rng.integers(0, 4, n)


def test_neither_gene_of_a_pair_that_is_asked_was_learned_from():
    _, pairs, folds = some_pairs()
    found = Pairs(pairs, folds)
    for fold in range(4):
        learned = np.isin(found.groups, found.learned_without((fold,)))
        of_learned = np.unique(pairs[learned, :2])
        of_asked = np.unique(pairs[found.fold == fold, :2])
        assert not (folds[of_learned] == fold).any() and (folds[of_asked] == fold).all()
        assert learned.sum() == (folds[pairs[:, :2]] != fold).all(axis=1).sum()


def test_the_probe_of_pairs_is_scikit_learns_with_a_penalty_of_the_grid():
    x, pairs, folds = some_pairs()
    found = Pairs(pairs, folds)
    said = found.probe(x)
    a, b = x[pairs[:, 0], :AXES], x[pairs[:, 1], :AXES]
    z = np.concatenate([a * b, np.abs(a - b)], axis=1)
    z /= z.std(axis=0)
    related = pairs[:, 2]
    weight = (len(related) / (2 * np.bincount(related)))[related]
    for fold in range(4):
        train, test = (folds[pairs[:, :2]] != fold).all(axis=1), found.fold == fold
        twins = [Ridge(alpha=penalty).fit(z[train], 2.0 * related[train] - 1, weight[train]) for penalty in PENALTIES]
        assert any(np.allclose(said[test], twin.predict(z[test]), atol=1e-6) for twin in twins)


def test_areas_of_pairs_are_over_pairs_of_one_fold_weighted_by_both_genes():
    x, pairs, folds = some_pairs()
    found = Pairs(pairs, np.where(folds < 2, 0, 1))
    cosine = found.cosines(x)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    assert cosine == pytest.approx((unit[pairs[:, 0]] * unit[pairs[:, 1]]).sum(axis=1))
    times = np.ones((3, len(x)))
    times[1, folds < 2] = 0
    area = found.area(cosine, times)
    own = found.fold == 1
    assert area[1] == pytest.approx(roc_auc_score(pairs[own, 2], cosine[own])) and area[0] == area[2]


def test_degrees_count_no_pair_that_is_asked():
    _, pairs, folds = some_pairs()
    found = Pairs(pairs, folds)
    across = folds[pairs[:, 0]] != folds[pairs[:, 1]]
    degree = np.zeros(120)
    np.add.at(degree, pairs[across & (pairs[:, 2] == 1), :2].ravel(), 1)
    assert found.degrees(120) == pytest.approx(np.log1p(degree)[pairs[:, :2]].sum(axis=1))


def test_a_class_is_dealt_out_anew_by_families_in_each_repeat_and_needs_ten_genes_of_either_side():
    families = np.arange(200) // 2
    stated = Stated.of(np.arange(40), np.arange(50, 120))
    repeats = stated.repeats(families, seed=0)
    assert len(repeats) == REPEATS and len({folds.tobytes() for folds in repeats}) == REPEATS
    assert all((folds[0:40:2] == folds[1:40:2]).all() for folds in repeats)
    assert not all((folds[0:40:2] == folds[1:40:2]).all() for folds in stated.repeats(families, seed=0, random=True))
    with pytest.raises(Undefined, match="9 genes in the class"):
        Stated.of(np.arange(9), np.arange(50, 120))


def hubs(n=600, seed=0):
    rng = np.random.default_rng(seed)
    weight = rng.pareto(2, n) + 0.3
    ends = rng.choice(n, (2500, 2), p=weight / weight.sum())
    return np.unique(np.sort(ends[ends[:, 0] != ends[:, 1]], axis=1), axis=0), rng.integers(0, 3, n)


def test_every_gene_is_as_often_in_drawn_pairs_as_in_related_ones_of_the_same_folds():
    related, folds = hubs()
    found, lost = degree_matched(related, folds, seed=0)
    assert (found[:, 2] == 1).sum() == (found[:, 2] == 0).sum() == len(related) - lost and lost < 0.1 * len(related)
    keys = [np.sort(found[found[:, 2] == truth, :2], axis=1) for truth in (0, 1)]
    listed = {tuple(pair) for pair in related.tolist()}
    drawn = {tuple(pair) for pair in keys[0].tolist()}
    assert len(drawn) == len(keys[0]) and not drawn & listed and {tuple(p) for p in keys[1].tolist()} <= listed
    assert (keys[0][:, 0] != keys[0][:, 1]).all()
    counts = [np.bincount(pairs.ravel(), minlength=600) for pairs in keys]
    assert np.array_equal(*counts)
    of_folds = [np.sort(np.sort(folds[pairs], axis=1) @ [3, 1]) for pairs in keys]
    assert np.array_equal(*of_folds)


def test_degrees_tell_related_pairs_from_random_ones_and_nothing_of_matched_ones():
    related, folds = hubs()
    rng = np.random.default_rng(1)
    other = rng.integers(0, 600, (2500, 2))
    random = np.concatenate(
        [np.insert(related, 2, 1, axis=1), np.insert(other[other[:, 0] != other[:, 1]], 2, 0, axis=1)]
    )
    matched, _ = degree_matched(related, folds, seed=0)
    areas = [(pairs := Pairs(each, folds)).area(pairs.degrees(600), np.ones((1, 600)))[0] for each in (random, matched)]
    assert areas[0] > 0.75 and abs(areas[1] - 0.5) < 0.04
    assert np.array_equal(matched, degree_matched(related, folds, seed=0)[0])
