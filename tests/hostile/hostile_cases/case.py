"""A case: how its input is made, what is run on it, and what must come of it."""

import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CANARY = "canary-that-sings-in-no-output"
"""What files outside of the workspace hold."""


@dataclass(frozen=True)
class Case:
    """One malformed input and one entry point.

    Parameters
    ----------
    name
        Unique within its group.
    run
        Makes the input in the folder it is given and runs the entry point; returns what that said.
    expects
        ``refused``: a typed error; ``ok``: none; ``either``: no other end than these.
    words
        A regular expression for the reason.
    """

    name: str
    run: Callable[[Path], str | None]
    expects: str = "refused"
    words: str = ""


def command(*arguments: object) -> str | None:
    """Run the command line in this process; return its last word where it is the state of a step."""
    import sys

    from scarena.cli.app import main

    sys.argv = ["scarena", *map(str, arguments)]
    try:
        main()
    except SystemExit as ended:
        if ended.code not in (0, None):
            raise
    return None


def child(step: str, **spec: object) -> str | None:
    """Run what the child of a step does; return its state and reason where it has one."""
    from scarena.steps.child.worker import _answer

    answer = _answer({"work": f"scarena.steps.child.{step}:{step}", **spec})
    return None if "ok" in answer else f"{answer['state']}: {answer['reason']}"


def flipped(data: bytes, seed: int, flips: int = 3) -> bytes:
    """Return bytes with some bits turned over."""
    rng, found = random.Random(seed), bytearray(data)
    for _ in range(flips):
        found[rng.randrange(len(found))] ^= 1 << rng.randrange(8)
    return bytes(found)


def cut(data: bytes, seed: int) -> bytes:
    """Return the start of some bytes, never all of them."""
    return data[: random.Random(seed).randrange(len(data))]


def odd_files(path: Path, outside: Path) -> dict[str, Callable[[], object]]:
    """Return ways to put something at a path that is no ordinary file, or none with contents."""
    return {
        "empty": lambda: path.write_bytes(b""),
        "missing": lambda: None,
        "folder": lambda: path.mkdir(),
        "pipe": lambda: os.mkfifo(path),
        "endless": lambda: path.symlink_to("/dev/zero"),
        "dangling": lambda: path.symlink_to("nowhere"),
        "link-circle": lambda: path.symlink_to(path.name),
        "canary": lambda: path.symlink_to(outside / "canary.txt"),
        "html": lambda: path.write_text("<!doctype html><html><script>alert(1)</script></html>"),
        "zeros": lambda: path.write_bytes(bytes(5000)),
        "pipe-by-link": lambda: path.symlink_to(outside / "pipe"),
    }


def outside_of(work: Path) -> Path:
    """Return the folder beside all workspaces that nothing may be read from."""
    return work.parent.parent / "outside"
