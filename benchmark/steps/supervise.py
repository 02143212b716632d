"""Running one command as a watched child process: wall-clock and memory limits, exit code, CPU time, peak memory.

A model that is killed for memory or time must still leave a typed state on the board, so the process that writes the
record is never the one that runs the model.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from scarena.steps.record import Cost, State

_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a child ended and what it used."""

    state: State
    reason: str
    exit_code: int
    cost: Cost


def _tree(root: psutil.Process) -> list[psutil.Process]:
    try:
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def tree_rss_mb(root: psutil.Process) -> float:
    """Return the resident MiB of a process and its descendants; pages they share count once for each, the gone not."""
    total = 0
    for process in _tree(root):
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue
    return total / 2**20


def _kill(child: subprocess.Popen[bytes]) -> None:
    # The child leads its own process group, so loader workers die with it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def watch(command: list[str], *, log: Path, timeout_s: float, memory_mb: float, env: dict[str, str]) -> Outcome:
    """Run `command`, its output appended to `log`, until it ends or passes a limit.

    Parameters
    ----------
    timeout_s
        Wall seconds; past it the child's whole process group is killed and the state is ``failed(timeout)``.
    memory_mb
        Resident MiB of the child and its descendants, sampled ten times a second; past it ``failed(oom)``. A SIGKILL
        that did not come from here is the kernel's out-of-memory killer in all but name, and is called so.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    start, before, peak, stopped = time.monotonic(), os.times(), 0.0, None
    with log.open("ab") as sink:
        child = subprocess.Popen(
            command, stdout=sink, stderr=sink, stdin=subprocess.DEVNULL, env=env, start_new_session=True
        )
        root = psutil.Process(child.pid)
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
                time.sleep(_POLL_S)
        except BaseException:
            _kill(child)
            raise
    after = os.times()
    cpu = (after.children_user - before.children_user) + (after.children_system - before.children_system)
    cost = Cost(wall_s=round(time.monotonic() - start, 3), cpu_s=round(cpu, 3), peak_rss_mb=round(peak, 1))
    state, reason = stopped or _verdict(child.returncode)
    return Outcome(state, reason, child.returncode, cost)  # type: ignore[arg-type]


def _verdict(exit_code: int) -> tuple[str, str]:
    if exit_code == 0:
        return "ok", ""
    if exit_code == -signal.SIGKILL:
        return "failed(oom)", "killed by the system (SIGKILL), most often for memory"
    return "failed(error)", f"ended with exit code {exit_code}"


def thread_env(threads: int, cache: Path) -> dict[str, str]:
    """Return the environment of a child that must not use more than `threads` threads nor reach a model hub."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    fixed = {name: str(threads) for name in names}
    compiled = cache.absolute() / "compiled"
    # scib-metrics compiles each metric anew in every process; jax keeps the result on disk if told where.
    fixed |= {
        "JAX_COMPILATION_CACHE_DIR": str(compiled / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "NUMBA_CACHE_DIR": str(compiled / "numba"),
        "JAX_PLATFORMS": os.environ.get("JAX_PLATFORMS", "cpu"),
    }
    # Python's hash seed orders sets; a fixed one makes a library's careless iteration repeatable.
    return {**os.environ, **fixed, "PYTHONHASHSEED": "0", "HF_HUB_OFFLINE": os.environ.get("HF_HUB_OFFLINE", "1")}
