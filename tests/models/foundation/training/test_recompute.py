"""Blocks that forget their activations give the same gradients."""

import copy

import torch

from scarena.models.foundation.training.recompute import recompute


def gradients(model, x_BG):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model(x_BG).square().sum().backward()
    return {name: value.grad for name, value in model.named_parameters() if value.grad is not None}


def test_gradients_are_the_same_bits_under_dropout_too(tiny):
    plain = tiny.Tiny(dropout=0.3).train()
    saving, x_BG = copy.deepcopy(plain), torch.randn(5, tiny.GENES, generator=torch.Generator().manual_seed(0))
    recompute(saving.blocks)
    expected, found = gradients(plain, x_BG), gradients(saving, x_BG)
    assert expected.keys() == found.keys()
    assert all(torch.equal(value, found[name]) for name, value in expected.items())
    assert plain.state_dict().keys() == saving.state_dict().keys()


def test_each_block_is_computed_twice_for_a_gradient_and_once_without(tiny):
    model, calls, x_BG = tiny.Tiny(), [], torch.ones(2, tiny.GENES)
    for block in model.blocks:
        block.up.register_forward_hook(lambda *given: calls.append(1))
    recompute(model.blocks)
    model(x_BG).sum().backward()
    assert len(calls) == 4
    with torch.no_grad():
        model(x_BG)
    assert len(calls) == 6
