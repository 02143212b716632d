"""Pickles of plain data from files that are not trusted: containers, numbers and strings, and nothing else is called.

`dictionary_of` is for dictionaries as models publish them, `objects_of` for the arrays of text that numpy pickles into
an npz. Of numpy, the second makes nothing: what the pickle calls stands in its place, and keeps what it is handed.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from collections.abc import Mapping
from typing import Any

# What a dictionary of numbers and strings may name; everything else that a pickle asks for is refused.
_HARMLESS = frozenset(
    {
        ("collections", "OrderedDict"),
        ("collections", "defaultdict"),
        ("builtins", "int"),
        ("builtins", "float"),
        ("builtins", "str"),
        ("builtins", "set"),
        ("numpy", "dtype"),
        ("numpy.core.multiarray", "scalar"),
        ("numpy._core.multiarray", "scalar"),
    }
)


class _Plain(pickle.Unpickler):
    """An unpickler that makes containers and numbers, and calls nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _HARMLESS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)


class _Array:
    """What stands for an array of objects: it keeps the state that numpy would have been given."""

    def __init__(self, *_: object) -> None:
        self.state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state


class _Kind:
    """What stands for a dtype: numpy itself would parse whatever text it is given."""

    def __init__(self, name: object = "", *_: object) -> None:
        self.name = name

    def __setstate__(self, _: object) -> None: ...


_NDARRAY = object()
_STANDS_FOR: Mapping[tuple[str, str], Any] = {
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _Kind,
}


class _Objects(pickle.Unpickler):
    """An unpickler of an array of text or numbers that makes no object of numpy."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STANDS_FOR:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _STANDS_FOR[module, name]


def dictionary_of(raw: bytes) -> Any:
    """Return what a pickle of containers, numbers and strings holds.

    Raises
    ------
    pickle.UnpicklingError
        If it asks for anything else.
    Exception
        Whatever a damaged pickle makes pickle raise.
    """
    _check_places(raw)
    return _Plain(io.BytesIO(raw)).load()


def objects_of(raw: bytes, shape: tuple[int, ...]) -> list[str | float | None]:
    """Return the items of a pickled numpy array of objects, in C order: text, numbers and None.

    Parameters
    ----------
    raw
        The pickle, as an npy file holds it after its header.
    shape
        Of the array, as the header says.

    Raises
    ------
    pickle.UnpicklingError
        If it asks for anything but an array, is of another shape, or holds other objects.
    Exception
        Whatever a damaged pickle makes pickle raise.
    """
    _check_places(raw)
    found = _Objects(io.BytesIO(raw)).load()
    state = found.state if isinstance(found, _Array) else None
    if not isinstance(state, tuple) or len(state) != 5:
        raise pickle.UnpicklingError("it holds no array")
    _, said, kind, in_columns, items = state
    if not isinstance(kind, _Kind) or kind.name != "O8" or not isinstance(items, list):
        raise pickle.UnpicklingError("it holds no array of objects")
    if said != shape or math.prod(shape) != len(items) or (in_columns and len(shape) > 1):
        raise pickle.UnpicklingError(f"it holds {len(items):,} items for the shape {shape}")
    if wrong := [type(item).__name__ for item in items if not isinstance(item, str | float | int | None)]:
        raise pickle.UnpicklingError(f"it holds a {wrong[0]}, which is no text or number")
    return items


def _check_places(raw: bytes) -> None:
    # The C unpickler makes room for every place that a pickle numbers, up to gigabytes for five bytes.
    for code, argument, _ in pickletools.genops(raw):
        if code.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(argument or 0) > len(raw):
            raise pickle.UnpicklingError(f"it numbers an object {argument}")
