"""Measuring in a process of its own, whose memory is its own too."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scarena.base.files import read_json, write_json
from scarena.steps.record import hardware, versions
from scarena.steps.supervise import thread_env, watch

if TYPE_CHECKING:
    from scarena.steps.supervise import Outcome

_MEMORY_MB = 1 << 20


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: what it answered where it ended well, and what it printed."""

    outcome: Outcome
    answer: dict[str, Any]
    log: str

    @property
    def peak_gib(self) -> float:
        """Its peak memory."""
        return self.outcome.cost.peak_rss_mb / 1024


def ended(module: str, spec: dict[str, Any], *, threads: int, timeout_s: float = 3600) -> Ended:
    """Run a module on a spec, to which the file for its answer is added.

    Parameters
    ----------
    module
        Called as ``python -m MODULE SPEC.json``.
    spec
        For it.
    threads
        Of its libraries. Compiled code is kept in ``.cache``, where all such processes find it.
    timeout_s
        After which it is stopped.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file, answer, log = (folder / each for each in ("spec.json", "answer.json", "log"))
        write_json(file, {**spec, "answer": str(answer)})
        outcome = watch(
            [sys.executable, "-m", module, str(file)], log=log, timeout_s=timeout_s, memory_mb=_MEMORY_MB,
            env=thread_env(threads, Path(".cache")),
        )  # fmt: skip
        return Ended(outcome, read_json(answer) if outcome.state == "ok" else {}, log.read_text())


def benched(module: str, spec: dict[str, Any], *, threads: int) -> dict[str, Any]:
    """Return what a module measured of a spec, with its state, peak GiB and CPU seconds, and where it was measured.

    See `ended`; where it did not end well, the end of what it printed stands in place of its answer.
    """
    own = ended(module, spec, threads=threads)
    run = {**spec, "state": own.outcome.state, "peak_gib": own.peak_gib, "cpu_s": own.outcome.cost.cpu_s}
    return {"hardware": hardware(), "versions": versions(), "run": {**run, **(own.answer or {"log": own.log[-2000:]})}}
