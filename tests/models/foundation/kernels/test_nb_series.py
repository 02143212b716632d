"""The series that the loss kernel takes in place of the gamma function's logarithm and its derivative."""

import numpy as np
import pytest
import torch

triton = pytest.importorskip("triton", reason="triton is not installed")
tl = pytest.importorskip("triton.language")
kernels = pytest.importorskip("scarena.models.foundation.kernels.nb_loss_triton")
log1p, stirling_error, log_minus_digamma = kernels.log1p, kernels.stirling_error, kernels.log_minus_digamma

N = 256


@triton.jit
def series(x, logarithm, error, lag, N: tl.constexpr):
    at = tl.arange(0, N)
    value = tl.load(x + at)
    tl.store(logarithm + at, log1p(value))
    tl.store(error + at, stirling_error(value))
    tl.store(lag + at, log_minus_digamma(value))


@pytest.fixture(scope="module")
def found():
    """Arguments over ten decades, and what the kernel makes of them."""
    x = torch.logspace(-4, 6, N)
    made = [torch.empty(N) for _ in range(3)]
    series[(1,)](x, *made, N=N)
    return x.double(), *(each.double() for each in made)


def test_stirlings_error_completes_lgamma(found):
    x, _, error, _ = found
    leading = (x + 0.5) * x.log() - x + 0.5 * np.log(2 * np.pi)
    torch.testing.assert_close(leading + error, torch.lgamma(x + 1), rtol=1e-5, atol=2e-6)
    # Where lgamma is large the error is small: alone it holds as well.
    torch.testing.assert_close(error, torch.lgamma(x + 1) - leading, rtol=1e-5, atol=2e-6)


def test_the_lag_completes_digamma(found):
    x, _, _, lag = found
    torch.testing.assert_close(x.log() - lag, torch.digamma(x), rtol=1e-5, atol=2e-6)
    torch.testing.assert_close(lag, x.log() - torch.digamma(x), rtol=1e-5, atol=2e-6)


def test_log1p_keeps_what_is_small(found):
    x, logarithm, _, _ = found
    torch.testing.assert_close(logarithm, torch.log1p(x), rtol=1e-6, atol=0.0)
