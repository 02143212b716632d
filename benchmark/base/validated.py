"""Holding what a file says to a pydantic model: what is wrong with it becomes one typed line.

Base layer. Pydantic and yaml are imported where they are needed, since not every command reads such a file.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from scarena.base.errors import ScarenaError

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

_M = TypeVar("_M", bound="BaseModel")


def faults(error: ValidationError, most: int | None = None) -> str:
    """Return the first `most` of the keys that a model refuses, or all, each with the reason; a whole is a ``file``."""
    said = (f"{'.'.join(map(str, each['loc'])) or 'file'}: {each['msg']}" for each in error.errors()[:most])
    return "; ".join(said)


def validated(kind: type[_M], found: Any, error: type[ScarenaError], *, where: str, fix: str) -> _M:
    """Return what was read as a model of some kind.

    Parameters
    ----------
    kind
        The pydantic model.
    found
        Plain data.
    error
        The kind of error to raise.
    where, fix
        What was read, and what to do, for the line.

    Raises
    ------
    ScarenaError
        Of the kind asked for, if a key is missing, unknown or ill-typed.
    """
    from pydantic import ValidationError

    try:
        return kind.model_validate(found)
    except ValidationError as wrong:
        raise error(faults(wrong), where=where, fix=fix) from None


def read_own_config(
    path: Path, kind: type[_M], error: type[ScarenaError], *, what: str = "{}", fix: str, correct: str = ""
) -> _M:
    """Return what a YAML file that its user wrote says, as a model of some kind.

    Parameters
    ----------
    path, error, what, fix
        As for `read_own_yaml`.
    kind
        The pydantic model.
    correct
        What to do where a key is wrong; `fix` where not given.

    Raises
    ------
    ScarenaError
        Of the kind asked for, if there is no such file, it is no YAML, or a key is missing, unknown or ill-typed.
    """
    found = read_own_yaml(path, error, what=what, fix=fix)
    return validated(kind, found, error, where=str(path), fix=correct or fix)


def read_own_yaml(path: Path, error: type[ScarenaError], *, what: str = "{}", fix: str) -> Any:
    """Return plain data from a YAML file that its user wrote: of any size and with aliases, as not in `read_yaml`.

    Parameters
    ----------
    path
        The file.
    error
        The kind of error to raise.
    what
        How the line begins; the parser's own words stand in place of the braces.
    fix
        What to do.

    Raises
    ------
    ScarenaError
        Of the kind asked for, if there is no such file or it is no YAML.
    """
    import yaml

    from scarena.base.yaml_data import plain_data

    try:
        return plain_data(path.read_text(encoding="utf-8"), limits=False)
    # A UnicodeDecodeError is a ValueError.
    except (OSError, ValueError, yaml.YAMLError) as wrong:
        said = " ".join(str(wrong).split())[:200]
        raise error(what.format(said), where=str(path), fix=fix) from None
