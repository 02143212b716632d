"""The child process of a step: does the heavy work under the limits its parent watches.

``python -m scarena.steps.child.worker SPEC.json``; the spec is written by the parent. Errors end as one JSON file that
the parent reads, never as a traceback on the board; the traceback is in the log.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from scarena.base.errors import ConfigError, ScarenaError, WorkspaceError, state_of
from scarena.base.files import read_json, workspace_error, write_json

# PR_SET_PDEATHSIG of <linux/prctl.h>.
_SET_DEATH_SIGNAL = 1


def named(function: str) -> Callable[..., Any]:
    """Return the function of scArena that is called ``module:name``.

    Named, not listed here: whoever has work for a process of its own may lie above this room.

    Raises
    ------
    ConfigError
        If it is none of scArena's.
    """
    module, _, name = function.partition(":")
    if not module.startswith("scarena."):
        raise ConfigError(f"{function!r} is no work of scArena's", where="worker", fix="name module:function")
    return cast("Callable[..., Any]", getattr(import_module(module), name))


def _answer(spec: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"ok": named(spec["work"])(spec)}
    except MemoryError as error:
        traceback.print_exc()
        return {"state": "failed(oom)", "reason": " ".join(f"MemoryError: {error}".split())}
    except ScarenaError as error:
        traceback.print_exc()
        return {"state": state_of(error), "reason": str(error)}
    except Exception as error:
        traceback.print_exc()
        # What a model may not read is its own affair; a disk without room is not.
        if not isinstance(error, PermissionError) and (found := workspace_error(error)):
            raise found from error
        return {"state": "failed(error)", "reason": " ".join(f"{type(error).__name__}: {error}".split())[:300]}


def die_with(parent: int) -> None:
    """Let the kernel kill this process when the step that watches it dies: nobody else would stop it, or its limits."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit("the step that started this worker has ended")


def main(spec_file: Path) -> int:
    """Run the spec; leave ``{"ok": …}`` or ``{"state", "reason"}`` at the spec's ``answer`` path.

    Returns
    -------
    0, 1 for a state other than ok, EX_IOERR where what was made could not be written, or EX_TEMPFAIL where it is to be
    done anew with the kernels that it compiled.
    """
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", force=True)
    spec = read_json(spec_file)
    die_with(spec["parent"])
    try:
        answer = _answer(spec)
        write_json(Path(spec["answer"]), answer)
    except (WorkspaceError, OSError) as error:
        # There may be no room for an answer.
        print(error, file=sys.stderr)
        return os.EX_IOERR
    if spec.get("anew") and compiled_here():
        return os.EX_TEMPFAIL
    return 0 if "ok" in answer else 1


def compiled_here() -> bool:
    """Return whether this process compiled a kernel of scArena's own that is kept on disk."""
    from_numba = sys.modules.get("numba.core.dispatcher")
    if from_numba is None:
        return False
    modules = [module for name, module in sys.modules.items() if name.startswith("scarena.")]
    kernels = [value for module in modules for value in vars(module).values()]
    return any(isinstance(each, from_numba.Dispatcher) and each.stats.cache_misses for each in kernels)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
