"""A zarr store as names and bytes: a folder, or a zip of one, in which nothing leads out of it."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from scarena.base.errors import DataError
from scarena.base.folders import files_in, is_store
from scarena.base.untrusted import check_regular, check_unpacked, reading

FIX = "write it again with a current anndata, or give an h5ad"
_TOPS = ("zarr.json", ".zgroup")
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True, slots=True)
class StoreFiles:
    """The files of a store."""

    path: Path
    size: int
    """Bytes on disk."""
    sizes: dict[str, int]
    """Bytes of each file by its name from the store's top."""
    top: str
    """What goes before these names in a zip: nothing, or the name of its one folder with a slash."""
    open: Callable[[str], IO[bytes]]

    def read(self, name: str, first: int = 0, size: int = -1) -> bytes:
        """Return some bytes of a file, all from `first` if no size is given."""
        with self.open(name) as file:
            file.seek(first)
            return file.read(size)


def refused(what: str, path: Path, name: str | None = None) -> DataError:
    """Return the error for a store, or for one name in it."""
    return DataError(what if name is None else f"{name!r} {what}", where=str(path), fix=FIX)


@contextmanager
def files_of(path: Path) -> Iterator[StoreFiles]:
    """Yield the files of a store, a folder or a zip.

    Raises
    ------
    DataError
        If it is neither; if a folder holds links or other things that are no files; if a zip holds names that lead
        out of it, or would unpack to far more than it has.
    """
    with ExitStack() as stack:
        if is_store(path):
            sizes = files_in(path, DataError)
            yield StoreFiles(path, sum(sizes.values()), sizes, "", lambda name: (path / name).open("rb"))
            return
        size = check_regular(path, fix="give a zarr store: a folder NAME.zarr, or a zip of it")
        with reading(path, what="not a readable zip of a zarr store", fix="write or copy it again"):
            archive = stack.enter_context(zipfile.ZipFile(path))
            names = _members(archive, path, size)
            top = _top(names, path)
        sizes = {name.removeprefix(top): held for name, held in names.items() if name.startswith(top)}
        yield StoreFiles(path, size, sizes, top, lambda name: archive.open(top + name))


def _members(archive: zipfile.ZipFile, path: Path, size: int) -> dict[str, int]:
    found: dict[str, int] = {}
    for member in archive.infolist():
        name = member.filename
        if name.startswith("/") or "\\" in name or ".." in PurePosixPath(name).parts:
            raise refused("leads out of the store", path, name)
        if stat.S_ISLNK(member.external_attr >> 16):
            raise refused("is a link", path, name)
        if member.compress_type not in _PACKED or member.flag_bits & 1:
            raise refused("is packed in a way that is not read", path, name)
        if not member.is_dir():
            found[name] = member.file_size
    # zarr writes the metadata of a group again as it grows, and reads what was written last, as zipfile does.
    check_unpacked(sum(member.file_size for member in archive.infolist()), size, str(path))
    return found


def _top(names: dict[str, int], path: Path) -> str:
    """Return what stands before all names of the store: many zips hold the folder itself."""
    if any(name in names for name in _TOPS):
        return ""
    tops = sorted({name.split("/")[0] for name in names if name.count("/") == 1 and name.endswith(_TOPS)})
    if len(tops) != 1:
        raise refused("holds no zarr store, or several", path)
    return f"{tops[0]}/"


def opened(files: StoreFiles) -> Any:
    """Return zarr's own view of a store: read only, and of this path alone, which is never taken for an address."""
    from zarr.storage import LocalStore, ZipStore

    return LocalStore(files.path, read_only=True) if is_store(files.path) else ZipStore(files.path, mode="r")
