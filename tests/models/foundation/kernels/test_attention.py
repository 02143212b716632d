"""Attention within ragged cells is that of each cell by itself, forward and backward."""

import numpy as np
import pytest
import torch

from scarena.base.errors import ModelError
from scarena.models.foundation.kernels.attention import MASKS, buckets, varlen_attention, varlen_attention_twin


def one_by_one(q, k, v, queries, keys, mask, known):
    """Return attention from its definition, a cell after the other."""
    out = torch.zeros_like(q)
    for cell, (mine, theirs) in enumerate(zip(queries.slices, keys.slices, strict=True)):
        if mine.start == mine.stop or theirs.start == theirs.stop:
            continue
        scores = torch.einsum("thk,shk->hts", q[mine], k[theirs]) / q.shape[-1] ** 0.5
        row, column = torch.arange(scores.shape[1])[:, None], torch.arange(scores.shape[2])
        if mask == "causal":
            scores = scores.masked_fill(column > row, -torch.inf)
        if mask == "generative":
            scores = scores.masked_fill((column >= known[cell]) & (column != row), -torch.inf)
        out[mine] = torch.einsum("hts,shk->thk", scores.softmax(-1), v[theirs])
    return out


@pytest.fixture(params=MASKS)
def case(request, rng, ragged):
    """Queries, keys and values of ragged cells with one of the masks; keys of other lengths where that may be."""
    queries = ragged(rng, 5, 9)
    queries.seed = request.node.callspec.params["rng"]
    keys = ragged(rng, 5, 9) if request.param == "full" else queries
    queries.keys, queries.mask, queries.known = keys, request.param, None
    if request.param == "generative":
        queries.known = torch.from_numpy(rng.integers(0, queries.lengths + 1))
    queries.qkv = [torch.from_numpy(rng.normal(size=(n, 2, 20))).float() for n in (queries.n, keys.n, keys.n)]
    queries.ahead = torch.from_numpy(rng.normal(size=queries.qkv[0].shape)).float()
    queries.where = (queries.starts.int(), keys.starts.int(), queries.longest, keys.longest)
    return queries


def gradients(call, qkv, ahead):
    """Return the value and the gradients of its product with `ahead`."""
    learnt = [x.clone().requires_grad_() for x in qkv]
    value = call(*learnt)
    return [value.detach(), *torch.autograd.grad((value.float() * ahead).sum(), learnt)]


def assert_alike(found, wanted, rtol=1e-4, atol=1e-5):
    for mine, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(mine.float(), other.float(), rtol=rtol, atol=atol)


def reference(case):
    return gradients(lambda *x: one_by_one(*x, case, case.keys, case.mask, case.known), case.qkv, case.ahead)


def test_the_twin_is_the_definition_forward_and_backward(case):
    found = gradients(
        lambda *x: varlen_attention(*x, *case.where, mask=case.mask, known_B=case.known), case.qkv, case.ahead
    )
    assert_alike(found, reference(case))


def test_the_kernel_is_the_definition_forward_and_backward(interpreted, case):
    from scarena.models.foundation.kernels.attention_triton import Ragged, backward, forward

    known = case.starts if case.known is None else case.known
    cells = Ragged(*case.where, MASKS.index(case.mask), known)
    block = ((16, 8), (8, 16), (16, 16))[case.seed]
    out, lse = forward(*case.qkv, cells, block=block)
    assert_alike([out, *backward(case.ahead, cells, *case.qkv, out, lse, block=block)], reference(case))


def test_the_kernel_is_what_runs_when_asked_also_on_views_of_one_projection(interpreted, ragged):
    rng = np.random.default_rng(7)
    cells = ragged(rng)
    joined = torch.from_numpy(rng.normal(size=(cells.n, 3, 2, 16))).float().requires_grad_()
    where = (cells.starts.int(), cells.starts.int(), cells.longest, cells.longest)
    ahead = torch.from_numpy(rng.normal(size=(cells.n, 2, 16))).float()
    found = varlen_attention(*joined.unbind(1), *where, mask="causal")
    wanted = varlen_attention_twin(*joined.unbind(1), *where[:2], mask="causal")
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    assert_alike(*(torch.autograd.grad((x * ahead).sum(), [joined]) for x in (found, wanted)))


def test_half_precision_agrees_as_far_as_it_can(interpreted, case):
    # float16: the interpreter's products are wrong in bfloat16.
    found = gradients(
        lambda *x: varlen_attention(*x, *case.where, mask=case.mask, known_B=case.known),
        [x.half() for x in case.qkv], case.ahead,
    )  # fmt: skip
    assert {x.dtype for x in found} == {torch.float16}
    assert_alike(found, reference(case), rtol=1e-2, atol=1e-2)


def test_the_twin_in_bfloat16_gives_bfloat16(case):
    found = gradients(
        lambda *x: varlen_attention(*x, *case.where, mask=case.mask, known_B=case.known),
        [x.bfloat16() for x in case.qkv], case.ahead,
    )  # fmt: skip
    assert {x.dtype for x in found} == {torch.bfloat16}
    assert_alike(found, reference(case), rtol=5e-2, atol=5e-2)


def test_the_twins_gradients_are_those_of_finite_differences(rng):
    starts, known = torch.tensor([0, 3, 3, 7]), torch.tensor([1, 0, 4])
    qkv = [torch.from_numpy(rng.normal(size=(7, 1, 2))).requires_grad_() for _ in range(3)]
    for mask in MASKS:
        given = {"mask": mask, "known_B": known if mask == "generative" else None}
        assert torch.autograd.gradcheck(lambda *x, given=given: varlen_attention_twin(*x, starts, starts, **given), qkv)


def test_cells_without_keys_give_zeros_and_cells_without_queries_nothing(interpreted):
    q, k = torch.ones(3, 1, 16), torch.ones(4, 1, 16)
    q_starts, k_starts = torch.tensor([0, 2, 2, 3]).int(), torch.tensor([0, 0, 3, 4]).int()
    for backend in ("triton", "torch"):
        out = varlen_attention(q, k, k, q_starts, k_starts, 2, 3, backend=backend)
        assert out[:, 0, 0].tolist() == [0, 0, 1]
        none = varlen_attention(q[:0], k, k, q_starts * 0, k_starts, 0, 3, backend=backend)
        assert none.shape == (0, 1, 16)


def test_buckets_hold_every_cell_once_and_are_mostly_cells(rng):
    queries, keys = rng.integers(0, 60, 300), rng.integers(0, 60, 300)
    for lengths in ((queries, keys), (keys, keys)):
        found = buckets(*lengths)
        there = np.flatnonzero((lengths[0] > 0) & (lengths[1] > 0))
        assert sorted(np.concatenate(found).tolist()) == there.tolist()
        for group in found:
            padded = len(group) * lengths[0][group].max() * lengths[1][group].max()
            assert (lengths[0][group] * lengths[1][group]).sum() >= 0.8 * padded
    assert len(buckets(np.full(50, 30), np.full(50, 30))) == 1


def test_arguments_that_do_not_go_together_are_errors(case):
    q, k, v = case.qkv
    with pytest.raises(ModelError, match="unknown mask"):
        varlen_attention(q, k, v, *case.where, mask="window")
    with pytest.raises(ModelError, match="generative mask alone"):
        varlen_attention(q, k, v, *case.where, mask="generative")
    with pytest.raises(ModelError, match="same tokens"):
        varlen_attention(q[:0], k, v, *case.where, mask="causal")
