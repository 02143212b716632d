"""Embedding in batches: the vectors are those of the cells, whatever the batches."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scarena.errors import ModelError
from scarena.models.foundation.embed import _batches, embed, encode
from scarena.models.foundation.model import FoundationConfig, initialised
from scarena.models.foundation.tokenize import over_vocabulary, tokens_of

SIZES = {"gene_width": 8, "width": 32, "heads": 2, "layers": 2, "feed_forward": 32, "embedding": 8, "length": 40}
KINDS = [{"kind": "bag"}, {}, {"family": "causal", "encoding": "rank"}, {"family": "generative", "encoding": "bins"}]


def model_of(n_genes, **kind):
    return initialised(FoundationConfig(n_genes=n_genes, n_groups=1, **{**SIZES, **kind}), 0)


@given(st.lists(st.integers(0, 20), max_size=40), st.integers(1, 60))
def test_batches_cover_all_cells_and_keep_to_the_budget_unless_one_cell_is_larger(sizes, budget):
    starts = np.cumsum([0, *sizes])
    found = list(_batches(starts, budget))
    assert [cell for first, last in found for cell in range(first, last)] == list(range(len(sizes)))
    for at, (first, last) in enumerate(found):
        held = starts[last] - starts[first]
        assert held <= budget or last == first + 1
        # And no batch could take the next cell too.
        if at + 1 < len(found):
            assert held + sizes[last] > budget


@pytest.mark.parametrize("kind", KINDS)
def test_the_number_of_tokens_at_a_time_changes_nothing(kind, cells):
    vocabulary = sorted(cells.var_names)[:300]
    model, found = model_of(300, **kind), over_vocabulary(cells, vocabulary)
    # Cells without a known gene, first, in the middle and last.
    starts = found.starts_B1[[0, 0, *range(1, 100), 99, 100, 100]]
    some = type(found)(starts, found.genes_N, found.counts_N, found.depth_B[: len(starts) - 1])
    at_once = encode(model, some)
    assert at_once.dtype == np.float32
    assert at_once.shape == (len(some), 8)
    for tokens in (1, 700, 5000):
        np.testing.assert_allclose(encode(model, some, tokens=tokens), at_once, atol=1e-5)
    np.testing.assert_allclose(at_once[0], at_once[-1], atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_the_frozen_gene_table_changes_nothing(kind, cells):
    vocabulary = sorted(cells.var_names)
    model = model_of(400, **kind).eval()
    plain = model.encoder(tokens_of(over_vocabulary(cells, vocabulary), 400, "continuous"))
    np.testing.assert_allclose(embed(model, cells, vocabulary), plain.numpy(), atol=1e-5)


def test_cells_and_genes_in_another_order_have_the_same_vectors(cells):
    rng = np.random.default_rng(0)
    vocabulary, rows, columns = sorted(cells.var_names)[:350], rng.permutation(240), rng.permutation(400)
    model = model_of(350)
    mixed = embed(model, cells[rows][:, columns].copy(), vocabulary)
    np.testing.assert_allclose(mixed, embed(model, cells, vocabulary)[rows], atol=1e-5)


def test_no_cells_give_no_vectors_and_no_common_gene_an_error(cells):
    model, vocabulary = model_of(400), sorted(cells.var_names)
    none = over_vocabulary(cells, vocabulary).rows(np.array([], int))
    assert encode(model, none).shape == (0, 8)
    with pytest.raises(ModelError, match="no gene in common"):
        embed(model, cells, [f"x{i}" for i in range(400)])
