"""An adapter changes nothing at first, learns alone, and merged it is part of the weights."""

import pytest
import torch
from torch import nn

from scarena.base.errors import ConfigError
from scarena.models.foundation.lora import LoraConfig, LowRank, add_adapters, merge_adapters
from scarena.models.foundation.model import FoundationConfig, initialised

TINY = {"n_genes": 60, "n_groups": 2, "gene_width": 8, "width": 32, "layers": 2, "feed_forward": 48, "embedding": 12}
KINDS = ["transformer", "bag"]
CONFIG = LoraConfig(rank=3, alpha=6.0)


def model_of(kind, seed=0):
    return initialised(FoundationConfig(kind=kind, **TINY), seed).eval()


def disturbed(model, seed=1):
    """Return the model with adapters that are no longer zero."""
    generator = torch.Generator().manual_seed(seed)
    for layer in model.modules():
        if isinstance(layer, LowRank):
            layer.b_OR.data = torch.randn(layer.b_OR.shape, generator=generator)
    return model


@pytest.fixture
def cells(make_random):
    return make_random([5, 0, 17, 9], 60)


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_a_model_with_new_adapters_is_the_model_it_was(kind, cells):
    model, generator = model_of(kind), torch.random.get_rng_state()
    before = model.encoder(cells)
    names = add_adapters(model.encoder, CONFIG, 0)
    assert torch.equal(model.encoder(cells), before)
    assert torch.equal(torch.random.get_rng_state(), generator)
    wanted = {"bag": ["bottleneck", "hidden"], "transformer": None}[kind]
    assert wanted is None or names == wanted
    assert kind == "bag" or len(names) == 2 * 5 + 6, "five in a block, six in the readout"


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_merged_weights_are_the_sum_and_give_the_same_vectors(kind, cells):
    model, plain = model_of(kind), model_of(kind)
    names = add_adapters(model.encoder, CONFIG, 0)
    disturbed(model)
    before = model.encoder(cells)
    assert (before - plain.encoder(cells)).abs().max() > 1e-2
    layers = {name: model.encoder.get_submodule(name) for name in names}
    assert merge_adapters(model.encoder) == names
    torch.testing.assert_close(model.encoder(cells), before, atol=1e-5, rtol=1e-5)
    assert model.state_dict().keys() == plain.state_dict().keys()
    for name, layer in layers.items():
        merged = model.encoder.get_submodule(name)
        assert type(merged) is nn.Linear
        expected = plain.encoder.get_submodule(name).weight + CONFIG.alpha / CONFIG.rank * layer.b_OR @ layer.a_RI
        torch.testing.assert_close(merged.weight, expected, atol=1e-6, rtol=1e-6)
        assert torch.linalg.matrix_rank(merged.weight - plain.encoder.get_submodule(name).weight, atol=1e-4) <= 3


@pytest.mark.parametrize("kind", KINDS)
def test_only_adapters_learn(kind, cells):
    model = model_of(kind)
    add_adapters(model.encoder, CONFIG, 0)
    before = {name: value.clone() for name, value in model.encoder.named_parameters()}
    optimiser = torch.optim.SGD([value for value in model.encoder.parameters() if value.requires_grad], lr=1.0)
    for _ in range(2):
        optimiser.zero_grad()
        model.encoder(cells).square().mean().backward()
        optimiser.step()
    changed = {name for name, value in model.encoder.named_parameters() if not torch.equal(value, before[name])}
    assert changed == {name for name in before if name.endswith(("a_RI", "b_OR"))}


def test_the_seed_decides_the_adapters():
    def first(seed):
        model = model_of("bag")
        add_adapters(model.encoder, CONFIG, seed)
        return model.encoder.hidden.a_RI

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))


def test_layers_below_a_skipped_module_get_none():
    model = model_of("transformer")
    names = add_adapters(model.encoder, CONFIG, 0, skip=["blocks.0"])
    assert not any(name.startswith("blocks.0.") for name in names)
    assert sum(name.startswith("blocks.1.") for name in names) == 5


def test_names_that_no_layer_has_and_layers_that_have_one_already_are_refused():
    model = model_of("bag")
    with pytest.raises(ConfigError, match="one of: bottleneck, hidden"):
        add_adapters(model.encoder, LoraConfig(layers=("q",)), 0)
    assert all(value.requires_grad for value in model.parameters()), "nothing was frozen"
    add_adapters(model.encoder, CONFIG, 0)
    with pytest.raises(ConfigError, match="has an adapter already"):
        add_adapters(model.encoder, CONFIG, 0)
