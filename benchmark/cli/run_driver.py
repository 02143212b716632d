"""The driver of a board, snakemake, as a child of `scarena run`: started, followed, and passed signals on to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from scarena.base.log_tail import last_lines
from scarena.cli.progress import Doing, screen
from scarena.cli.run_events import Follow
from scarena.steps.config import BoardConfig
from scarena.steps.keep_warm import Kept

LOG = Path("logs/snakemake.log")
"""Of a board's folder: all that snakemake said in the last run. Those before are in ``.snakemake/log``."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How the driver ended.

    Parameters
    ----------
    code
        Its exit code.
    said
        Lines that were printed meanwhile.
    log
        Where all is that it said; None where that went to the terminal.
    """

    code: int
    said: Collection[str] = ()
    log: Path | None = None

    def last(self, n: int) -> list[str]:
        """Return the last lines of the log."""
        return last_lines(self.log, n) if self.log else []


@dataclass(frozen=True, slots=True)
class Driver:
    """Snakemake to be run.

    Parameters
    ----------
    command
        It and the options that take one value each.
    rest
        What comes last on its command line.
    lock
        A descriptor that it inherits.
    kept
        The warm process beside it.
    """

    command: list[str]
    rest: list[str]
    lock: int
    kept: Kept

    def run(self) -> Ended:
        """Run it, and let it say on the terminal what it has to say."""
        child = self._start([])
        with _passed_on(child):
            return Ended(child.wait())

    def follow(self, config: BoardConfig) -> Ended:
        """Run it and show how far it is; what it says itself goes to a file."""
        log = config.folder / LOG
        log.parent.mkdir(parents=True, exist_ok=True)
        read, write = os.pipe()
        with os.fdopen(read, encoding="utf-8") as events, log.open("wb") as sink, screen() as shown:
            shown.show(Doing(f"{config.board}: planning"))
            found = Follow(config, shown)
            try:
                child = self._start(["--logger", "scarena", "--logger-scarena-events", str(write)], sink, write)
            finally:
                os.close(write)
            with _passed_on(child):
                for line in events:
                    # Half a line is the last word of a driver that was killed.
                    if line.endswith("\n"):
                        found.take(json.loads(line))
                return Ended(child.wait(), found.said, log)

    def _start(self, more: list[str], sink: IO[bytes] | None = None, *descriptors: int) -> subprocess.Popen[bytes]:
        # In a session of its own: whoever sends a signal to this process alone (a scheduler) or to all of a terminal's
        # (Ctrl-C), the driver is told once, and has the time that it takes to end its jobs, on a cluster too.
        return subprocess.Popen(
            [*self.command, *more, *self.rest], env={**_environment(), **self.kept.environment}, stderr=sink,
            pass_fds=[self.lock, *self.kept.descriptors, *descriptors], start_new_session=True,
        )  # fmt: skip


def _environment() -> dict[str, str]:
    # Rules call `scarena`: the one beside this interpreter, whether or not its environment was activated.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    # Steps run with a fixed seed of hashes; begun with it they need not begin anew.
    return {**os.environ, "PATH": path, "PYTHONHASHSEED": "0"}


@contextmanager
def _passed_on(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Pass the signals that this process gets on to a child."""
    # A closed terminal is passed on as Ctrl-C, which snakemake takes time to obey; under nohup it is ignored.
    passed = {signal.SIGINT: signal.SIGINT, signal.SIGTERM: signal.SIGTERM, signal.SIGHUP: signal.SIGINT}
    before = {number: signal.getsignal(number) for number in passed}
    for number in (number for number, handler in before.items() if handler is not signal.SIG_IGN):
        signal.signal(number, lambda sent, _: child.send_signal(passed[signal.Signals(sent)]))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
