"""Which implementation runs: Triton on a CUDA device, or under its interpreter where a test asks for it; else the
twin."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
from collections.abc import Iterator
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any

from scarena.base.errors import NotAvailable

if TYPE_CHECKING:
    from torch import Tensor

_FORCED: ContextVar[bool | None] = ContextVar("forced", default=None)
_WHERE = "models/foundation/kernels"


def triton_installed() -> bool:
    """Return whether Triton can be imported, without importing it."""
    return importlib.util.find_spec("triton") is not None


def interpreting() -> bool:
    """Return whether Triton runs its kernels in Python on the CPU."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def forced() -> bool | None:
    """Return what `force` asked for, None outside of it."""
    return _FORCED.get()


@contextlib.contextmanager
def force(triton: bool) -> Iterator[None]:
    """Within the context, use Triton for every tensor, or for none.

    Triton on a CPU tensor needs its interpreter: ``TRITON_INTERPRET=1`` set before a kernel is first imported.
    """
    token = _FORCED.set(triton)
    try:
        yield
    finally:
        _FORCED.reset(token)


def use_triton(tensor: Tensor) -> bool:
    """Return whether the Triton kernel is to run on `tensor`: forced, or on a CUDA device with Triton installed.

    Raises
    ------
    NotAvailable
        If Triton was forced and cannot run there.
    """
    asked = _FORCED.get()
    if asked is None:
        asked = tensor.device.type == "cuda" and _found()
    elif asked and not triton_installed():
        raise NotAvailable("Triton is not installed", where=_WHERE, fix="pip install triton==3.6.0")
    elif asked and tensor.device.type != "cuda" and not interpreting():
        fix = "set TRITON_INTERPRET=1 before the first kernel is imported"
        raise NotAvailable(f"Triton cannot run on {tensor.device.type}", where=_WHERE, fix=fix)
    return asked


def launching(tensor: Tensor) -> contextlib.AbstractContextManager[Any]:
    """Return the context that every launch is made in: launches go to the device of `tensor`, not the current one."""
    import torch

    if interpreting():
        _mend_interpreter()
    return torch.cuda.device(tensor.device) if tensor.is_cuda else contextlib.nullcontext()


@cache
def _found() -> bool:
    # Cached, so that it is said once.
    if not triton_installed():
        logging.getLogger(__name__).warning("Triton is not installed: plain PyTorch runs in place of the kernels")
    return triton_installed()


@cache
def _mend_interpreter() -> None:
    """Let loop bounds that are known at run time work: Triton 3.6 calls int() on arrays, which numpy 2.4 refuses."""
    from triton.runtime import interpreter  # type: ignore[import-not-found, import-untyped, unused-ignore]

    patch = interpreter._patch_lang_tensor

    def mended(tensor: Any, scope: Any) -> None:
        patch(tensor, scope)
        scope.set_attr(tensor, "__index__", lambda self: int(self.handle.data.item()))

    interpreter._patch_lang_tensor = mended
