"""Where a run is and how fast it goes."""

from __future__ import annotations

from dataclasses import dataclass, field

from scarena.models.foundation.training.flops import utilisation


@dataclass(slots=True)
class At:
    """Where a run is; saved in every checkpoint."""

    step: int = 0
    """Updates of the weights so far."""
    seconds: float = 0.0
    """Wall clock so far, without the time between a kill and a resume."""
    halved_at: int | None = None
    losses: dict[str, float] = field(default_factory=dict)
    validation: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Pace:
    """What was done since the last line of timing.jsonl, by all processes; validation and checkpoints apart."""

    cells: int = 0
    flops: float = 0.0
    seconds: float = 0.0
    last: float = 0.0
    """Seconds of the last step."""

    def add(self, cells: int, flops: float, seconds: float) -> None:
        """Count a step."""
        self.cells, self.flops, self.seconds = self.cells + cells, self.flops + flops, self.seconds + seconds
        self.last = seconds

    def line(self, at: At, peak: float | None, n_devices: int) -> dict[str, float | None]:
        """Return a line of timing.jsonl and start anew; a number that is not known is None."""
        speed = self.cells / self.seconds if self.seconds > 0 else None
        mfu = utilisation(self.flops, self.seconds, peak, n_devices)
        self.cells, self.flops, self.seconds = 0, 0.0, 0.0
        return {"step": at.step, "seconds": at.seconds, "cells_per_second": speed, "mfu": mfu}
