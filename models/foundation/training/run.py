"""One training run: steps, what happens when one fails, checkpoints, validation and logs, until the budget is spent."""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from scarena.base.errors import ModelError
from scarena.base.progress import tell
from scarena.models.foundation.training.config import EngineConfig, decisive
from scarena.models.foundation.training.distributed import Outer, Place
from scarena.models.foundation.training.ema import Ema
from scarena.models.foundation.training.flops import peak_flops
from scarena.models.foundation.training.logs import Logs
from scarena.models.foundation.training.optimisers import make_optimisers, set_rates
from scarena.models.foundation.training.progress import At, Pace
from scarena.models.foundation.training.schedule import progress_of_step, share_of_peak
from scarena.models.foundation.training.state import FORMAT, Slot, Store, check_same
from scarena.models.foundation.training.step import Gradients, Measured, out_of_memory
from scarena.models.foundation.training.task import Report, Task
from scarena.models.foundation.training.tensors import (
    collected,
    random_states,
    restore,
    set_random_states,
    shapes_of,
    template,
)

_LOG = logging.getLogger("scarena.training")


class _NotFinite(ModelError):
    """A loss or gradient that is not finite, of which all processes know."""


class Training:
    """A run of `loop.fit`; all processes call its methods together."""

    logs: Logs | None = None
    resumed_at: int | None = None

    def __init__(self, model: nn.Module, task: Task, config: EngineConfig, folder: Path, place: Place) -> None:
        self.model, self.task, self.config, self.folder, self.place = model, task, config, folder, place
        self.at, self.pace = At(), Pace()
        self.shapes = {name: f"{kind}{shape}" for name, (kind, shape) in shapes_of(model.state_dict()).items()}
        self.outer = Outer(model, config.distributed, place)
        self.optimisers = make_optimisers(model, config)
        self.ema = Ema(model, config.ema) if config.ema is not None else None
        self.gradients = Gradients(model, self.outer, task, config, place)
        self.store = Store(folder / "state", place, sharded=config.distributed == "fsdp")
        self.peak = peak_flops(place.device, config.precision)

    def begin(self, identity: Mapping[str, Any], clock: Callable[[], float]) -> None:
        """Open the logs and go on from the last checkpoint, if there is one."""
        self.identity = {
            "format": FORMAT,
            "torch": torch.__version__.partition("+")[0],
            "config": decisive(self.config),
            "model": self.shapes,
            "task": dict(identity),
            "processes": self.place.world,
            "device": self.place.device.type,
        }
        self.clock, self.begun, slot = clock, clock(), self.store.newest()
        if slot is not None:
            self._resume(slot)
        if self.place.rank == 0:
            kept, board = {} if slot is None else slot.manifest["logs"], self.config.tensorboard
            self.logs = Logs(self.folder, kept, self.at.step, tensorboard=board)

    def _resume(self, slot: Slot) -> None:
        check_same(slot, self.identity)
        tensors = self.store.load(slot, lambda: template(self.model, self.ema, slot.manifest["shapes"]))
        restore(tensors, self.model, self.ema, self.optimisers)
        states = {name: tensors[f"random/{name}"][self.place.rank] for name in random_states(self.place.device)}
        set_random_states(states, self.place.device)
        self.at = At(**slot.manifest["at"])
        self.resumed_at, self.begun = self.at.step, self.clock() - self.at.seconds
        if self.at.halved_at is not None:
            self.gradients.halve(self.at.halved_at)
        _LOG.info("going on from step %d of %s", self.at.step, slot.folder)

    def save(self) -> None:
        """Write a checkpoint of now."""
        tensors = collected(self.model, self.ema, self.optimisers)
        for name, state in random_states(self.place.device).items():
            tensors[f"random/{name}"] = self.place.of_all(state)

        def manifest() -> dict[str, Any]:
            logs = {} if self.logs is None else self.logs.kept()
            return {"identity": self.identity, "at": asdict(self.at), "shapes": shapes_of(tensors), "logs": logs}

        self.store.save(tensors, manifest)

    def _look_at_clock(self) -> None:
        self.at.seconds = self.clock() - self.begun
        if self.config.seconds is not None:
            self.at.seconds = self.place.of_first(self.at.seconds)

    def _progress(self) -> float:
        if self.config.steps is not None:
            return progress_of_step(self.at.step, self.config.steps)
        assert self.config.seconds is not None
        return self.at.seconds / self.config.seconds

    def _spent(self) -> bool:
        if self.config.steps is not None:
            return self.at.step >= self.config.steps
        assert self.config.seconds is not None
        # A step that would end beyond the limit is not begun, but for the first, without which nothing is trained.
        return self.at.step > 0 and self.at.seconds + self.place.of_first(self.pace.last) > self.config.seconds

    def run(self) -> None:
        """Spend what is left of the budget."""
        if self.resumed_at is None:
            self._validate()
            self.save()
        self.model.train()
        self._look_at_clock()
        spent = self._spent()
        while not spent:
            measured, share = self._step()
            self._look_at_clock()
            spent = self._spent()
            self._after(measured, share, spent)
            self._look_at_clock()

    def _step(self) -> tuple[Measured, float]:
        """Change the weights once, or stop with them as they are and saved; return the share of the peak rate too."""
        start, share = self.clock(), share_of_peak(self._progress(), self.config.warm_up, self.config.decay)
        with self._saved_if_it_fails():
            measured = self.gradients.of_step(self.at.step)
            if measured.wrong:
                what = f"{' and '.join(measured.wrong)} at step {self.at.step}"
                raise _NotFinite(what, where=str(self.folder), fix="lower learning_rate or clip, or look at the data")
        self._update(share)
        self.at.step, self.at.losses = self.at.step + 1, measured.losses
        self.at.halved_at = self.gradients.halved_at
        self.pace.add(self.task.n_cells, self.task.flops(), self.clock() - start)
        return measured, share

    @contextlib.contextmanager
    def _saved_if_it_fails(self) -> Iterator[None]:
        before = random_states(self.place.device)
        try:
            yield
        except ModelError as error:
            self.gradients.drop()
            # What fails in one process alone must not wait for the others to save with it.
            if self.place.world == 1 or isinstance(error, _NotFinite):
                set_random_states(before, self.place.device)
                self.at.halved_at = self.gradients.halved_at
                self.save()
            raise

    def _update(self, share: float) -> None:
        set_rates(self.optimisers, share)
        try:
            for optimiser in self.optimisers:
                optimiser.step()
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            what, fix = f"out of memory in the optimiser at step {self.at.step}", "train a smaller model"
            raise ModelError(what, where=str(self.folder), fix=fix) from None
        if self.ema is not None:
            self.ema.update(self.at.step)

    def _after(self, measured: Measured, share: float, spent: bool) -> None:
        """Log, validate and save where that is due; after the last step all of it is."""
        every = self.config
        if spent or self.at.step % every.log_every == 0:
            self._log(measured, share)
        if spent or self.at.step % (every.validate_every or self.at.step + 1) == 0:
            self._validate()
        if spent or self.at.step % every.checkpoint_every == 0:
            self.save()

    def _log(self, measured: Measured, share: float) -> None:
        timing = self.pace.line(self.at, self.peak, self.place.world)
        if self.logs is None:
            return
        total, rate = math.fsum(measured.losses.values()), share * self.config.learning_rate
        row = {"step": self.at.step, "loss": total, "losses": measured.losses, "gradient": measured.norm, "rate": rate}
        self.logs.losses(row)
        self.logs.timing(timing)
        by_clock = self.config.steps is None
        done, of = (self.at.seconds, self.config.seconds) if by_clock else (self.at.step, self.config.steps)
        tell("training", done, of, "s" if by_clock else "steps", f"loss {total:.4g}")

    def _validate(self) -> None:
        """Validate the running mean of the weights, or the weights where there is none, and log it."""
        if self.config.validate_every is None:
            return
        self.model.eval()
        before = random_states(self.place.device)
        with torch.no_grad(), contextlib.nullcontext() if self.ema is None else self.ema.in_place():
            found: dict[str, float] = self.outer(self.task.validate)
            self.outer.forget()
        set_random_states(before, self.place.device)
        self.model.train()
        for name, value in sorted(found.items()):
            if not math.isfinite(value):
                what, fix = f"validation gave {name} = {value} after step {self.at.step}", "lower learning_rate"
                raise ModelError(what, where=str(self.folder), fix=fix)
        self.at.validation = {name: float(value) for name, value in sorted(found.items())}
        if self.logs is not None:
            self.logs.losses({"step": self.at.step, "validation": self.at.validation})

    def end(self) -> Report:
        """Leave the model ready for use, and say what was done."""
        self.gradients.drop()
        if self.ema is not None:
            self.ema.write()
        self.model.eval()
        at = self.at
        return Report(at.step, self.resumed_at, at.losses, at.validation, at.halved_at, at.seconds)
