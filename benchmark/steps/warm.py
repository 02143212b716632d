"""A process that has imported what the steps of a board need, and forks itself for each of them.

``python -m scarena.steps.warm SOCKET LIFELINE VERB``. Importing costs a step more than its work, twice: where it
is watched and where it works. It lives as long as somebody holds the other end of the pipe LIFELINE, and then until the
last of its steps has ended. It computes nothing and has one thread: a fork would copy the locks of others as they are.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from scarena.steps.child.worker import die_with, named
from scarena.steps.door import LENGTH
from scarena.steps.forked import end_with, exit_code_of, is_alone

# What the steps of most boards import. Not scvi: it brings jax, which has threads.
_WANTED = (
    "scarena.steps.embed", "scarena.steps.prepare", "scarena.steps.reference",
    "scarena.steps.score", "scarena.steps.umap", "scarena.steps.child.embed", "scarena.steps.child.prepare",
    "scarena.steps.child.reference", "scarena.steps.child.score", "scarena.models.registry",
    "scarena.models.expression", "scarena.datasets.prepare", "scarena.datasets.prepared",
    "anndata", "scanpy", "torch", "igraph", "leidenalg", "sklearn.neighbors", "sklearn.cluster",
)  # fmt: skip
# Seconds between looks for steps that have ended; nobody waits for these looks.
_REAP_S = 1.0


def import_all() -> bool:
    """Import what steps need; return whether this process may be forked afterwards, having one thread."""
    from scarena.models.registry import in_tree_files

    metrics = sorted(Path(import_module("scarena.metrics").__path__[0]).glob("[!_]*.py"))
    # One that needs a GPU's libraries, or what is not installed, is no loss: the step says so itself.
    for name in (*_WANTED, *(f"scarena.metrics.{path.stem}" for path in metrics), *in_tree_files()):
        with suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import_module(name)
    return is_alone()


def own_files() -> dict[str, int]:
    """Return when the files of scArena's code that this process has imported were last changed."""
    files = [getattr(module, "__file__", None) for name, module in sys.modules.items() if name.startswith("scarena")]
    found = {}
    for file in filter(None, files):
        with suppress(OSError):
            found[file] = os.stat(file).st_mtime_ns  # noqa: PTH116 - hundreds of them, before every step
    return found


@dataclass(slots=True)
class Warm:
    """The process and the steps that it was forked for."""

    listener: socket.socket
    lifeline: int
    verb: Callable[[], None]
    """The command line, which reads what is asked from its arguments."""
    known: dict[str, int] = field(default_factory=own_files)
    """Own files as they were when they were imported."""
    running: dict[int, socket.socket] = field(default_factory=dict)
    """By the number of its process, each step's connection to who asked for it."""

    def serve(self) -> None:
        """Fork a process for each step that is asked for, until the lifeline is cut and all have ended."""
        cut = imported = False
        while not cut or self.running:
            ready = self._ready(cut)
            if self.lifeline in ready:
                cut = True
                self.listener.close()
            elif not cut and self.listener.fileno() in ready:
                self._answer()
                if not imported:
                    # After the first step, which fetches files: whoever finds a finished board imports nothing.
                    imported, alone = True, import_all()
                    self.known = own_files() if alone else {}
            self._look_after(ready)

    def _ready(self, cut: bool) -> set[int]:
        looks = select.poll()
        for number in () if cut else (self.listener.fileno(), self.lifeline):
            looks.register(number, select.POLLIN)
        for door in self.running.values():
            # Not for what can be read, which is the step's: only for its end.
            looks.register(door, select.POLLRDHUP)
        return {number for number, _ in looks.poll(_REAP_S * 1000)}

    def _answer(self) -> None:
        door, _ = self.listener.accept()
        if self.outdated():
            door.close()
            return
        mine, pid = os.getpid(), os.fork()
        if pid == 0:
            # Without the warm process nobody would stop a step whose asker is gone.
            die_with(mine)
            self._become(door)
        self.running[pid] = door

    def outdated(self) -> bool:
        """Return whether code was edited since it was imported: a step then begins by itself."""
        return not self.known or any(_changed(file, stamp) for file, stamp in self.known.items())

    def _become(self, door: socket.socket) -> None:
        self.listener.close()
        os.close(self.lifeline)
        for other in self.running.values():
            other.close()
        serve_one(door, self.verb)

    def _look_after(self, ready: Iterable[int]) -> None:
        for pid, door in list(self.running.items()):
            if door.fileno() in ready:
                # Who asked is gone: so is the step. Its own child dies with it.
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if os.waitpid(pid, os.WNOHANG)[0]:
                self.running.pop(pid).close()


def _changed(file: str, stamp: int) -> bool:
    try:
        return os.stat(file).st_mtime_ns != stamp  # noqa: PTH116
    except OSError:
        return True


def serve_one(door: socket.socket, verb: Callable[[], None]) -> None:
    """Be the step that is asked for through `door`, in a process that was just forked for it, and end it."""
    door.sendall(b".")
    head, streams, _, _ = socket.recv_fds(door, LENGTH, 3)
    asked = json.loads(_exactly(door, int.from_bytes(head, "big")))
    os.chdir(asked["folder"])
    os.umask(asked["umask"])

    def work() -> int:
        sys.argv = ["scarena", *asked["arguments"]]
        code = exit_code_of(verb)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        door.sendall(bytes([code & 0xFF]))
        return code

    end_with(work, (streams[0], streams[1], streams[2]), asked["environment"])


def _exactly(door: socket.socket, length: int) -> bytes:
    found = b""
    while len(found) < length:
        if not (part := door.recv(min(1 << 16, length - len(found)))):
            sys.exit("who asked is gone")
        found += part
    return found


def main(place: str, lifeline: int, verb: str) -> None:
    """Listen at a socket of one's own until the lifeline is cut; `verb` is the command line as ``module:name``."""
    with socket.socket(socket.AF_UNIX) as listener:
        # Nobody but this user may ask. What steps write is as open as who asks has it.
        before = os.umask(0o077)
        listener.bind(place)
        os.umask(before)
        listener.listen(64)
        try:
            Warm(listener, lifeline, named(verb)).serve()
        finally:
            Path(place).unlink(missing_ok=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
