"""Reading what steps leave for each other: JSON objects with a state. They may have been cut short, or be another's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from scarena.base.errors import DataError
from scarena.base.untrusted import read_object
from scarena.base.validated import faults

if TYPE_CHECKING:
    from scarena.steps.record import Record

_FIX = "remove it and run again: `scarena run` makes what is missing"


def read_state(path: Path, *needed: str) -> dict[str, Any]:
    """Return what a step said of its end: an object with ``state``, ``reason`` and other keys that are needed.

    Raises
    ------
    DataError
        If the file is missing, damaged, or says something else.
    """
    found = read_object(path, "state", "reason", *needed, fix=_FIX)
    if not (isinstance(found["state"], str) and isinstance(found["reason"], str)):
        raise DataError("its state is no text", where=str(path), fix=_FIX)
    return found


def read_record(path: Path) -> Record:
    """Return the record of a run.

    Raises
    ------
    DataError
        If the file is missing, damaged, or of another schema.
    """
    from pydantic import ValidationError

    from scarena.steps.record import Record

    try:
        return Record.model_validate(read_object(path, fix=_FIX))
    except ValidationError as error:
        raise DataError(f"not a record of this version ({faults(error)[:160]})", where=str(path), fix=_FIX) from None
