"""A terminal for what is drawn on stderr, and what of it stays there."""

import os
import pty
import re
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True)
class InTerminal:
    """A command that ran with a terminal for its stderr."""

    code: int
    stdout: str
    drawn: str
    """All that the terminal got."""

    def left(self) -> list[str]:
        """Return the lines that stay, as far as what is drawn here needs a terminal."""
        lines, at = [""], 0
        for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", self.drawn):
            if part == "\n":
                at += 1
                lines += [""] * (at + 1 - len(lines))
            elif part.endswith("A") and part.startswith("\x1b["):
                at -= int(part[2:-1] or 1)
            elif part == "\x1b[2K":
                lines[at] = ""
            elif part[0] not in "\x1b\r":
                lines[at] += part
        return [line.strip() for line in lines if line.strip()]


def _run(*command: str, cwd: Path | None = None, seconds: float = 600, **env: str) -> InTerminal:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=follower, text=True,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "200", **env},
    )  # fmt: skip
    os.close(follower)
    got = bytearray()

    def read() -> None:
        # Where nobody has the other end any more, Linux says so by an error.
        while True:
            try:
                part = os.read(leader, 1 << 16)
            except OSError:
                return
            if not part:
                return
            got.extend(part)

    reader = threading.Thread(target=read)
    reader.start()
    out = process.communicate(timeout=seconds)[0]
    reader.join(20)
    os.close(leader)
    return InTerminal(process.returncode, out, got.decode())


@pytest.fixture(scope="session")
def in_terminal():
    """Return a function that runs a command with a terminal for its stderr, and returns what came of it."""
    return _run
