"""Negatives are of their positive's bin and fold, never of the set, and the same whatever else is asked."""

import numpy as np
import pytest

from scarena.metrics.genes.family import family_folds
from scarena.metrics.genes.matched import COUNT_BINS, EXPRESSION_BINS, MATCHED, RANDOM, Strata, matched, sample_of


@pytest.fixture(scope="module")
def known():
    rng = np.random.default_rng(0)
    n = 4000
    expression = rng.normal(size=n)
    expression[:40] = np.nan
    counts = rng.poisson(np.exp(rng.normal(size=n)))
    folds = rng.integers(0, 5, n)
    inside = rng.choice(n, 60, replace=False)
    counts[inside] += 1
    return Strata.made(expression, counts), folds, np.sort(inside)


def test_negatives_are_three_a_positive_of_its_bin_and_fold(known):
    strata, folds, members = known
    sample = sample_of("a", members, members, strata, folds, seed=0)
    assert len(np.unique(sample.rows)) == len(sample.rows) and sample.learned.all() and sample.asked.all()
    assert np.array_equal(np.sort(sample.rows[sample.inside]), members)
    negatives = sample.rows[~sample.inside]
    assert len(negatives) == MATCHED * len(members) and not np.isin(negatives, members).any()
    inside = np.isin(np.arange(len(folds)), members)
    place = strata.of(inside) * 5 + folds
    wrong = MATCHED * np.bincount(place[members], minlength=900) - np.bincount(place[negatives], minlength=900)
    assert wrong.clip(0).sum() == sample.borrowed < 0.2 * len(negatives)
    for fold in range(5):
        assert (folds[negatives] == fold).sum() == MATCHED * (folds[members] == fold).sum()


def test_a_set_does_not_count_itself(known):
    strata, _, members = known
    inside = np.isin(np.arange(len(strata.counts)), members)
    less = Strata(strata.of_gene, strata.of_count, strata.counts - inside)
    assert np.array_equal(strata.of(inside), less.of(np.zeros_like(inside)))


def test_bins_are_twenty_quantiles_one_for_the_unknown_and_eight_numbers_of_sets(known):
    strata = known[0]
    sizes = np.bincount(strata.of_gene)
    assert len(sizes) == EXPRESSION_BINS + 1 and sizes[EXPRESSION_BINS] == 40
    assert sizes[:EXPRESSION_BINS].max() - sizes[:EXPRESSION_BINS].min() <= 2
    assert strata.of_count[0] == 0 and strata.of_count[1] > 0 and strata.of_count.max() == COUNT_BINS - 1
    assert (np.diff(strata.of_count) >= 0).all()


def test_what_is_drawn_depends_on_the_name_and_seed_alone(known):
    strata, folds, members = known
    asked = (("a", 0), ("a", 0), ("b", 0), ("a", 1))
    drawn = [sample_of(name, members, members, strata, folds, seed=seed).rows for name, seed in asked]
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2]) and not np.array_equal(drawn[0], drawn[3])


def test_newer_genes_are_asked_and_never_learned_from_and_either_has_its_own_negatives(known):
    strata, folds, members = known
    sample = sample_of("a", members[:40], members[40:], strata, folds, seed=0)
    assert not (sample.learned & sample.asked).any() and (sample.learned | sample.asked).all()
    assert np.array_equal(np.sort(sample.rows[sample.inside & sample.asked]), members[40:])
    assert (sample.asked & ~sample.inside).sum() == MATCHED * 20 and len(np.unique(sample.rows)) == len(sample.rows)


def test_random_negatives_are_ten_a_positive_of_any_bin(known):
    strata, folds, members = known
    sample = sample_of("a", members, members, strata, folds, seed=0, random=True)
    assert (~sample.inside).sum() == RANDOM * len(members) and sample.borrowed == 0


def test_a_bin_without_enough_genes_borrows_from_the_nearest():
    strata = np.array([0] * 5 + [COUNT_BINS] * 4 + [8 * COUNT_BINS] * 20)
    free = np.arange(len(strata)) > 2
    rows, borrowed = matched(np.array([0, 1]), free, strata, np.arange(len(strata)))
    assert borrowed == 4 and np.array_equal(np.sort(rows), [3, 4, 5, 6, 7, 8])


def test_where_all_are_drawn_no_more_are():
    rows, borrowed = matched(np.array([0]), np.arange(3) > 0, np.zeros(3, np.int64), np.arange(3))
    assert np.array_equal(rows, [1, 2]) and borrowed == 0


def test_families_are_whole_and_folds_are_level():
    families = np.unique(np.random.default_rng(0).zipf(1.6, 3000).clip(0, 900), return_inverse=True)[1]
    folds = family_folds(families, seed=3)
    assert all(len(np.unique(folds[families == family])) == 1 for family in np.unique(families))
    sizes, largest = np.bincount(folds), np.bincount(families).max()
    assert sizes.max() <= max(largest, len(families) / 5 + 1)
    assert not np.array_equal(folds, family_folds(families, seed=4))
