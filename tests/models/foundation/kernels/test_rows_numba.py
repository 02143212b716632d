"""The passes over rows are what PyTorch computes in several, in both precisions."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from scarena.models.foundation.kernels import rows_numba as rows
from scarena.models.foundation.kernels.embed_tokens import embed_tokens_twin

EPS = float(torch.finfo(torch.float32).eps)


def array(x):
    return (x.view(torch.uint16) if x.dtype == torch.bfloat16 else x).numpy()


@pytest.fixture(params=[torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def kind(request):
    return request.param


def assert_rounded(found, wanted):
    """Assert that what was found is the wanted in its own precision, up to a last place of float32 before rounding."""
    assert not found.isnan().any()
    tolerance = 1e-5 if found.dtype == torch.float32 else 2**-8
    torch.testing.assert_close(found.float(), wanted.float(), rtol=tolerance, atol=1e-6)
    if found.dtype == torch.bfloat16:
        # Rounded to the nearest, so all but a few, near the middle of two, are the very number.
        assert (found == wanted.bfloat16()).float().mean() > 0.95


@pytest.mark.parametrize("more", [True, False])
def test_the_sum_is_kept_in_single_precision_and_its_norm_is_torchs(kind, more):
    torch.manual_seed(0)
    x, added, weight = torch.randn(9, 40) * 5, torch.randn(9, 40).to(kind), torch.rand(40) + 0.5
    x[3] = 0
    held, y = x.clone(), torch.empty(9, 40, dtype=kind)
    rows.add_and_norm(held.numpy(), array(added if more else added[:0]), y.dtype != torch.float32, weight.numpy(), EPS,
                      array(y))  # fmt: skip
    whole = x + added.float() if more else x
    torch.testing.assert_close(held, whole, rtol=0, atol=0)
    assert_rounded(y, F.rms_norm(whole, (40,), weight, EPS))


def test_heads_are_normed_each_by_itself_and_moved_together(kind):
    torch.manual_seed(0)
    u, weight, out = torch.randn(7, 2 * 3 * 16).to(kind), torch.rand(2, 16) + 0.5, torch.empty(2, 3, 7, 16, dtype=kind)
    rows.normed_heads(array(u), kind != torch.float32, weight.numpy(), EPS, array(out))
    parts = u.float().view(7, 2, 3, 16).permute(1, 2, 0, 3)
    wanted = torch.stack([F.rms_norm(part, (16,), w, EPS) for part, w in zip(parts, weight, strict=True)])
    assert_rounded(out, wanted)


@pytest.mark.parametrize("spread", [1.0, 30.0, 1000.0])
def test_weights_of_a_span_and_their_total_are_torchs_softmax_and_all_else_is_zero(kind, spread):
    torch.manual_seed(0)
    score = (torch.randn(6, 130) * spread).to(kind)
    first, last = np.array([0, 5, 64, 129, 0, 0]), np.array([130, 70, 130, 130, 0, 1])
    held, total = score.clone(), np.zeros(6, np.float32)
    rows.softmax_of_spans(array(held), kind != torch.float32, first, last, total)
    wanted = torch.zeros(6, 130)
    for row, (a, b) in enumerate(zip(first, last, strict=True)):
        if b > a:
            span = score[row, a:b].float()
            wanted[row, a:b] = torch.exp(span - span.max())
            share = torch.exp(span - span.max()) / total[row]
            torch.testing.assert_close(share, span.softmax(-1), rtol=1e-4, atol=1e-6)
    assert_rounded(held, wanted)
    assert total[4] == 1


def test_rows_are_divided_by_their_totals(kind):
    torch.manual_seed(0)
    x, total, out = (
        torch.randn(5, 24).to(kind),
        np.array([1, 2, 0.3, 500, 7], np.float32),
        torch.zeros(5, 3, 24).to(kind),
    )
    rows.divided(array(x), kind != torch.float32, total, array(out)[:, 1])
    assert_rounded(out[:, 1], x.float() / torch.from_numpy(total)[:, None])
    assert not out[:, [0, 2]].any()


def test_a_nan_among_the_scores_is_not_hidden():
    score = torch.zeros(2, 20)
    score[1, 7] = torch.nan
    total = np.zeros(2, np.float32)
    rows.softmax_of_spans(score.numpy(), False, np.zeros(2, np.int64), np.full(2, 20), total)
    assert total[0] == 20
    assert np.isnan(total[1])


def test_the_gate_is_silu_also_far_from_zero(kind):
    torch.manual_seed(0)
    u = (torch.randn(5, 2 * 50) * 4).to(kind)
    u[0, :6] = torch.tensor([0.0, -0.0, 80.0, -80.0, 300.0, -300.0])
    out = torch.empty(5, 50, dtype=kind)
    rows.swiglu(array(u), kind != torch.float32, array(out))
    gate, value = u.float().chunk(2, dim=-1)
    assert_rounded(out, F.silu(gate) * value)


def test_token_rows_are_the_embedded_tokens_each_in_its_row():
    rng = np.random.default_rng(0)
    table, knots, weight = (rng.normal(size=shape).astype(np.float32) for shape in ((20, 12), (7, 12), (12,)))
    # Hidden, zero, on a knot, between two, at the end and beyond it.
    values = np.array([-1.0, 0.0, 0.6, 0.7, 1.5, 9.0], np.float32)
    genes, row, x = rng.integers(0, 20, 6).astype(np.int32), np.array([4, 0, 1, 7, 5, 6]), np.zeros((9, 12), np.float32)
    rows.token_rows(genes, values, row, table, knots, 0.3, weight, 1e-6, x)
    shifted = torch.from_numpy(np.where(values < 0, 0, values + np.float32(0.3)))
    given = [torch.from_numpy(each) for each in (genes, table, knots, weight)]
    wanted = embed_tokens_twin(given[0], shifted, given[1], given[2], 0.3, given[3])
    np.testing.assert_allclose(x[row], wanted.numpy(), rtol=1e-4, atol=1e-5)
    assert not x[[2, 3, 8]].any()


def test_pooled_rows_are_means_weighted_with_the_softmax_of_their_scores(kind):
    torch.manual_seed(0)
    score, y = torch.randn(2, 30, 3) * 3, torch.randn(30, 8).to(kind)
    start, size, out = np.array([0, 12, 12, 29]), np.array([10, 0, 15, 1]), torch.empty(4, 2, 3, 8)
    rows.pooled(score.numpy(), array(y), kind != torch.float32, start, size, out.numpy())
    for cell, (a, n) in enumerate(zip(start, size, strict=True)):
        weight = score[:, a : a + n].softmax(1)
        torch.testing.assert_close(out[cell], torch.einsum("hlm,ld->hmd", weight, y[a : a + n].float()))
