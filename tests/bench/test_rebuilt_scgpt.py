"""The rebuilt path against what its parts are defined as, written out."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from scarena.base.errors import DataError
from scarena.bench.rebuilt_scgpt import N_BINS, PAD_VALUE, CellRows, Collator, Shape, binned, embed, initialised, loader

SHAPE = Shape(30, width=8, heads=2, layers=2, feed_forward=12, length=7)


class Always:
    """A generator that draws one number."""

    def __init__(self, number):
        self.number = number

    def random(self, n):
        return np.full(n, self.number)


def allowed(values, n_bins):
    """Return for each value the first and last bin it may have: quantiles and comparisons one by one."""
    ordered, edges = sorted(values), []
    for j in range(n_bins - 1):
        at = j * (len(ordered) - 1) / (n_bins - 2)
        low = int(at)
        high = min(low + 1, len(ordered) - 1)
        edges.append(ordered[low] + (at - low) * (ordered[high] - ordered[low]))
    up_to = [sum(edge <= value + 1e-9 for edge in edges) for value in values]
    below = [sum(edge < value - 1e-9 for edge in edges) for value in values]
    return [b + 1 if u > b else u for u, b in zip(up_to, below, strict=True)], up_to


@settings(deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=60), st.integers(3, 20))
def test_bins_are_the_edges_up_to_a_value_or_drawn_from_those_that_begin_at_it(values, n_bins):
    # An edge on the very place of a value, but for the ends, is above or below it by how numpy rounds.
    assume(len(values) == 1 or math.gcd(len(values) - 1, n_bins - 2) == 1)
    first, last = allowed(values, n_bins)
    numbers = np.array(values, np.float32)
    assert binned(numbers, Always(0.0), n_bins).tolist() == last
    assert binned(numbers, Always(1 - 1e-12), n_bins).tolist() == first


def test_a_value_on_many_edges_gets_each_of_their_bins_equally_often():
    values = np.array([1.0] * 80 + [2.0] * 15 + [3.0] * 5, np.float32)
    first, last = allowed(values.tolist(), N_BINS)
    drawn = binned(values, np.random.default_rng(0))
    for _ in range(49):
        drawn = np.concatenate([drawn, binned(values, np.random.default_rng(len(drawn)))])
    ones = drawn.reshape(-1, 100)[:, :80].ravel()
    counted = np.bincount(ones)[first[0] : last[0] + 1]
    assert counted.sum() == ones.size
    expected = ones.size / len(counted)
    assert np.abs(counted - expected).max() < 5 * expected**0.5


@pytest.fixture
def cells():
    """Four cells over 30 genes, of 3, 6, 20 and 5 genes with counts that all differ."""
    rng, sizes = np.random.default_rng(0), [3, 6, 20, 5]
    genes = np.concatenate([np.sort(rng.permutation(30)[:size]) for size in sizes])
    counts = np.concatenate([rng.permutation(100)[:size] + 1 for size in sizes]).astype(np.float32)
    return np.cumsum([0, *sizes]), genes, counts


def test_a_batch_has_its_longest_cells_length_and_no_more_than_the_models(cells):
    rows = CellRows(*cells, SHAPE)
    for which, length in (([0, 1], 7), ([0, 3], 6), ([0, 2], 7), ([0], 4)):
        genes, values = Collator(SHAPE, 0)([rows[i] for i in which])
        assert genes.shape == values.shape == (len(which), length)


def test_a_cell_is_cls_then_its_genes_with_their_bins_then_padding(cells):
    starts, genes, counts = cells
    found, values = Collator(SHAPE, 0)([CellRows(*cells, SHAPE)[i] for i in range(4)])
    assert found[:, 0].tolist() == [SHAPE.cls] * 4
    assert values[:, 0].tolist() == [PAD_VALUE] * 4
    for cell in range(4):
        own = slice(starts[cell], starts[cell + 1])
        bins = dict(zip(genes[own].tolist(), allowed(counts[own].tolist(), N_BINS)[1], strict=True))
        real = found[cell, 1:] != SHAPE.pad
        assert real.sum() == min(6, own.stop - own.start)
        read = dict(zip(found[cell, 1:][real].tolist(), values[cell, 1:][real].tolist(), strict=True))
        assert len(read) == real.sum()
        assert read.items() <= bins.items()
        assert set(values[cell, 1:][~real].tolist()) <= {PAD_VALUE}


def test_genes_are_drawn_anew_for_every_seed_and_again_for_the_same(cells):
    batches = [next(iter(loader(CellRows(*cells, SHAPE), SHAPE, seed=seed)))[0] for seed in (0, 0, 1)]
    assert torch.equal(batches[0], batches[1])
    assert not torch.equal(batches[0][2], batches[2][2])
    assert torch.equal(batches[0][0], batches[2][0])


def normed(x, norm):
    mean = x.mean(-1, keepdim=True)
    return (x - mean) / ((x - mean).square().mean(-1, keepdim=True) + 1e-5).sqrt() * norm.weight + norm.bias


def by_hand(model, genes, values):
    """Return the outputs for one cell without padding, [n, D]."""
    shape = model.shape
    hidden = (values.clamp(max=512)[:, None] * model.value_in.weight[:, 0] + model.value_in.bias).clamp(min=0)
    told = normed(hidden @ model.value_out.weight.T + model.value_out.bias, model.norm_values)
    x = normed(model.genes.weight[genes], model.norm_genes) + told
    width = shape.width // shape.heads
    for layer in model.layers.layers:
        q, k, v = (x @ layer.self_attn.in_proj_weight.T + layer.self_attn.in_proj_bias).chunk(3, dim=-1)
        heads = []
        for head in range(shape.heads):
            own = slice(head * width, (head + 1) * width)
            weight = torch.exp(q[:, own] @ k[:, own].T / width**0.5)
            heads.append(weight / weight.sum(-1, keepdim=True) @ v[:, own])
        mixed = torch.cat(heads, dim=-1) @ layer.self_attn.out_proj.weight.T + layer.self_attn.out_proj.bias
        x = normed(x + mixed, layer.norm1)
        inner = (x @ layer.linear1.weight.T + layer.linear1.bias).clamp(min=0)
        x = normed(x + inner @ layer.linear2.weight.T + layer.linear2.bias, layer.norm2)
    return x


@pytest.mark.parametrize("frozen", [True, False])
def test_the_outputs_are_those_of_the_definition_for_each_cell_by_itself(cells, frozen):
    model = initialised(SHAPE, 0)
    with torch.no_grad():
        # As they are made norms do nothing and biases are zero, and a mistake with one would not show.
        for number, parameter in enumerate(model.parameters()):
            noise = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(number))
            parameter.add_(0.1 * noise)
    genes, values = next(iter(loader(CellRows(*cells, SHAPE), SHAPE, seed=0)))
    with torch.set_grad_enabled(not frozen):
        found = model(genes, values)
    with torch.no_grad():
        for cell in range(4):
            real = genes[cell] != SHAPE.pad
            wanted = by_hand(model, genes[cell][real], values[cell][real])
            torch.testing.assert_close(found[cell][real].detach(), wanted, rtol=1e-4, atol=1e-5)


def test_vectors_are_the_first_outputs_scaled_to_length_one(cells):
    model = initialised(SHAPE, 0)
    genes, values = next(iter(loader(CellRows(*cells, SHAPE), SHAPE, seed=5)))
    with torch.no_grad():
        real = genes != SHAPE.pad
        first = torch.stack([by_hand(model, genes[cell][real[cell]], values[cell][real[cell]])[0] for cell in range(4)])
    found = embed(model, *cells, seed=5)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, torch.nn.functional.normalize(first).numpy(), atol=1e-5)


def test_a_cells_vector_does_not_depend_on_its_batch():
    # The bin of an only gene is drawn: it is on every edge.
    rng, sizes = np.random.default_rng(1), np.random.default_rng(2).integers(2, 7, 150)
    starts = np.cumsum([0, *sizes])
    genes = np.concatenate([np.sort(rng.permutation(30)[:size]) for size in sizes])
    counts = np.concatenate([rng.permutation(50)[:size] + 1 for size in sizes]).astype(np.float32)
    model = initialised(SHAPE, 0)
    whole = embed(model, starts, genes, counts)
    part = slice(starts[100], starts[150])
    alone = embed(model, starts[100:] - starts[100], genes[part], counts[part])
    np.testing.assert_allclose(whole[100:], alone, atol=1e-5)


def test_weights_depend_on_the_seed_alone():
    first, again, other = (initialised(SHAPE, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(value, again[key]) for key, value in first.items())
    assert not torch.equal(first["genes.weight"], other["genes.weight"])
    assert not initialised(SHAPE, 0).training


def test_a_cell_without_counts_is_refused():
    with pytest.raises(DataError, match="a cell without counts"):
        CellRows(np.array([0, 1, 1]), np.array([3]), np.array([1.0]), SHAPE)
