"""A folder that counts as one file: what lies in it, how large it is, and one SHA-256 of all of it.

Base layer, like `files` and `untrusted`. Only a zarr store (`NAME.zarr`) is one.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from scarena.base.errors import SourceError
from scarena.base.files import sha256_of
from scarena.base.untrusted import Kind, check_regular

_SUFFIX = ".zarr"
_FILES, _DEPTH = 1_000_000, 32


def is_store(path: Path) -> bool:
    """Return whether a path is a folder that is read as one file: one whose name ends in ``.zarr``."""
    try:
        return path.name.endswith(_SUFFIX) and path.is_dir()
    except OSError:
        return False


def check_source(path: Path, error: Kind, *, fix: str) -> int:
    """Return the size in bytes of an ordinary file, or of a zarr store whose files are all ordinary.

    Raises
    ------
    ScarenaError
        Of the kind asked for, if it is neither.
    """
    return sum(files_in(path, error).values()) if is_store(path) else check_regular(path, error, fix=fix)


def files_in(folder: Path, error: Kind = SourceError) -> dict[str, int]:
    """Return the bytes of every file below a folder by its relative path with ``/``, sorted as UTF-8 is.

    Raises
    ------
    ScarenaError
        Of the kind asked for, if anything in it is neither a folder nor an ordinary file (a link may lead anywhere, a
        pipe would wait), has a name that is no plain text, lies more than 32 folders deep, or there are more than a
        million files.
    """
    found: dict[str, int] = {}
    for name, entry in _entries(folder, error):
        held = entry.stat(follow_symlinks=False)
        if not stat.S_ISREG(held.st_mode):
            kind = "a link" if stat.S_ISLNK(held.st_mode) else "no ordinary file"
            raise _refused(f"{name!r} is {kind}", folder, error)
        found[name] = held.st_size
        if len(found) > _FILES:
            raise _refused(f"more than {_FILES:,} files", folder, error)
    return dict(sorted(found.items(), key=lambda pair: pair[0].encode()))


def _entries(folder: Path, error: Kind) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield all that is no folder, with its name from the top; links are not followed."""
    waiting = [("", folder, 0)]
    while waiting:
        above, place, depth = waiting.pop()
        if depth > _DEPTH:
            raise _refused(f"folders nested deeper than {_DEPTH}", folder, error)
        try:
            inside = list(os.scandir(place))
        except OSError as problem:
            raise _refused(f"cannot be read ({problem.strerror})", folder, error) from None
        for entry in inside:
            # A line break would be two lines of what is hashed; bytes that are no UTF-8 have no one order.
            if not entry.name.isprintable() or "\\" in entry.name:
                raise _refused(f"{entry.name!r} is no plain name", folder, error)
            name = f"{above}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                waiting.append((f"{name}/", Path(entry.path), depth + 1))
            else:
                yield name, entry


def _refused(what: str, folder: Path, error: Kind) -> Exception:
    return error(what, where=str(folder), fix="write the store again, as a folder of its own")


def digest_of(path: Path, error: Kind = SourceError) -> str:
    r"""Return the hex SHA-256 of a file, or of all files below a folder.

    That of a folder is the SHA-256 of one line a file, ``<SHA-256 of the file>  <relative path>\n``, sorted by the
    bytes of the path: what ``find . -type f -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' sha256sum | sha256sum``
    says in it. Empty folders do not count.

    Raises
    ------
    ScarenaError
        Of the kind asked for, if something in the folder is no ordinary file.
    """
    if not path.is_dir():
        return sha256_of(path)
    lines = (f"{sha256_of(path / name)}  {name}\n" for name in files_in(path, error))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
