"""A configuration names one budget, and nothing that the engine does not know."""

import pytest
from pydantic import ValidationError

from scarena.models.foundation.training.config import EngineConfig, decisive


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"steps": 3, "seconds": 3},
        {"steps": 0},
        {"steps": 3, "stepz": 1},
        {"steps": 3, "warm_up": 0.6, "decay": 0.6},
        {"steps": 3, "ema": 1.0},
        {"steps": 3, "optimiser": "sgd"},
    ],
)
def test_what_cannot_be_run_is_refused(given):
    with pytest.raises(ValidationError):
        EngineConfig.model_validate(given)


def test_a_configuration_does_not_change():
    with pytest.raises(ValidationError):
        EngineConfig(steps=3).steps = 4


def test_how_often_it_saves_is_no_part_of_what_a_run_is():
    often = EngineConfig(steps=3, checkpoint_every=1, tensorboard=True)
    assert decisive(often) == decisive(EngineConfig(steps=3))
    assert decisive(EngineConfig(steps=3, seed=1)) != decisive(EngineConfig(steps=3))
