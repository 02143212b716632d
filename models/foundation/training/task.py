"""What the engine asks of a task, and what it reports at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor, nn


class Task(Protocol):
    """Losses of a model on some data. Holds no state that a step changes, so that resuming needs no loader's state.

    A step's cells are cut into `world` equal parts: one for each process and accumulated part. Whatever the cut, the
    step's losses are the means over its parts, so a loss should be a mean over cells.
    """

    @property
    def n_cells(self) -> int:
        """Cells of a step, over all parts."""

    def losses(self, model: nn.Module, step: int, rank: int, world: int) -> dict[str, Tensor]:
        """Return named scalar losses, weights already applied; the engine sums them.

        The names are the same at every call. The draw of cells is decided by (step, rank, world) and the task's seed.
        Called under autocast where the precision is bf16: what must not be rounded is for the task to keep in float32.
        """

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Return named finite numbers; called without gradients, in eval mode, by every process alike."""

    def flops(self) -> float:
        """Return floating-point operations of one step, forward and backward, over all parts; 0 if unknown."""


@runtime_checkable
class Halvable(Protocol):
    """A task that can go on with less memory."""

    def halve(self) -> bool:
        """Halve the cells of a step; return whether that was possible."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a finished run says of itself."""

    steps: int
    """Updates of the weights, those before a resume included."""
    resumed_at: int | None
    """The step of the checkpoint it went on from; None for a run from nothing."""
    losses: dict[str, float]
    """Of the last step."""
    validation: dict[str, float]
    """After the last step; empty where the configuration asks for none."""
    halved_at: int | None
    """The step that ran out of memory and was repeated with half the cells, as all after it."""
    seconds: float
    """Wall clock, those before a resume included."""
