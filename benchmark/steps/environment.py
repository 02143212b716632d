"""The step `environment`: the virtual environment that a model's card asks for, made once in the cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scarena.base.errors import ScarenaError, state_of
from scarena.base.files import write_json
from scarena.models.base import Environment
from scarena.steps.config import BoardConfig
from scarena.steps.environments import digest_of, ensure
from scarena.steps.pretraining import all_checkpoints


def environment_step(name: str, out: Path, config: BoardConfig) -> dict[str, Any]:
    """Make the virtual environment of the model called `name`; write to `out` whether it is there, or why not."""
    from scarena.models.registry import find_model

    environment = find_model(name, all_checkpoints(config)).card.environment or Environment()
    answer: dict[str, Any] = {"environment": digest_of(environment), "state": "ok", "reason": ""}
    try:
        answer["python"] = str(ensure(environment, config.cache))
    except ScarenaError as error:
        answer |= {"state": state_of(error), "reason": str(error)}
    write_json(out, answer)
    return answer
