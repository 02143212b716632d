"""Reading what steps leave for each other: JSON objects with a state. They may have been cut short, or be another's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from scarena.base.advice import made_again
from scarena.base.errors import DataError
from scarena.base.untrusted import read_object
from scarena.base.validated import faults

if TYPE_CHECKING:
    from scarena.datasets.card import Kind
    from scarena.steps.record import Record

# What steps write last, by what it is called on every board.
_NAMES = ("sources.json", "dataset.json", "reference.json", "record.json", "scores.json", "manifest.json")


def _fix(path: Path) -> str:
    """Return what to do about a file: one of another name may be anything, and a user's own."""
    if path.name in _NAMES:
        return made_again(path, path.name)
    return "give what a step of a board wrote, as dataset.json; data of your own come in by `scarena add-dataset`"


def read_state(path: Path, *needed: str) -> dict[str, Any]:
    """Return what a step said of its end: an object with ``state``, ``reason`` and other keys that are needed.

    Raises
    ------
    DataError
        If the file is missing, damaged, or says something else.
    """
    found = read_object(path, "state", "reason", *needed, fix=_fix(path))
    if not (isinstance(found["state"], str) and isinstance(found["reason"], str)):
        raise DataError("its state is no text", where=str(path), fix=_fix(path))
    return found


def kind_of(dataset: dict[str, Any]) -> Kind:
    """Return what a prepared dataset asks about, by its card; cells where it does not say."""
    kind: Kind = dataset.get("card", {}).get("kind", "cells")
    return kind


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
        return Record.model_validate(read_object(path, fix=_fix(path)))
    except ValidationError as error:
        what = f"not a record of this version ({faults(error)[:160]})"
        raise DataError(what, where=str(path), fix=_fix(path)) from None
