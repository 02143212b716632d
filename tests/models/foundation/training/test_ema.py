"""The running mean is a weighted mean of the weights there were."""

import numpy as np
import pytest
import torch

from scarena.models.foundation.training.ema import Ema, effective_decay


def test_the_mean_weighs_the_past_as_the_decays_say():
    model, rng = torch.nn.Linear(1, 1, bias=False), np.random.default_rng(0)
    history = [float(model.weight.detach())]
    ema = Ema(model, 0.5)
    for update in range(20):
        history.append(float(rng.normal()))
        torch.nn.init.constant_(model.weight, history[-1])
        ema.update(update)
    decays = [effective_decay(0.5, update) for update in range(20)]
    # Weight of the k-th value: what its own update gave it, times all the decays since.
    weights = [np.prod(decays)] + [(1 - decays[k]) * np.prod(decays[k + 1 :]) for k in range(20)]
    assert np.sum(weights) == pytest.approx(1)
    assert float(ema.mean["weight"]) == pytest.approx(float(np.dot(weights, history)), abs=1e-5)


def test_early_decays_are_small_and_later_ones_as_asked_for():
    decays = [effective_decay(0.99, update) for update in range(2000)]
    assert decays[0] == pytest.approx(0.1)
    assert decays == sorted(decays)
    assert decays[-1] == 0.99


def test_after_a_look_through_the_mean_the_weights_are_the_same_bits():
    model = torch.nn.Linear(3, 3)
    ema = Ema(model, 0.9)
    before = model.weight.detach().clone()
    torch.nn.init.normal_(ema.mean["weight"])
    with pytest.raises(ZeroDivisionError), ema.in_place():
        assert torch.equal(model.weight, ema.mean["weight"])
        raise ZeroDivisionError
    assert torch.equal(model.weight, before)


def test_frozen_weights_have_no_mean():
    model = torch.nn.Linear(3, 3)
    model.weight.requires_grad_(False)
    assert list(Ema(model, 0.9).mean) == ["bias"]
