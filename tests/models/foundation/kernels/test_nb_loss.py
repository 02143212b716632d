"""The negative binomial loss is scipy's density averaged by cell, and its gradients are those of the definition."""

import mpmath
import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch

from scarena.models.foundation.kernels.nb_loss import log_nb, nb_loss, nb_loss_twin


@pytest.fixture
def case(rng, ragged):
    """Parameters and targets: some counts are large, some logits beyond their bounds."""
    made = ragged(rng, 6, 12)
    n_genes, width = 9, 20
    shapes = ((made.n_cells, width), (n_genes, width), (n_genes,), (n_genes,))
    made.learnt = [torch.from_numpy(0.5 * rng.normal(size=shape)).float() for shape in shapes]
    made.learnt[2][:2] = torch.tensor([-30.0, 30.0])
    made.zero = torch.from_numpy(rng.normal(size=n_genes)).float()
    made.depth = torch.from_numpy(rng.uniform(0.5, 20, made.n_cells)).float()
    genes = torch.from_numpy(rng.integers(0, n_genes, made.n))
    counts = torch.from_numpy(rng.integers(0, 5, made.n) * rng.choice([1, 1, 1, 500], made.n)).float()
    made.targets = (made.starts, genes, counts)
    return made


def by_scipy(case, zero=None):
    """Return the loss by scipy, a cell after the other."""
    cell, table, bias, dispersion = (x.double().numpy() for x in case.learnt)
    _, genes, counts = (x.numpy() for x in case.targets)
    means = []
    for number, part in enumerate(case.slices):
        if part.start == part.stop:
            continue
        gene, count = genes[part], counts[part]
        logit = np.clip(table[gene] @ cell[number] + bias[gene], -20, 10)
        mean, theta = case.depth[number].item() * np.exp(logit), np.exp(dispersion[gene])
        log_p = scipy.stats.nbinom.logpmf(count, theta, theta / (theta + mean))
        if zero is not None:
            extra = scipy.special.expit(zero.double().numpy()[gene])
            log_p = np.where(count == 0, np.log(extra + (1 - extra) * np.exp(log_p)), np.log1p(-extra) + log_p)
        means.append(-log_p.mean())
    return np.mean(means)


@pytest.mark.parametrize("inflated", [False, True])
def test_the_twin_is_scipys_density_averaged_by_cell(case, inflated):
    zero = case.zero if inflated else None
    found = nb_loss(*case.learnt, case.depth, *case.targets, zero_logit_V=zero)
    assert found.item() == pytest.approx(by_scipy(case, zero), rel=1e-5)


def test_the_density_holds_at_the_ends_of_its_arguments():
    # scipy takes the probability θ / (θ + μ), which rounds to one there.
    grid = np.meshgrid([0, 1, 7, 3e4, 1e6], [1e-6, 3, 3e4], [1e-3, 2, 1e6])
    counts, means, dispersions = (x.ravel() for x in grid)
    found = log_nb(*(torch.from_numpy(x) for x in (counts, np.log(means), np.log(dispersions))))
    wanted = []
    with mpmath.workdps(40):
        for count, mean, theta in zip(counts.tolist(), means.tolist(), dispersions.tolist(), strict=True):
            count, mean, theta = (mpmath.mpf(x) for x in (count, mean, theta))
            gammas = mpmath.loggamma(count + theta) - mpmath.loggamma(theta) - mpmath.loggamma(count + 1)
            odds = theta * mpmath.log(theta / (theta + mean)) + count * mpmath.log(mean / (theta + mean))
            wanted.append(float(gammas + odds))
    np.testing.assert_allclose(found, wanted, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("inflated", [False, True])
def test_the_twins_gradients_are_those_of_finite_differences(rng, inflated):
    starts, genes = torch.tensor([0, 3, 3, 7]), torch.from_numpy(rng.integers(0, 4, 7))
    counts, library = torch.from_numpy(rng.integers(0, 3, 7)), torch.tensor([1.0, 2.0, 3.0])
    shapes = ((3, 5), (4, 5), (4,), (4,), (4,))[: 5 if inflated else 4]
    learnt = [torch.from_numpy(rng.normal(size=shape)).requires_grad_() for shape in shapes]

    def loss(cell, table, bias, dispersion, zero=None):
        return nb_loss_twin(cell, table, bias, dispersion, library, starts, genes, counts, zero_logit_V=zero)

    assert torch.autograd.gradcheck(loss, learnt)


@pytest.mark.parametrize("inflated", [False, True])
def test_the_kernel_is_its_twin_forward_and_backward(interpreted, case, inflated):
    learnt = [x.requires_grad_() for x in (*case.learnt, *([case.zero] if inflated else []))]
    zero = case.zero if inflated else None
    found = nb_loss(*learnt[:4], case.depth, *case.targets, zero_logit_V=zero)
    twin = nb_loss_twin(*learnt[:4], case.depth, *case.targets, zero_logit_V=zero)
    torch.testing.assert_close(found, twin, rtol=1e-5, atol=1e-6)
    ours, theirs = (torch.autograd.grad(3 * x, learnt) for x in (found, twin))
    for mine, wanted in zip(ours, theirs, strict=True):
        scale = wanted.abs().max().item()
        torch.testing.assert_close(mine, wanted, rtol=1e-4, atol=1e-5 * scale)


def test_the_kernels_density_and_its_derivatives_hold_in_single_precision(interpreted):
    # One gene a target, the mean by the bias alone: the gradients by bias and dispersion are the density's own.
    grid = np.meshgrid([0, 1, 3, 40, 1000, 3e4], [1e-4, 0.3, 5, 900, 2e4], [1e-3, 0.5, 3.9, 4.1, 100, 1e5])
    counts, means, dispersions = (torch.from_numpy(x.ravel()) for x in grid)
    n = len(counts)
    learnt = [torch.zeros(1, 1), torch.zeros(n, 1), means.log().float(), dispersions.log().float()]
    learnt = [x.requires_grad_() for x in learnt]
    args = (torch.ones(1), torch.tensor([0, n]), torch.arange(n), counts.float())
    found, twin = nb_loss(*learnt, *args), nb_loss_twin(*learnt, *args)
    torch.testing.assert_close(found, twin, rtol=1e-5, atol=0.0)
    ours, theirs = (torch.autograd.grad(x * n, learnt[2:]) for x in (found, twin))
    for mine, wanted in zip(ours, theirs, strict=True):
        # exp(log mean) carries some 1e-6 of the mean into what is small where count and mean are near.
        torch.testing.assert_close(mine, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("forced", [False, True])
def test_cells_without_targets_do_not_count_and_none_at_all_is_zero(request, case, forced):
    if forced:
        request.getfixturevalue("interpreted")
    starts, genes, counts = case.targets
    there = torch.from_numpy(case.lengths > 0)
    kept = torch.cat([starts[:1], starts[1:][there]])
    cell, *shared = case.learnt
    all_cells = nb_loss(cell, *shared, case.depth, starts, genes, counts)
    some = nb_loss(cell[there], *shared, case.depth[there], kept, genes, counts)
    torch.testing.assert_close(all_cells, some)
    learnt = [x.requires_grad_() for x in case.learnt]
    none = nb_loss(*learnt, case.depth, starts * 0, genes[:0], counts[:0])
    assert none.item() == 0
    assert not any(grad.any() for grad in torch.autograd.grad(none, learnt))
