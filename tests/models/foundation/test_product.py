"""A product is that of matrices whichever library makes it, and one that has a gradient where one is asked for."""

import pytest
import torch

from scarena.models.foundation.product import product


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_products_are_those_of_matrices(kind, frozen, biased):
    torch.manual_seed(0)
    for shape in ((1, 16, 8), (33, 64, 48), (16, 512, 64)):
        x, w = torch.randn(shape[:2]).to(kind), torch.randn(shape[2], shape[1]).to(kind)
        bias = torch.randn(shape[2]).to(kind) if biased else None
        wanted = x.double() @ w.double().T + (0 if bias is None else bias.double())
        tolerance = {"rtol": 1e-5, "atol": 1e-4} if kind == torch.float32 else {"rtol": 2**-7, "atol": 0.1}
        with torch.set_grad_enabled(not frozen):
            torch.testing.assert_close(product(x, w, bias).float(), wanted.float(), **tolerance)
    with torch.set_grad_enabled(not frozen):
        assert product(torch.zeros(0, 16), torch.zeros(8, 16)).shape == (0, 8)


def test_a_product_that_is_learnt_has_its_gradient():
    x, w = torch.ones(2, 3), torch.ones(4, 3, requires_grad=True)
    product(x, w).sum().backward()
    assert w.grad is not None and (w.grad == 2).all()
