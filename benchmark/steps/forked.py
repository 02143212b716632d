"""A child that is this process itself, forked: what is imported already need not be imported again.

It ends as any child does, and is watched as any is. Linux alone: elsewhere libraries of the system do not survive it.
"""

from __future__ import annotations

import ctypes
import io
import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

_MINDS_FORKS = "jemalloc_bg_thd"
_LOOKS, _BETWEEN_LOOKS_S = 5, 0.01


def may_fork(env: Mapping[str, str]) -> bool:
    """Return whether a fork of this process would be what a new one with the environment `env` is.

    What libraries read as they are imported (threads, the seed of hashes) must be what `env` says, and no thread may
    be there, which a fork would leave behind with its locks.
    """
    if sys.platform != "linux" or sys.flags.hash_randomization or env.get("PYTHONHASHSEED") != "0":
        return False
    threads = [name for name in env if name.endswith("_NUM_THREADS")]
    same = all(os.environ.get(name) == env[name] for name in (*threads, "NUMBA_CACHE_DIR"))
    return same and is_alone()


def is_alone() -> bool:
    """Return whether this process has one thread, but for those of a library that minds forks (jemalloc, of Arrow)."""
    # A library may begin with a thread that ends at once.
    for _ in range(_LOOKS):
        if threading.active_count() == 1 and sum(name != _MINDS_FORKS for name in _threads()) <= 1:
            return True
        time.sleep(_BETWEEN_LOOKS_S)
    return False


def _threads() -> list[str]:
    tasks = Path("/proc/self/task")
    found = []
    for task in tasks.iterdir():
        with suppress(OSError):
            found.append((task / "comm").read_text().strip())
    return found


class Forked:
    """A forked child with the part of `subprocess.Popen` that a watcher needs.

    Parameters
    ----------
    work
        What the child does; it returns an exit code.
    sink
        Where its output goes.
    env
        Its environment.
    """

    def __init__(self, work: Callable[[], int], sink: io.BufferedWriter, env: Mapping[str, str]) -> None:
        self.returncode: int | None = None
        for stream in (sys.stdout, sys.stderr, sink):
            stream.flush()
        leads, led = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            nothing = os.open(os.devnull, os.O_RDONLY)
            end_with(work, (nothing, sink.fileno(), sink.fileno()), env, told=led)
        os.close(led)
        # Only what leads a group of its own can be stopped with all that it began.
        os.read(leads, 1)
        os.close(leads)

    def poll(self) -> int | None:
        """Return the exit code, minus the signal's number where one ended it, or None while it runs."""
        return self._reap(os.WNOHANG)

    def wait(self) -> int:
        """Wait for its end; return the exit code as `poll` does."""
        code = self._reap(0)
        assert code is not None
        return code

    def _reap(self, options: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def end_with(
    work: Callable[[], int], streams: tuple[int, int, int], env: Mapping[str, str], told: int | None = None
) -> None:
    """Turn this process, just forked, into one that does `work` in a session of its own, and end it.

    Nothing that its parent left for its own end is done: not its handlers, not the removal of its folders.

    Parameters
    ----------
    work
        Returns an exit code, or raises SystemExit with one.
    streams
        What becomes standard input, output and error.
    env
        The environment.
    told
        A pipe to write a byte to, and close, once the session is there.
    """
    code = 1
    try:
        os.setsid()
        if told is not None:
            os.write(told, b".")
            os.close(told)
        for number, descriptor in enumerate(streams):
            os.dup2(descriptor, number)
        # Not the parent's, which may lead elsewhere.
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - for as long as the process lives
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.environ.clear()
        os.environ.update(env)
        # Of this process, not of the one it was forked from: what is logged goes to its own output.
        logging.getLogger().handlers.clear()
        code = exit_code_of(work)
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        ctypes.CDLL(None).fflush(None)
        os._exit(code)


def exit_code_of(work: Callable[[], int | None]) -> int:
    """Do `work`; return the exit code of a process that ends as it does, having printed what that prints."""
    try:
        return work() or 0
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        print(ended.code, file=sys.stderr)
    except BaseException:  # noqa: BLE001 - there is nobody to raise it to: the parent's stack is not this process's
        traceback.print_exc()
    return 1
