"""Reading what others wrote: a file is looked at before a parser is, and whatever a parser raises becomes one line.

Base layer, like `errors` and `files`. What is refused, and what is not, is listed in docs/safety.md.
"""

from __future__ import annotations

import stat
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scarena.base.errors import DataError, ScarenaError
from scarena.base.files import read_json

if TYPE_CHECKING:
    import numpy as np

# Counts compress to a third or a tenth, a constant column to a thousandth: small files may hold any, large ones not.
_ALLOWANCE, _RATIO = 256 << 20, 200
# The largest card is 7 KiB; the loader reads this in a second.
_YAML_BYTES = 256 << 10
_MEMBERS = 10_000
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}

Kind = type[ScarenaError]


@contextmanager
def reading(
    path: Path | str, error: Kind = DataError, *, what: str = "cannot be read", fix: str, quoted: bool = True
) -> Iterator[None]:
    """Turn whatever a third party's parser raises into one typed line; a typed error passes as it is.

    Parameters
    ----------
    path
        What is read, for the line.
    error
        The kind of error to raise.
    what, fix
        What is wrong, before the parser's own words, and what to do.
    quoted
        Whether these words are given: some parsers repeat what the file holds, which may be a secret of the host.
    """
    try:
        yield
    except ScarenaError:
        raise
    # A damaged file makes a parser stumble anywhere: no list of types would be whole.
    except Exception as problem:  # noqa: BLE001
        words = f"{type(problem).__name__}: {problem}" if quoted else type(problem).__name__
        said = " ".join(words.split())[:160]
        raise error(f"{what} ({said})", where=str(path), fix=fix) from None


def check_regular(path: Path, error: Kind = DataError, *, most: int | None = None, fix: str = "give a file") -> int:
    """Return the size of an ordinary file in bytes, without opening it: a pipe would wait, a device never end.

    Raises
    ------
    ScarenaError
        Of the kind asked for, if there is no such file, it is no ordinary one, or has more than `most` bytes.
    """
    try:
        found = path.stat()
    except (OSError, ValueError) as problem:
        missing = isinstance(problem, FileNotFoundError | NotADirectoryError)
        what = "no such file" if missing else f"cannot be read ({getattr(problem, 'strerror', None) or problem})"
        raise error(what, where=str(path), fix=fix) from None
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "no ordinary file")
        raise error(f"is {kind}", where=str(path), fix="give an ordinary file")
    if most is not None and found.st_size > most:
        raise error(f"has {found.st_size:,} bytes, more than {most:,}", where=str(path), fix=fix)
    return found.st_size


def most_unpacked(stored: int) -> int:
    """Return how many bytes a file of so many may become in memory."""
    return max(_ALLOWANCE, _RATIO * stored)


def check_unpacked(declared: int, stored: int, where: str, error: Kind = DataError) -> None:
    """Refuse what would be far larger in memory than on disk.

    Parameters
    ----------
    declared, stored
        Bytes that a header promises, and bytes of the file.
    where
        The file, for the line.

    Raises
    ------
    ScarenaError
        Of the kind asked for, above 256 MiB and two hundred times the file.
    """
    if declared > most_unpacked(stored):
        what = f"declares {declared:,} bytes in a file of {stored:,}"
        raise error(what, where=where, fix="write it again; no counts or vectors compress that well")


def check_names(names: Iterable[str], where: str) -> None:
    """Refuse names with control characters: numpy drops a NUL at the end, a terminal obeys an escape.

    Raises
    ------
    DataError
        If there is one.
    """
    for name in names:
        if not name.isprintable() and any(unicodedata.category(each) in ("Cc", "Cs") for each in name):
            raise DataError(f"control characters in the name {name!r}", where=where, fix="rename it")


def read_text(path: Path, error: Kind, *, most: int, fix: str) -> str:
    """Return the text of an ordinary UTF-8 file of at most so many bytes."""
    check_regular(path, error, most=most, fix=fix)
    with reading(path, error, fix=fix):
        return path.read_text(encoding="utf-8")


