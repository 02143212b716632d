"""The frozen transformer gives what the encoder gives, for every family, encoding and length of cells."""

import itertools

import numpy as np
import pytest
import torch

from scarena.models.foundation.embed import encode
from scarena.models.foundation.frozen import Frozen, is_known
from scarena.models.foundation.lora import LoraConfig, add_adapters, merge_adapters
from scarena.models.foundation.model import FoundationConfig, initialised

SIZES = {"gene_width": 8, "width": 48, "heads": 3, "layers": 2, "feed_forward": 40, "embedding": 8, "length": 300}
KINDS = [
    {}, {"encoding": "bins"}, {"encoding": "rank"}, {"family": "causal", "encoding": "rank"}, {"family": "generative"},
    {"heads": 1, "layers": 1, "latents": 1}, {"gene_weights": True},
]  # fmt: skip


def encoder_of(seed=0, **kind):
    """Return an encoder whose norms, too, do something."""
    model = initialised(FoundationConfig(n_genes=400, n_groups=1, **{**SIZES, **kind}), seed).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.encoder.named_parameters():
            if "norm" in name:
                parameter.mul_(0.5 + torch.rand(parameter.shape, generator=generator))
            if "log_weight" in name:
                parameter.copy_(3 * torch.rand(parameter.shape, generator=generator))
    return model


def vectors(model, cells, kind):
    with torch.inference_mode():
        return Frozen(model.encoder, kind)(cells, model.encoder.highest(cells))


# Empty cells first, in the middle and last; one gene; several to a block; more than a block; more than the model reads.
RAGGED = [0, 1, 40, 0, 300, 17, 90, 120, 90, 350, 2, 257, 0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", [RAGGED, [16], [0], [0, 0], [], [5, 3]])
@torch.no_grad()
def test_in_single_precision_it_is_the_encoder_to_rounding(kind, sizes, make_random):
    model, cells = encoder_of(**kind), make_random(sizes, 400)
    found, wanted = vectors(model, cells, torch.float32), model.encoder(cells)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_in_half_precision_it_is_the_encoder_to_less_than_a_hundredth(kind, make_random):
    model, cells = encoder_of(**kind), make_random(RAGGED, 400)
    found, wanted = vectors(model, cells, torch.bfloat16), model.encoder(cells)
    assert found.dtype == torch.float32
    assert 0 < (found - wanted).norm() < 0.01 * (wanted - wanted.mean(0)).norm()


@pytest.mark.parametrize("elements", [1, 48 * 300, 48 * 700])
@torch.no_grad()
def test_how_many_rows_go_through_the_layers_together_changes_nothing(elements, make_random, monkeypatch):
    model, cells = encoder_of(), make_random(RAGGED, 400)
    whole = vectors(model, cells, torch.float32)
    monkeypatch.setattr("scarena.models.foundation.frozen._ELEMENTS", elements)
    torch.testing.assert_close(vectors(model, cells, torch.float32), whole, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_scores_that_would_overflow_are_no_trouble(make_random):
    model, cells = encoder_of(), make_random(RAGGED, 400)
    for name, parameter in model.encoder.named_parameters():
        if "norm_q" in name:
            parameter.mul_(200)
    found = vectors(model, cells, torch.float32)
    torch.testing.assert_close(found, model.encoder(cells), rtol=1e-3, atol=1e-3)


@torch.no_grad()
def test_a_cells_vector_is_the_same_in_any_company(make_random):
    model, cells = encoder_of(), make_random(RAGGED, 400)
    whole = vectors(model, cells, torch.float32)
    for cell, (first, last) in enumerate(itertools.pairwise(cells.starts_B1.tolist())):
        own = slice(first, last)
        alone = type(cells)(
            cells.genes_T[own], cells.values_T[own], torch.tensor([0, last - first], dtype=torch.int32), last - first
        )
        torch.testing.assert_close(vectors(model, alone, torch.float32)[0], whole[cell], rtol=1e-4, atol=1e-5)


def test_a_layer_that_is_not_the_plain_one_is_never_passed_over(make_counts):
    counts = make_counts(np.random.default_rng(0).poisson(0.5, (20, 400)).astype(np.float32))
    model = encoder_of()
    plain = encode(model, counts)
    add_adapters(model.encoder, LoraConfig(rank=2), 0)
    with torch.no_grad():
        for name, parameter in model.encoder.named_parameters():
            if name.endswith("b_OR"):
                parameter.normal_(generator=torch.Generator().manual_seed(0)).mul_(0.3)
    assert not is_known(model.encoder)
    adapted = encode(model, counts)
    assert np.abs(adapted - plain).max() > 1e-3
    merge_adapters(model.encoder)
    assert is_known(model.encoder)
    np.testing.assert_allclose(encode(model, counts), adapted, atol=1e-4)


def test_an_encoder_with_hooks_runs_them(make_counts):
    counts = make_counts(np.random.default_rng(0).poisson(0.5, (5, 400)).astype(np.float32))
    model, seen = encoder_of(), []
    assert is_known(model.encoder)
    handle = model.encoder.blocks[0].register_forward_hook(lambda *_: seen.append(1))
    assert not is_known(model.encoder)
    encode(model, counts)
    assert seen
    handle.remove()
    assert is_known(model.encoder)


def test_a_bag_is_no_transformer():
    assert not is_known(encoder_of(kind="bag").encoder)
