"""The encoder is a function of a cell's set of tokens: not of its order, its padding or its company."""

import numpy as np
import pytest
import torch

from scarena.models.foundation.embed import embed, encode
from scarena.models.foundation.model import FoundationConfig, initialised
from scarena.models.foundation.tokenize import PAD, highest, over_vocabulary

SMALL = FoundationConfig(n_genes=400, n_groups=2, gene_width=16, width=32, heads=2, layers=2, feed_forward=48)


@pytest.fixture(scope="module")
def model():
    return initialised(SMALL, 0).eval()


@pytest.fixture
def tokens(cells):
    return highest(over_vocabulary(cells, sorted(cells.var_names)).values, SMALL.length)


def test_padding_changes_nothing(model):
    genes, values = torch.tensor([[3, 7, 1]]), torch.tensor([[2.0, 1.0, 0.5]])
    padded = torch.nn.functional.pad(genes, (0, 9), value=PAD), torch.nn.functional.pad(values, (0, 9))
    torch.testing.assert_close(model.encoder(*padded), model.encoder(genes, values), atol=1e-5, rtol=0)


def test_the_order_of_the_tokens_changes_nothing(model):
    genes, values = torch.tensor([[3, 7, 1]]), torch.tensor([[2.0, 1.0, 0.5]])
    order = [2, 0, 1]
    shuffled = model.encoder(genes[:, order], values[:, order])
    torch.testing.assert_close(shuffled, model.encoder(genes, values), atol=1e-5, rtol=0)


def test_every_token_and_value_reaches_the_embedding(model):
    genes, values = torch.tensor([[3, 7, 1]]), torch.tensor([[2.0, 1.0, 0.5]])
    z = model.encoder(genes, values)
    assert not torch.allclose(model.encoder(torch.tensor([[3, 7, 2]]), values), z, atol=1e-5)
    assert not torch.allclose(model.encoder(genes, torch.tensor([[2.0, 1.0, 0.9]])), z, atol=1e-5)


def test_the_result_does_not_depend_on_how_cells_are_batched(model, tokens, monkeypatch):
    whole = encode(model, tokens)
    monkeypatch.setattr("scarena.models.foundation.embed.CHUNK", 7)
    np.testing.assert_allclose(encode(model, tokens), whole, atol=1e-5)


def test_the_group_and_the_depth_reach_the_decoder(model):
    z, genes = torch.zeros(1, SMALL.embedding), torch.tensor([[0, 1]])
    shown = [
        model.decoder(z, torch.tensor([depth]), torch.tensor([group]), genes)
        for depth, group in [(0.5, 0), (0.9, 0), (0.5, 1), (0.5, SMALL.n_groups)]
    ]
    assert all(not torch.allclose(first, second) for i, first in enumerate(shown) for second in shown[:i])
    assert all((prediction >= 0).all() for prediction in shown)


def test_the_seed_decides_the_weights_and_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, again, other = (initialised(SMALL, seed).encoder.cls for seed in (1, 1, 2))
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_an_empty_cell_is_embedded_from_the_class_token_alone(model, cells):
    cells.X.data[: cells.X.indptr[1]] = 0
    cells.X.eliminate_zeros()
    result = embed(model, cells, sorted(cells.var_names))
    alone = model.encoder(torch.full((1, 1), PAD), torch.zeros(1, 1)).detach().numpy()
    np.testing.assert_allclose(result[:1], alone, atol=1e-5)
