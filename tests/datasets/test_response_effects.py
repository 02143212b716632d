"""Halves, tests and reproducibility of perturbed cells, against scipy and loops."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.stats import false_discovery_control, pearsonr, ttest_ind

from scarena.datasets.response_effects import correlations, halves, means, reproducibility, sums, welch

N_GENES = 12


@pytest.fixture
def screen():
    """Cells of three profiles in two contexts and their controls: group 3 and 4; the second profile does something."""
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1, 2, 3, 4, -1], [31, 40, 25, 60, 50, 20])
    batch = rng.choice(["a", "b", "c"], len(group), p=[0.6, 0.3, 0.1])
    log = rng.poisson(1.0, (len(group), N_GENES)).astype(float)
    log[group == 1] += rng.choice([0, 1], N_GENES)
    return csr_matrix(log), group, batch, np.array([0, 0, 1])


@pytest.mark.parametrize("seed", range(5))
def test_halves_share_no_cell_and_are_even_in_groups_and_their_batches(screen, seed):
    _, group, batch, _ = screen
    first = halves(group, batch, np.random.default_rng(seed))
    assert not first[group < 0].any()
    for each in range(5):
        own = group == each
        assert abs(int(first[own].sum()) - int((own & ~first).sum())) <= 1
        for name in "abc":
            inside = own & (batch == name)
            assert abs(int(first[inside].sum()) - int((inside & ~first).sum())) <= 1


def test_a_group_whose_cells_are_each_of_another_batch_is_halved_too():
    first = halves(np.zeros(20, int), np.arange(20).astype(str), np.random.default_rng(0))
    assert first.sum() == 10


def test_means_are_those_of_a_loop_and_an_empty_group_has_none(screen):
    log, group, _, _ = screen
    found = means(log, group, 6)
    for each in range(5):
        np.testing.assert_allclose(found[each], log.toarray()[group == each].mean(axis=0))
    assert np.isnan(found[5]).all() and sums(log, group, 6)[1].tolist() == [31, 40, 25, 60, 50, 0]


def test_strength_and_doubt_are_scipys_welch_against_all_other_perturbed_cells(screen):
    log, group, batch, context = screen
    first = halves(group, batch, np.random.default_rng(0))
    perturbed = np.where(group < 3, group, -1)
    control = np.where(group >= 3, group - 3, -1)
    t, p = welch(log, np.where(first, -1, perturbed), perturbed, context, control)
    dense = log.toarray()
    for row, others in ((0, group == 1), (1, group == 0), (2, group == 4)):
        expected = ttest_ind(dense[(group == row) & ~first], dense[others], equal_var=False)
        np.testing.assert_allclose(t[row], np.abs(expected.statistic), rtol=1e-9)
        np.testing.assert_allclose(p[row], false_discovery_control(expected.pvalue), rtol=1e-7)


def test_a_gene_that_all_cells_have_alike_says_nothing(screen):
    log, group, _, context = screen
    dense = log.toarray()
    dense[:, 0], dense[:, 1] = 0, 0.1
    perturbed = np.where(group < 3, group, -1)
    t, p = welch(csr_matrix(dense), perturbed, perturbed, context, np.where(group >= 3, group - 3, -1))
    assert (t[:, :2] == 0).all() and (p[:, :2] == 1).all() and (t[:, 2:] > 0).mean() > 0.9


def test_correlations_are_scipys_over_the_genes_that_are_kept():
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(2, 4, 9))
    dropped = rng.random((4, 9)) < 0.3
    expected = [pearsonr(a[~d], b[~d]).statistic for a, b, d in zip(one, other, dropped, strict=True)]
    np.testing.assert_allclose(correlations(one, other, dropped), expected)
    assert correlations(np.ones((1, 9)), other[:1], dropped[:1]).tolist() == [0]
    assert np.isnan(correlations(np.full((1, 9), np.nan), other[:1], dropped[:1])).all()


def simulated(effect, n=400, seed=0):
    rng = np.random.default_rng(seed)
    group, genes = np.repeat([0, 1], [n, n]), 60
    log = rng.normal(size=(2 * n, genes)) + (group == 0)[:, None] * effect * rng.normal(size=genes)
    return csr_matrix(log), group, np.full(2 * n, "a")


@pytest.mark.parametrize("effect", [0.03, 0.06, 0.12])
def test_reproducibility_is_the_share_of_variance_that_is_no_noise(effect):
    """Of the whole experiment: the effects' variance over that of effects and the noise of both means."""
    n = 400
    found = [reproducibility(*simulated(effect, n, s), np.zeros(1, int), np.zeros((1, 60), bool))[0] for s in range(12)]
    expected = effect**2 / (effect**2 + 2 / n)
    assert np.mean(found) == pytest.approx(expected, abs=0.1)


def test_an_effect_that_is_none_is_not_found_again_and_one_that_is_large_is():
    none = [reproducibility(*simulated(0, seed=s), np.zeros(1, int), np.zeros((1, 60), bool))[0] for s in range(8)]
    assert np.mean(none) < 0.2 and min(none) >= 0
    assert reproducibility(*simulated(2.0), np.zeros(1, int), np.zeros((1, 60), bool))[0] > 0.99


def test_the_gene_that_is_perturbed_does_not_count():
    log, group, batch = simulated(0, seed=3)
    dense = log.toarray()
    dense[group == 0, 5] -= 40
    own = np.zeros((1, 60), bool)
    with_own = reproducibility(csr_matrix(dense), group, batch, np.zeros(1, int), own)[0]
    own[0, 5] = True
    assert with_own > 0.99 and reproducibility(csr_matrix(dense), group, batch, np.zeros(1, int), own)[0] < 0.5
