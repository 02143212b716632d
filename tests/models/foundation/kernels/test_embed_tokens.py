"""Token embeddings are the norm of gene plus interpolated value, forward and backward."""

import numpy as np
import pytest
import torch

from scarena.models.foundation.kernels.embed_tokens import embed_tokens, embed_tokens_twin

STEP = 1.1


def drawn(rng, n_tokens=37, n_genes=9, n_knots=5, width=20, kind=torch.float32):
    """Return genes, values beyond the knots on both sides, and parameters that take gradients."""
    genes = torch.from_numpy(rng.integers(0, n_genes, n_tokens)).int()
    values = torch.from_numpy(rng.uniform(-1, STEP * n_knots + 1, n_tokens)).float()
    shapes = ((n_genes, width), (n_knots, width), (width,))
    learnt = [torch.from_numpy(rng.normal(size=shape)).to(kind).requires_grad_() for shape in shapes]
    return genes, values, learnt


def test_the_twin_is_the_definition(rng):
    genes, values, (table, knots, weight) = drawn(rng)
    found = embed_tokens_twin(genes, values, table, knots, STEP, weight).detach().numpy()
    at = STEP * np.arange(len(knots))
    for token, (gene, value) in enumerate(zip(genes.tolist(), values.tolist(), strict=True)):
        between = [np.interp(value, at, knots.detach().numpy()[:, axis]) for axis in range(knots.shape[1])]
        raw = table.detach().numpy()[gene] + between
        wanted = raw / np.sqrt((raw**2).mean() + 1e-6) * weight.detach().numpy()
        np.testing.assert_allclose(found[token], wanted, rtol=1e-4, atol=1e-5)


def test_the_twins_gradients_are_those_of_finite_differences(rng):
    genes, values, learnt = drawn(rng, 7, 4, 3, 5, torch.float64)
    assert torch.autograd.gradcheck(lambda t, k, w: embed_tokens_twin(genes, values, t, k, STEP, w), learnt)


def compared(genes, values, learnt, rng):
    """Assert that kernel and twin agree in value and gradients."""
    table, knots, weight = learnt
    found = embed_tokens(genes, values, table, knots, STEP, weight)
    twin = embed_tokens_twin(genes, values, table, knots, STEP, weight)
    torch.testing.assert_close(found, twin, rtol=1e-5, atol=1e-5)
    ahead = torch.from_numpy(rng.normal(size=twin.shape)).float()
    ours, theirs = (torch.autograd.grad((x * ahead).sum(), learnt) for x in (found, twin))
    for mine, wanted in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n_tokens", [1, 37])
@pytest.mark.parametrize("n_knots", [1, 5, 20])
def test_the_kernel_is_its_twin_forward_and_backward(interpreted, rng, n_tokens, n_knots):
    compared(*drawn(rng, n_tokens, n_knots=n_knots), rng)


def test_wide_rows_and_tokens_of_one_gene_are_no_exception(interpreted):
    rng = np.random.default_rng(3)
    compared(*drawn(rng, 70, 1, 3, 130), rng)


def test_gradients_do_not_depend_on_how_many_programs_share_the_tokens(interpreted, rng):
    from scarena.models.foundation.kernels import embed_tokens_triton as kernels

    genes, values, learnt = drawn(rng, 90)
    table, knots, weight = (x.detach() for x in learnt)
    x, scale = kernels.forward(STEP, 1e-6, genes, values, table, knots, weight, tokens=16)
    many, one = (
        kernels.backward(STEP, torch.ones_like(x), genes, values, table, knots, weight, scale, programs=programs)
        for programs in (64, 1)
    )
    for mine, wanted in zip(many, one, strict=True):
        torch.testing.assert_close(mine, wanted, rtol=1e-5, atol=1e-5)


def test_no_tokens_give_no_rows_and_zero_gradients(interpreted):
    genes, values, learnt = drawn(np.random.default_rng(0), 0)
    found = embed_tokens(genes, values, learnt[0], learnt[1], STEP, learnt[2])
    assert found.shape == (0, 20)
    for grad in torch.autograd.grad(found.sum(), learnt):
        assert not grad.any()


def test_half_precision_tables_give_half_precision_rows_computed_in_single(rng):
    genes, values, (table, knots, weight) = drawn(rng)
    halved = table.detach().bfloat16()
    found = embed_tokens_twin(genes, values, halved, knots, STEP, weight)
    wanted = embed_tokens_twin(genes, values, halved.float(), knots, STEP, weight)
    assert found.dtype == torch.bfloat16
    assert torch.equal(found, wanted.bfloat16())


def test_the_kernel_stores_half_precision_rows_too(interpreted, rng):
    genes, values, (table, knots, weight) = drawn(rng)
    found = embed_tokens(genes, values, table.detach().bfloat16(), knots, STEP, weight)
    wanted = embed_tokens_twin(genes, values, table.detach().bfloat16(), knots, STEP, weight)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), wanted.float(), rtol=2**-7, atol=1e-6)
