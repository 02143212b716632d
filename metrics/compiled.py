"""What libraries compile anew in every process, compiled once and kept on disk: a board starts many processes."""

from __future__ import annotations

from types import ModuleType


def keep_compiled(module: ModuleType) -> None:
    """Let numba keep on disk the functions that `module` defines without saying so itself.

    They go to ``NUMBA_CACHE_DIR``; numba takes them from there only for the same source, processor and version, so the
    results are those of a fresh compilation. Functions compiled already are left as they are.
    """
    from numba.core.dispatcher import Dispatcher

    for function in vars(module).values():
        if isinstance(function, Dispatcher) and not function.signatures:
            function.enable_caching()
