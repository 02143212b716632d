"""The gradient of one step: parts, processes, precision, and what happens when memory or numbers run out.

Shapes: K named losses.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from scarena.base.errors import ModelError
from scarena.models.foundation.training.distributed import Outer, Place, local_value
from scarena.models.foundation.training.optimisers import trained
from scarena.models.foundation.training.task import Halvable, Task
from scarena.models.foundation.training.tensors import random_states, set_random_states

if TYPE_CHECKING:
    from scarena.models.foundation.training.config import EngineConfig

_LOG = logging.getLogger("scarena.training")


@dataclass(frozen=True, slots=True)
class Measured:
    """What is known of a step before the weights change, alike in every process."""

    losses: dict[str, float]
    """Means over processes and parts."""
    norm: float
    """Of the gradient, before it is clipped."""

    @property
    def wrong(self) -> list[str]:
        """What is not finite, as clauses."""
        found = [f"loss {name} is {value}" for name, value in self.losses.items() if not math.isfinite(value)]
        return found if found or math.isfinite(self.norm) else [f"the gradient's norm is {self.norm}"]


def out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out; the CPU allocator of torch has no class for it."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
    )


class Gradients:
    """Computes gradients into a model's parameters, clipped."""

    def __init__(self, model: nn.Module, outer: Outer, task: Task, config: EngineConfig, place: Place) -> None:
        self.outer, self.task, self.config, self.place = outer, task, config, place
        self.parameters = list(trained(model).values())
        self.halved_at: int | None = None
        """The step from which the task's batch is half of what it was."""

    def drop(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def of_step(self, step: int) -> Measured:
        """Compute the gradients of a step; out of memory, halve the task's batch and compute them once more.

        Parameters
        ----------
        step
            From 0.

        Raises
        ------
        ModelError
            If memory runs out and the task cannot be halved, or has been before, or there are other processes, which
            would wait for this one inside a collective call.
        """
        before = random_states(self.place.device)
        try:
            return self.compute(step)
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
        # Outside of the handler, because the error's traceback holds the tensors that filled the memory.
        self.drop()
        if self.place.device.type == "cuda":
            torch.cuda.empty_cache()
        set_random_states(before, self.place.device)
        self.halve(step)
        return self.of_step(step)

    def halve(self, step: int) -> None:
        """Halve the task's batch from a step on.

        Raises
        ------
        ModelError
            If that cannot be.
        """
        where, fix = f"step {step}", "ask for fewer cells a step, or for more accumulated parts"
        if self.place.world > 1:
            raise ModelError("out of memory in one of several processes", where=where, fix=fix)
        if self.halved_at is not None:
            raise ModelError(f"out of memory although the batch was halved at {self.halved_at}", where=where, fix=fix)
        if not isinstance(self.task, Halvable) or not self.task.halve():
            raise ModelError("out of memory, and the task cannot halve its batch", where=where, fix=fix)
        _LOG.warning("out of memory at step %d: from here on with half the batch", step)
        self.halved_at = step

    def compute(self, step: int) -> Measured:
        """Compute the gradients of a step, as means over processes and parts."""
        self.drop()
        parts, names = self.config.accumulate, []
        total_K = torch.zeros((), device=self.place.device)
        for part in range(parts):
            with self.outer.part(part == parts - 1):
                losses = self._losses(step, part)
                (torch.stack(list(losses.values())).sum() / parts).backward()
            names = sorted(losses)
            total_K = total_K + torch.stack([losses[name].detach() for name in names])
        return self._measured(names, total_K / parts)

    def _losses(self, step: int, part: int) -> dict[str, Tensor]:
        rank, world = part * self.place.world + self.place.rank, self.config.accumulate * self.place.world
        bf16 = self.config.precision == "bf16"
        with torch.autocast(self.place.device.type, torch.bfloat16, enabled=bf16):
            found: dict[str, Tensor] = self.outer(lambda model: self.task.losses(model, step, rank, world))
        if not found or any(value.ndim for value in found.values()):
            fix = "return named scalars"
            raise ModelError("the task returned no losses, or one that is not a number", where="training", fix=fix)
        return {name: value.float() for name, value in found.items()}

    def _measured(self, names: list[str], losses_K: Tensor) -> Measured:
        found = [parameter for parameter in self.parameters if parameter.grad is not None]
        norm = local_value(torch.nn.utils.get_total_norm([each.grad for each in found if each.grad is not None]))
        # One transfer, which waits for the device: no update may happen before its numbers are known to be finite.
        *losses, whole = self.place.mean(torch.cat([losses_K, norm[None]])).tolist()
        if self.config.clip is not None:
            torch.nn.utils.clip_grads_with_norm_(found, self.config.clip, norm)
        return Measured(dict(zip(names, losses, strict=True)), whole)
