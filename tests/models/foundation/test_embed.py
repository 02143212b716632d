"""Embedding in batches: the vectors are those of the cells, whatever the batches."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scarena.base.errors import ConfigError, ModelError
from scarena.models.foundation.checkpoint import SHIPPED, load, read_genes
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


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_vectors_are_bit_for_bit_the_same_with_any_number_of_threads(kind, precision, cells):
    vocabulary = sorted(cells.var_names)
    model, found, given = model_of(400, **kind), [], over_vocabulary(cells, vocabulary)
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        found.append(encode(model, given, tokens=1000, precision=precision))
        assert torch.get_num_threads() == threads
    for other in found[1:]:
        np.testing.assert_array_equal(found[0], other)


@pytest.mark.parametrize("kind", KINDS)
def test_how_counts_are_stored_changes_nothing(kind, cells):
    vocabulary, model = sorted(cells.var_names)[50:], model_of(350, **kind)
    wanted = encode(model, over_vocabulary(cells, vocabulary))
    for stored in (
        cells.X, cells.X.toarray(), cells.X.tocsc(), cells.X.astype(np.float64), cells.X.astype(np.int64),
    ):  # fmt: skip
        data = cells.copy()
        data.X = stored
        np.testing.assert_array_equal(embed(model, data, vocabulary), wanted)


def test_half_precision_keeps_to_the_trained_models_vectors(cells):
    model, genes = load(SHIPPED), read_genes(SHIPPED)
    known = cells[:, :300].copy()
    known.var_names = genes[:: len(genes) // 300][:300]
    exact, rounded = (embed(model, known, genes, precision=precision) for precision in ("float32", "bfloat16"))
    off = np.linalg.norm(rounded - exact) / np.linalg.norm(exact - exact.mean(axis=0))
    assert 0 < off < 0.02
    np.testing.assert_array_equal(embed(model, known, genes), exact)


def test_an_unknown_precision_is_refused(cells):
    with pytest.raises(ConfigError, match="unknown precision 'float8'"):
        embed(model_of(400), cells, sorted(cells.var_names), precision="float8")


def test_what_fails_in_a_thread_fails_the_call_and_the_threads_are_given_back(cells, monkeypatch):
    model, given = model_of(400), over_vocabulary(cells, sorted(cells.var_names))
    monkeypatch.setattr("scarena.models.foundation.embed.pack", lambda *_, **__: 1 / 0)
    torch.set_num_threads(2)
    with pytest.raises(ZeroDivisionError):
        encode(model, given, tokens=1000)
    assert torch.get_num_threads() == 2
