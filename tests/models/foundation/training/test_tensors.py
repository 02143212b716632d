"""The state of training survives as named tensors: an optimiser goes on from them as if nothing had been."""

import copy

import pytest
import torch

from scarena.models.foundation.training.config import EngineConfig
from scarena.models.foundation.training.ema import Ema
from scarena.models.foundation.training.optimisers import make_optimisers
from scarena.models.foundation.training.tensors import (
    collected,
    random_states,
    restore,
    set_random_states,
    shapes_of,
    template,
)


def advance(task, model, ema, optimisers, steps):
    for step in steps:
        model.zero_grad()
        sum(task.losses(model, step, 0, 1).values()).backward()
        for optimiser in optimisers:
            optimiser.step()
        ema.update(step)


def begun(tiny, optimiser, seed=0):
    model = tiny.Tiny(seed=seed)
    return model, Ema(model, 0.9), make_optimisers(model, EngineConfig(steps=9, optimiser=optimiser))


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_a_restored_run_goes_on_as_the_one_that_was_saved(tiny, optimiser):
    task, first, second = tiny.Regression(), begun(tiny, optimiser), begun(tiny, optimiser, seed=1)
    advance(task, *first, range(3))
    restore(copy.deepcopy(collected(*first)), *second)
    for each in (first, second):
        advance(task, *each, range(3, 6))
    expected, found = collected(*first), collected(*second)
    assert expected.keys() == found.keys()
    assert all(torch.equal(value, found[name]) for name, value in expected.items())


def test_the_optimisers_state_is_all_that_torch_says_it_is(tiny):
    model, ema, optimisers = begun(tiny, "muon")
    advance(tiny.Regression(), model, ema, optimisers, range(2))
    expected = sum(len(each) for one in optimisers for each in one.state_dict()["state"].values())
    assert sum(name.startswith("optimiser/") for name in collected(model, ema, optimisers)) == expected > 0


def test_a_template_has_the_shape_of_what_is_read_into_it(tiny):
    model, ema, optimisers = begun(tiny, "muon")
    advance(tiny.Regression(), model, ema, optimisers, range(1))
    shapes = shapes_of(collected(model, ema, optimisers))
    fresh, mean, _ = begun(tiny, "muon")
    assert shapes_of(template(fresh, mean, shapes)) == shapes


def test_a_generator_goes_on_from_a_row_of_all_processes_states():
    with torch.random.fork_rng(devices=[]):
        states = random_states(torch.device("cpu"))
        expected = torch.rand(3)
        rows = torch.stack([torch.zeros_like(states["cpu"]), states["cpu"]])
        set_random_states({"cpu": rows[1]}, torch.device("cpu"))
        assert torch.equal(torch.rand(3), expected)
