"""Keeping the warm process of a board (`scarena.steps.warm`) beside its driver."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from scarena.steps.config import BoardConfig
from scarena.steps.door import PLACE, PREFIX
from scarena.steps.supervise import thread_env

# Of a socket's path, in bytes; Linux has room for 107.
_LONGEST = 100
_PATIENCE_S = 10
# What the process runs: named, since the command line lies above this room.
_VERB = "scarena.cli.app:main"


_LEFT: list[subprocess.Popen[bytes]] = []
"""Processes that had not ended when their board had."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a driver's process is to be given: nothing where no process is kept warm."""

    environment: dict[str, str] = field(default_factory=dict)
    descriptors: tuple[int, ...] = ()
    pid: int | None = None
    """Number of the warm process."""


@contextlib.contextmanager
def kept_warm(config: BoardConfig, log: Path) -> Iterator[Kept]:
    """Keep a warm process while a board is made on this machine; what it has to say goes to `log`.

    The driver inherits the lifeline: whoever of the two outlives the other still has the warm process.
    """
    if sys.platform != "linux":
        yield Kept()
        return
    with tempfile.TemporaryDirectory(prefix="scarena-", ignore_cleanup_errors=True) as folder:
        place = Path(folder) / "warm"
        if len(os.fsencode(place)) > _LONGEST:
            yield Kept()
            return
        watched, held = os.pipe()
        process = _start(place, watched, config, log)
        os.close(watched)
        try:
            yield Kept({PLACE: str(place), PREFIX: sys.prefix}, (held,), process.pid)
        finally:
            os.close(held)
            try:
                process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                # It still imports, or a driver that lives on needs it: it ends by itself.
                _LEFT.append(process)


def _start(place: Path, lifeline: int, config: BoardConfig, log: Path) -> subprocess.Popen[bytes]:
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "scarena.steps.warm", str(place), str(lifeline), _VERB]
    with log.open("wb") as sink:
        return subprocess.Popen(
            command, env=thread_env(config.limits.threads, config.cache), pass_fds=[lifeline], start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=sink, stderr=sink,
        )  # fmt: skip
