"""What a zarr store may hold before anything of it is decoded: itself alone, plain values, and no more than it has.

The metadata of every array and the head of every chunk are read here by our own hand. Consolidated metadata is a second
word for what the arrays say themselves, so it is never asked.
"""

from __future__ import annotations

import json
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from scarena.base.errors import DataError
from scarena.base.untrusted import check_unpacked, most_unpacked, reading
from scarena.base.validated import faults
from scarena.datasets.sparse import PARTS, check_sparse
from scarena.datasets.stores.zarr_chunks import check_chunks
from scarena.datasets.stores.zarr_files import FIX, StoreFiles, files_of, opened, refused
from scarena.datasets.stores.zarr_layout import Layout, layout_v2, layout_v3

_NODES, _DEPTH = 10_000, 32
_ONE_BYTES, _ALL_BYTES = 4 << 20, 64 << 20
_CHUNK_BYTES = 1 << 30
_OF_FORMAT: dict[Literal[2, 3], tuple[str, ...]] = {2: (".zgroup", ".zarray", ".zattrs"), 3: ("zarr.json",)}
# The names of chunks; whatever else lies beside them is never read.
_CHUNK = re.compile(r"(c[/.])?\d+([/.]\d+)*|c")


@dataclass(frozen=True, slots=True)
class _Found:
    form: Literal[2, 3]
    groups: set[str]
    arrays: dict[str, Layout]


@contextmanager
def reading_zarr(path: Path | str) -> Iterator[None]:
    """Turn what zarr and anndata raise into one line, without their warnings of formats that may change."""
    with reading(path, what="not a readable zarr store", fix=FIX), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def open_zarr(path: Path) -> Any:
    """Return the top group of a store, read only.

    Raises
    ------
    DataError
        If it is no zarr store of format 2 or 3, a damaged one, one that leads out of itself, asks for code that is not
        known, holds objects, or promises more than it has.
    """
    import zarr

    with files_of(path) as files:
        with reading(path, what="not a readable zarr store", fix=FIX):
            found = _metadata(files)
            _check_sizes(files, found)
        with reading_zarr(path):
            store = opened(files)
            return zarr.open_group(
                store, path=files.top.rstrip("/"), mode="r", zarr_format=found.form, use_consolidated=False
            )


def check_matrix(group: Any, key: str, path: Path) -> None:
    """Refuse what cannot be a matrix of numbers: by its kind, its dimensions, or parts that do not fit.

    Raises
    ------
    DataError
        If it cannot.
    """
    import zarr

    item = group[key]
    kind = str(item.attrs.get("encoding-type"))
    if isinstance(item, zarr.Array):
        if item.ndim != 2 or item.dtype.kind not in "biuf":
            raise refused(f"is no matrix of numbers ({item.ndim} dimensions of {item.dtype})", path, key)
        return
    if kind not in ("csr_matrix", "csc_matrix") or not all(isinstance(item.get(part), zarr.Array) for part in PARTS):
        raise refused(f"is no matrix ({kind})", path, key)
    if item["data"].dtype.kind not in "biuf":
        raise refused(f"is no matrix of numbers ({item['data'].dtype})", path, key)
    with reading_zarr(path):
        check_sparse(item, lambda what: refused(what, path, key))


def _metadata(files: StoreFiles) -> _Found:
    """Read what every group and array says of itself, in the one format that the store's top has."""
    forms = [form for form, names in _OF_FORMAT.items() if names[0] in files.sizes]
    if len(forms) != 1:
        raise refused("has the metadata of both formats" if forms else "has no metadata at its top", files.path)
    names = [name for name in files.sizes if name.rpartition("/")[2] in _OF_FORMAT[forms[0]]]
    if len(names) > 2 * _NODES or sum(files.sizes[name] for name in names) > _ALL_BYTES:
        raise refused(f"more than {_NODES:,} objects, or {_ALL_BYTES >> 20} MiB of metadata", files.path)
    found = _Found(forms[0], set(), {})
    for name in names:
        _note(files, name, found)
    return found


def _note(files: StoreFiles, name: str, found: _Found) -> None:
    place, _, kind = name.rpartition("/")
    if place.count("/") >= _DEPTH:
        raise refused("is nested too deeply", files.path, name)
    if files.sizes[name] > _ONE_BYTES:
        raise refused(f"has {files.sizes[name]:,} bytes of metadata", files.path, name)
    held = json.loads(files.read(name))
    if not isinstance(held, dict):
        raise refused("is no JSON object", files.path, name)
    if kind == ".zattrs":
        return
    node = "array" if kind == ".zarray" else str(held.get("node_type", "group"))
    if node != "array":
        found.groups.add(place)
        return
    try:
        found.arrays[place] = layout_v2(held) if kind == ".zarray" else layout_v3(held)
    except ValidationError as error:
        raise refused(f"says {faults(error, 1)}", files.path, place) from None
    except ValueError as error:
        raise refused(str(error), files.path, place) from None


def _check_sizes(files: StoreFiles, found: _Found) -> None:
    declared = 0
    for place, layout in found.arrays.items():
        if layout.file_bytes > _CHUNK_BYTES:
            fix = f"write it in chunks of at most {_CHUNK_BYTES >> 30} GiB"
            raise DataError(f"{place!r} has chunks of {layout.file_bytes:,} bytes", where=str(files.path), fix=fix)
        # Every chunk is decoded whole, also one that the array fills in part.
        declared += layout.n_files * layout.file_bytes
    check_unpacked(declared, files.size, str(files.path))
    held: Counter[str] = Counter()
    for name in files.sizes:
        array = _array_of(name, found.arrays)
        if array is not None:
            held[array] += 1
            declared += _strings(files, name, found.arrays[array])
            check_unpacked(declared, files.size, str(files.path))
    for place in sorted(found.groups):
        _check_whole(files, place, found.arrays, held)


def _array_of(name: str, arrays: dict[str, Layout]) -> str | None:
    """Return which array a file is a chunk of."""
    place = name.rpartition("/")[0]
    while place:
        if place in arrays:
            return place if _CHUNK.fullmatch(name[len(place) + 1 :]) else None
        place = place.rpartition("/")[0]
    return None


def _strings(files: StoreFiles, name: str, layout: Layout) -> int:
    """Look at a file of an array; return the bytes of its strings, which the metadata says nothing of."""
    room = min(_CHUNK_BYTES, most_unpacked(files.size))
    try:
        return check_chunks(files, name, layout, room)
    except ValueError as error:
        raise refused(str(error), files.path, name) from None


def _check_whole(files: StoreFiles, place: str, arrays: dict[str, Layout], held: Counter[str]) -> None:
    """Refuse a sparse matrix of which files are missing: zarr reads zeros there, and nobody would see it."""
    data, indices, indptr = (arrays.get(f"{place}/{part}") for part in PARTS)
    if data is None or indices is None or indptr is None or data.shape[:1] <= indptr.shape[:1]:
        # A chunk that holds zeros alone is none either; with fewer values than rows it may.
        return
    for part, layout in (("data", data), ("indices", indices)):
        name = f"{place}/{part}"
        if held[name] < layout.n_files:
            fix = "copy it again, all of it"
            what = f"{name!r} has {held[name]:,} of its {layout.n_files:,} chunks"
            raise DataError(what, where=str(files.path), fix=fix)
