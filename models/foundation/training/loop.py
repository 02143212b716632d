"""The training loop: trains any module on a task, saves as it goes, and goes on from where it was stopped.

A run that is killed and resumed writes the same losses.jsonl and ends in the same weights, bit for bit, as one that was
not: on the same hardware, with as many processes, a budget in steps, and a model whose operations are deterministic.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from scarena.models.foundation.training.config import EngineConfig
from scarena.models.foundation.training.distributed import Place, joined
from scarena.models.foundation.training.run import Training
from scarena.models.foundation.training.task import Report, Task


@contextlib.contextmanager
def _own_generators(seed: int, place: Place) -> Iterator[None]:
    """Seed torch's generators for this process, and give back the caller's at the end."""
    with torch.random.fork_rng(devices=[place.device.index] if place.device.type == "cuda" else []):
        torch.manual_seed(int(np.random.SeedSequence([seed, place.rank]).generate_state(1)[0]))
        yield


def fit(
    model: nn.Module, task: Task, config: EngineConfig, folder: Path, *, device: str = "cpu",
    identity: Mapping[str, Any] | None = None, clock: Callable[[], float] = time.monotonic,
) -> Report:  # fmt: skip
    """Train a model in place, from nothing or from the last checkpoint in `folder`.

    Parameters
    ----------
    model
        With its initial weights in float32; moved to the device. At the end it holds the weights to use (the running
        mean, where one is kept) and is in eval mode; under FSDP they are sharded, see `distributed.full_weights`.
    task
        Losses and data.
    config
        See `EngineConfig`.
    folder
        Gets state/ (checkpoints), losses.jsonl and timing.jsonl.
    device
        ``cpu``, ``cuda`` or ``cuda:N``.
    identity
        What a checkpoint must agree with beside configuration and model, as JSON: checksums of the corpus, say.
    clock
        Seconds from any origin.

    Returns
    -------
    What was done; of a run that had been completed before, what was done then.

    Raises
    ------
    ModelError
        If a loss or gradient is not finite or memory runs out (the weights and the newest checkpoint are then those
        before that step), or if the checkpoint is damaged or of another run.
    ConfigError
        If the processes at hand are not those of the configuration.
    """
    with joined(config.distributed, device) as place, _own_generators(config.seed, place):
        model.to(place.device)
        if config.compile:
            model.compile()
        training = Training(model, task, config, folder, place)
        try:
            training.begin(identity or {}, clock)
            training.run()
            return training.end()
        finally:
            if training.logs is not None:
                training.logs.close()