def read_yaml(path: Path, error: Kind, *, fix: str = "correct its syntax", text: bool = False) -> Any:
    """Return plain data from a YAML file: no tags, no aliases, no deep nesting, at most 256 KiB.

    Keys are text as it is written, for YAML takes 01 for 1, ON for true and 12:30 for 750; with `text` so are values,
    but for null.

    Raises
    ------
    ScarenaError
        Of the kind asked for, if it cannot be read or holds any of these, or a key twice.
    """
    from scarena.base.yaml_data import plain_data

    held = read_text(path, error, most=_YAML_BYTES, fix=fix)
    with reading(path, error, what="not a YAML file", fix=fix):
        return plain_data(held, typed=not text)


def read_object(path: Path, *needed: str, fix: str) -> dict[str, Any]:
    """Return a JSON object that has some keys.

    Raises
    ------
    DataError
        If the file is missing, is no JSON, holds something else or lacks a key.
    """
    check_regular(path, fix=fix)
    with reading(path, what="not a JSON file", fix=fix):
        found = read_json(path)
    if not isinstance(found, Mapping):
        raise DataError(f"holds a {type(found).__name__}, not an object", where=str(path), fix=fix)
    if lacking := [key for key in needed if key not in found]:
        raise DataError(f"lacks {', '.join(lacking)}", where=str(path), fix=fix)
    return dict(found)


def read_arrays(
    path: Path, *needed: str, fix: str = "write it again", only: Collection[str] | None = None, objects: bool = False
) -> dict[str, np.ndarray]:
    """Return the arrays of an npz, of some names alone if asked; none larger than its member.

    Parameters
    ----------
    path
        The file.
    needed
        Names that must be there.
    fix
        What to do if it cannot be read.
    only
        Names that are read; all others are not looked at.
    objects
        Whether arrays of Python objects are read where these are text and numbers (`scarena.base.plain_pickle`); with
        False none is.

    Raises
    ------
    DataError
        If the file is missing or damaged, lacks a name, or a header lies.
    """
    import zipfile

    size = check_regular(path, fix=fix)
    with reading(path, what="not a readable npz", fix=fix), zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        names = [each.filename.removesuffix(".npy") for each in members]
        if len(members) > _MEMBERS or len(set(names)) < len(names):
            raise DataError("has too many members, or two of one name", where=str(path), fix=fix)
        if lacking := [name for name in needed if name not in names]:
            raise DataError(f"lacks {', '.join(lacking)}", where=str(path), fix=fix)
        check_unpacked(sum(each.file_size for each in members), size, str(path))
        wanted = [pair for pair in zip(names, members, strict=True) if only is None or pair[0] in only]
        return {name: _array(archive, each, path, fix, objects=objects) for name, each in wanted}


def _array(archive: Any, member: Any, path: Path, fix: str, *, objects: bool) -> np.ndarray:
    import math

    from numpy.lib import format as npy

    with archive.open(member) as file:
        version = npy.read_magic(file)
        header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = header(file)
        held = member.file_size - file.tell()
        if objects and dtype.kind == "O":
            return _objects(file.read(), shape)
    if dtype.hasobject:
        what = f"{member.filename} holds Python objects, which could run code"
        raise DataError(what, where=str(path), fix="save plain numbers and strings (str, not object)")
    # Numpy makes room for what a header promises before it reads what is there.
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != held:
        what = f"{member.filename} promises {shape} of {dtype} and holds {held:,} bytes"
        raise DataError(what, where=str(path), fix=fix)
    with archive.open(member) as file:
        return npy.read_array(file, allow_pickle=False)


def _objects(raw: bytes, shape: tuple[int, ...]) -> np.ndarray:
    import numpy as np

    from scarena.base.plain_pickle import objects_of

    items = objects_of(raw, shape)
    found = np.empty(len(items), object)
    found[:] = items
    return found.reshape(shape)
