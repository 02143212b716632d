"""What code a result depends on: the source of some modules and of all that they import from this folder.

No list to keep: a list of files would be wrong, without a word, after the next import.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent
_PACKAGE = "scarena.models.foundation"


def digest_of(*modules: str, folder: Path = _HERE) -> str:
    """Return one checksum of modules and, at any depth, of those in the folder that they import.

    Parameters
    ----------
    modules
        Names below `scarena.models.foundation`, as ``pretrain`` or ``corpus.build``.
    folder
        Where their files are.

    Returns
    -------
    Hex SHA-256 of the files' names and contents.

    Raises
    ------
    FileNotFoundError
        If there is no such module.
    """
    hashed = hashlib.sha256()
    for path in _closure(modules, folder):
        content = path.read_bytes()
        hashed.update(f"{path.relative_to(folder).as_posix()} {len(content)}\n".encode() + content)
    return hashed.hexdigest()


@cache
def _closure(modules: tuple[str, ...], folder: Path) -> tuple[Path, ...]:
    """Return the files of modules and of what they import, sorted."""
    found: set[Path] = set()
    waiting = [_file(folder, name, must=True) for name in modules]
    while waiting:
        path = waiting.pop()
        if path is None or path in found:
            continue
        found.add(path)
        waiting += [_file(folder, name) for name in _imported(path)]
    return tuple(sorted(found))


def _file(folder: Path, module: str, *, must: bool = False) -> Path | None:
    bare = folder.joinpath(*module.split("."))
    for path in (bare.with_name(f"{bare.name}.py"), bare / "__init__.py"):
        if path.is_file():
            return path
    if must:
        raise FileNotFoundError(f"no module {module} in {folder}")
    return None


@cache
def _imported(path: Path) -> tuple[str, ...]:
    """Return names below the package that a file imports anywhere in it; some are of functions, not of modules."""
    return tuple(_names(path))


def _names(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [node.module, *(f"{node.module}.{each.name}" for each in node.names)]
        elif isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        else:
            continue
        yield from (name.removeprefix(f"{_PACKAGE}.") for name in names if name.startswith(f"{_PACKAGE}."))
