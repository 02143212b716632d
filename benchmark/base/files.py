"""Writing files so that a name on disk always means a whole file: temporary name, fsync, rename.

Base layer: every other package may import this module, and it imports only `errors`.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scarena.base.errors import ConfigError, WorkspaceError

_DISK = {
    errno.ENOSPC: "no space is left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the folder is read-only",
    errno.EACCES: "the folder may not be written to",
}


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success fsync it and rename it to `path`, else delete it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        # mkstemp makes 0600 files; a shared results folder needs what the umask would have given.
        umask = os.umask(0)
        os.umask(umask)
        part.chmod(0o666 & ~umask)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def workspace_error(error: BaseException, where: str = "") -> WorkspaceError | None:
    """Return what an error says of the disk: that it is full, over its quota or read-only; None if it is another's.

    HDF5 tells the system's words without its number.
    """
    number = getattr(error, "errno", None)
    said = next((text for code, text in _DISK.items() if number == code or os.strerror(code) in str(error)), None)
    if said is None:
        return None
    place = getattr(error, "filename", None) or where or str(Path.cwd())
    fix = "make room there, or name other folders in `results` and `cache`, and run again"
    return WorkspaceError(said, where=str(place), fix=fix)


def user_cache() -> Path:
    """Return where the user's caches are.

    Raises
    ------
    RuntimeError
        If the user has no home.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def check_output(path: Path, *inputs: Path | None, folder: bool = False) -> None:
    """Refuse, before anything is computed, a file or folder that could not be written afterwards, or that is read.

    Parameters
    ----------
    path
        What is to be written.
    inputs
        What is read; None is passed over.
    folder
        Whether it is to be a folder.

    Raises
    ------
    ConfigError
        If it is one of the inputs, or a folder where a file is to be, or the other way round.
    WorkspaceError
        If nothing can be written there.
    """
    if any(each is not None and path.exists() and each.exists() and path.samefile(each) for each in inputs):
        raise ConfigError("is what is read", where=str(path), fix="name another output")
    if path.exists() and path.is_dir() != folder:
        what = "is a folder" if path.is_dir() else "is a file"
        raise ConfigError(what, where=str(path), fix="name another output")
    place = next(each for each in (path, *path.absolute().parents) if each.is_dir())
    lower = next((each for each in path.absolute().parents if each.exists() and not each.is_dir()), None)
    if lower is not None:
        raise ConfigError("lies below a file", where=str(path), fix=f"name another output; {lower} is a file")
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        found = workspace_error(error) or WorkspaceError(str(error.strerror), where="", fix="name another folder")
        raise WorkspaceError(
            found.what, where=str(path), fix="name another folder, or make this one writable"
        ) from None


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as a whole or not at all."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON with sorted keys; NaN is refused, since a missing number is ``null`` with a state."""
    write_text(path, json_text(value))


def json_text(value: Any) -> str:
    """Return the text that :func:`write_json` writes."""
    return json.dumps(value, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    OSError
        If it is missing, or no ordinary file: a pipe would never end.
    ValueError
        If it is not UTF-8 or no JSON: NaN is none, nor is what is nested too deeply to be read.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "not an ordinary file", str(path))
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def sha256_of(path: Path) -> str:
    """Return the hex SHA-256 of a file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
