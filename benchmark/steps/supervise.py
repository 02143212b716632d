"""Running one command as a watched child process: wall-clock and memory limits, exit code, CPU time, peak memory.

A model that is killed for memory or time must still leave a typed state on the board, so the process that writes the
record is never the one that runs the model.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache as once
from pathlib import Path
from typing import IO

import psutil

from scarena.base.files import user_cache
from scarena.steps.forked import Forked
from scarena.steps.record import Cost, State

_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a child ended and what it used."""

    state: State
    reason: str
    exit_code: int
    cost: Cost


def _children(pid: int) -> list[int]:
    """Return the children of a process, asked of itself: a search through all processes takes long on a full node."""
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - names alone, ten times a second
            with open(f"/proc/{pid}/task/{task}/children") as file:  # noqa: PTH123
                found += map(int, file.read().split())
    except FileNotFoundError:
        # It has ended, or this kernel does not tell (or is no Linux): then all processes are looked through.
        with contextlib.suppress(psutil.Error):
            return [child.pid for child in psutil.Process(pid).children()]
    except OSError:
        return found
    return found


def _tree(root: psutil.Process) -> list[psutil.Process]:
    found, waiting = [root], [root.pid]
    while waiting:
        for pid in _children(waiting.pop()):
            with contextlib.suppress(psutil.Error):
                found.append(psutil.Process(pid))
                waiting.append(pid)
    return found


def tree_rss_mb(root: psutil.Process) -> float:
    """Return the resident MiB of a process and its descendants; pages they share count once for each, the gone not."""
    total = 0
    for process in _tree(root):
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue
    return total / 2**20


def _kill(child: subprocess.Popen[bytes] | Forked) -> None:
    # The child leads its own process group, so loader workers die with it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def watch(
    command: list[str] | Callable[[], int], *, log: Path, timeout_s: float, memory_mb: float, env: dict[str, str]
) -> Outcome:
    """Run `command`, its output appended to `log`, until it ends or passes a limit.

    Parameters
    ----------
    command
        Words of a command, or a function that a fork of this process is to run and that returns an exit code.
    timeout_s
        Wall seconds; past it the child's whole process group is killed and the state is ``failed(timeout)``.
    memory_mb
        Resident MiB of the child and its descendants, sampled ten times a second; past it ``failed(oom)``. A SIGKILL
        that did not come from here is the kernel's out-of-memory killer in all but name, and is called so.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    start, before, peak, stopped = time.monotonic(), os.times(), 0.0, None
    with log.open("ab") as sink:
        child = Forked(command, sink, env) if callable(command) else _started(command, sink, env)
        root, end = psutil.Process(child.pid), _end_of(child.pid)
        try:
            while child.poll() is None:
                peak = max(peak, tree_rss_mb(root))
                if time.monotonic() - start > timeout_s:
                    stopped = ("failed(timeout)", f"stopped after {timeout_s:g} s")
                elif peak > memory_mb:
                    stopped = ("failed(oom)", f"stopped above {memory_mb:g} MiB")
                if stopped:
                    _kill(child)
                    break
                _pause(end)
        except BaseException:
            _kill(child)
            raise
        finally:
            if end is not None:
                os.close(end)
    after = os.times()
    cpu = (after.children_user - before.children_user) + (after.children_system - before.children_system)
    cost = Cost(wall_s=round(time.monotonic() - start, 3), cpu_s=round(cpu, 3), peak_rss_mb=round(peak, 1))
    code = child.wait()
    state, reason = stopped or _verdict(code)
    return Outcome(state, reason, code, cost)  # type: ignore[arg-type]


def _end_of(pid: int) -> int | None:
    """Return a descriptor that can be read once a child has ended; None where the system has none."""
    with contextlib.suppress(AttributeError, OSError):
        return os.pidfd_open(pid)
    return None


def _pause(end: int | None) -> None:
    """Wait for the next look at a child, or for its end."""
    if end is None:
        time.sleep(_POLL_S)
    else:
        select.select([end], [], [], _POLL_S)


def _started(command: list[str], sink: IO[bytes], env: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command, stdout=sink, stderr=sink, stdin=subprocess.DEVNULL, env=env, start_new_session=True
    )


def _verdict(exit_code: int) -> tuple[str, str]:
    if exit_code == 0:
        return "ok", ""
    if exit_code == -signal.SIGKILL:
        return "failed(oom)", "killed by the system (SIGKILL), most often for memory"
    return "failed(error)", f"ended with exit code {exit_code}"


@once
def compiled_folder(board: Path) -> Path:
    """Return where compiled kernels are kept: the user's cache, so that a new board need not compile them again.

    ``SCARENA_COMPILED`` names another folder. Where neither can be written to, as a home on a compute node, it is
    `board`, the cache of the board. What is kept serves only the same source, version and processor.
    """
    try:
        wanted = Path(os.environ.get("SCARENA_COMPILED") or user_cache() / "scarena" / "compiled")
        (wanted / "numba").mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        # RuntimeError: a user without a home.
        return board.absolute() / "compiled"
    return wanted.absolute() if os.access(wanted / "numba", os.W_OK) else board.absolute() / "compiled"


def thread_env(threads: int, cache: Path) -> dict[str, str]:
    """Return the environment of a child that must not use more than `threads` threads nor reach a model hub."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    fixed = {name: str(threads) for name in names}
    compiled = compiled_folder(cache)
    # scib-metrics compiles each metric anew in every process; jax keeps the result on disk if told where.
    fixed |= {
        "JAX_COMPILATION_CACHE_DIR": str(compiled / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "NUMBA_CACHE_DIR": str(compiled / "numba"),
        "JAX_PLATFORMS": os.environ.get("JAX_PLATFORMS", "cpu"),
    }
    # Python's hash seed orders sets; a fixed one makes a library's careless iteration repeatable.
    return {**os.environ, **fixed, "PYTHONHASHSEED": "0", "HF_HUB_OFFLINE": os.environ.get("HF_HUB_OFFLINE", "1")}
