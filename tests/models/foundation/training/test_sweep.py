"""A sweep spends the same at every size, and the law fitted to made-up losses has the constants they were made with."""

import itertools

import numpy as np
import pytest
from pydantic import ValidationError

from scarena.base.errors import ConfigError, DataError
from scarena.models.foundation.training.sweep import ScalingLaw, SweepConfig, fit_scaling_law, sweep_runs

SIZES = [{"name": f"d{width}", "parameters": 12 * width**2, "flops_per_cell": 1e3 * width**2} for width in (32, 64, 96)]
SWEEP = {
    "name": "first",
    "sizes": SIZES,
    "fractions": [0.25, 1.0],
    "flops": [1e12, 1e13],
    "seeds": [0, 1],
    "n_cells": 64,
    "engine": {"learning_rate": 0.002},
}
TRUE = ScalingLaw(1.7, 400.0, 0.34, 410.0, 0.28, 0, 0.0)


def test_there_is_one_run_of_each_combination_with_a_name_of_its_own():
    runs = sweep_runs(SweepConfig.model_validate(SWEEP))
    expected = itertools.product(["d32", "d64", "d96"], [0.25, 1.0], [1e12, 1e13], [0, 1])
    assert [(run.size.name, run.fraction, run.flops, run.engine.seed) for run in runs] == list(expected)
    assert len({run.name for run in runs}) == len(runs) == 24
    assert {run.engine.learning_rate for run in runs} == {0.002}


def test_runs_of_one_budget_cost_the_same_to_half_a_step():
    for run in sweep_runs(SweepConfig.model_validate(SWEEP)):
        step = run.size.flops_per_cell * 64
        assert abs(run.engine.steps * step - run.flops) <= step / 2
        assert run.n_cells == 64 * run.engine.steps


@pytest.mark.parametrize(
    "wrong",
    [
        {"fractions": [0.0]},
        {"fractions": [1.5]},
        {"seeds": [1, 1]},
        {"sizes": [SIZES[0], SIZES[0]]},
        {"flops": [-1e12]},
        {"engine": {"steps": 3}},
        {"engine": {"optimizer": "adamw"}},
        {"name": "../elsewhere"},
    ],
)
def test_a_sweep_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValidationError):
        SweepConfig.model_validate({**SWEEP, **wrong})


def test_a_budget_below_one_step_is_named():
    with pytest.raises(ConfigError, match="size d96"):
        sweep_runs(SweepConfig.model_validate({**SWEEP, "sizes": SIZES[2:], "flops": [1e6]}))


def made_up(rng=None):
    parameters, cells = (each.ravel() for each in np.meshgrid(np.logspace(5, 8, 6), np.logspace(5, 9, 6)))
    losses = TRUE.loss(parameters, cells)
    return parameters, cells, losses if rng is None else losses * np.exp(rng.normal(0, 1e-3, losses.shape))


def constants(law):
    return [law.irreducible, law.size_factor, law.size_power, law.data_factor, law.data_power]


def test_the_constants_of_exact_losses_are_found():
    law = fit_scaling_law(*made_up())
    assert constants(law) == pytest.approx(constants(TRUE), rel=1e-3)
    assert law.residual < 1e-6
    assert law.n_runs == 36


def test_noise_moves_the_constants_little_and_one_failed_run_hardly_more():
    parameters, cells, losses = made_up(np.random.default_rng(0))
    losses[7] *= 3
    law = fit_scaling_law(parameters, cells, losses)
    found, true = constants(law), constants(TRUE)
    assert [found[0], found[2], found[4]] == pytest.approx([true[0], true[2], true[4]], rel=0.05)
    # Beyond the runs, too: four times the largest size and the most data.
    assert law.loss([4e8], [4e9]) == pytest.approx(TRUE.loss([4e8], [4e9]), rel=0.02)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda n, d, loss: (n[:5], d[:5], loss[:5]), "do not decide"),
        (lambda n, d, loss: (n * 0 + 1e6, d, loss), "do not decide"),
        (lambda n, d, loss: (n, d[1:], loss), "differ in length"),
        (lambda n, d, loss: (n, d, np.where(loss > loss.mean(), np.nan, loss)), "finite positive"),
        (lambda n, d, loss: (n, d, -loss), "finite positive"),
    ],
)
def test_runs_that_do_not_decide_the_constants_are_refused(spoil, said):
    with pytest.raises(DataError, match=said):
        fit_scaling_law(*spoil(*made_up()))
