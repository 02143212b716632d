"""A step's work in a process of its own, under limits, with one JSON file as its answer."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from shutil import disk_usage
from typing import Any

from scarena.base.errors import WorkspaceError
from scarena.base.files import read_json, write_json
from scarena.steps.child import worker
from scarena.steps.config import BoardConfig, Limits
from scarena.steps.forked import may_fork
from scarena.steps.supervise import Outcome, thread_env, watch

# On a disk with less room HDF5 may crash instead of saying so.
_ROOM = 32 << 20


def in_child(
    work: str,
    spec: dict[str, Any],
    out: Path,
    config: BoardConfig,
    limits: Limits | None = None,
    python: Path = Path(sys.executable),
) -> tuple[Outcome, dict[str, Any]]:
    """Run a function in a process of its own under limits; return how it ended and its answer.

    Parameters
    ----------
    work
        The function as ``module:name``; it takes the spec and returns what goes into the answer as ``ok``.
    spec
        What it needs, as JSON has it. With ``anew`` it is done a second time where it had to compile a kernel: such a
        process may give other last digits than all later ones, which take the kernel from disk.
    out
        The file that the step will write; spec, answer and log lie beside it.
    config
        The board.
    limits
        The board's if none are given.
    python
        That of the environment it runs in.

    Raises
    ------
    WorkspaceError
        If there is no room for the result: no state of a model, which is to be run again.
    """
    spec_file, answer_file = (out.with_name(f".{out.stem}.{end}.json") for end in ("spec", "answer"))
    log = out.with_suffix(".log")
    for stale in (answer_file, log):
        stale.unlink(missing_ok=True)
    limits = limits or config.limits
    told = {"work": work, "answer": str(answer_file), "threads": limits.threads, **spec, "parent": os.getpid()}
    write_json(spec_file, told)
    env = thread_env(limits.threads, config.cache)
    here = python == Path(sys.executable) and may_fork(env)
    command = partial(worker.main, spec_file) if here else [str(python), "-m", worker.__name__, str(spec_file)]
    run = partial(watch, command, log=log, timeout_s=limits.timeout_s, memory_mb=limits.memory_mb, env=env)
    outcome = run()
    if outcome.exit_code == os.EX_TEMPFAIL:
        answer_file.unlink(missing_ok=True)
        write_json(spec_file, {**told, "anew": False})
        outcome = run()
    if outcome.exit_code == os.EX_IOERR or (_crashed(outcome) and disk_usage(out.parent).free < _ROOM):
        fix = "make room there and run again: nothing that is finished is lost"
        raise WorkspaceError("could not write what it had made", where=str(out.parent), fix=fix)
    answer: dict[str, Any] = {}
    with suppress(FileNotFoundError):
        answer = read_json(answer_file)
    for used in (spec_file, answer_file):
        used.unlink(missing_ok=True)
    return outcome, answer


def _crashed(outcome: Outcome) -> bool:
    return outcome.exit_code < 0 and outcome.state == "failed(error)"


def verdict_of(outcome: Outcome, answer: dict[str, Any], log: Path) -> tuple[str, str]:
    """Return (state, reason): the worker's own word where it left one, else how it ended."""
    if "ok" in answer and outcome.state == "ok":
        return "ok", ""
    if outcome.state in ("failed(timeout)", "failed(oom)"):
        return outcome.state, outcome.reason
    if "state" in answer:
        return answer["state"], answer["reason"]
    return "failed(error)", f"{outcome.reason or 'left no answer'}; see {log}"
