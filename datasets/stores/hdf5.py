"""What an HDF5 file may hold before anything of it is read: itself alone, plain values, and no more than it has.

HDF5 opens other files of the host where a link, a virtual dataset or external storage names them, and neither it nor
what reads a sparse matrix checks that indices lie inside.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from scarena.base.errors import DataError
from scarena.base.untrusted import check_regular, check_unpacked, most_unpacked, reading
from scarena.datasets.sparse import PARTS, check_sparse
from scarena.datasets.stores.hdf5_text import text_bytes

_FIX = "write it again as one file, with a current anndata"
_OBJECTS, _DEPTH = 100_000, 32
_OWN_FILTERS = frozenset({
    h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32, h5py.h5z.FILTER_SZIP,
    h5py.h5z.FILTER_NBIT, h5py.h5z.FILTER_SCALEOFFSET, h5py.h5z.FILTER_LZF,
})  # fmt: skip


def check_hdf5(path: Path, *, matrices: bool = True) -> None:
    """Refuse a file that reads from others, holds objects, promises more than it has, or runs in circles.

    Parameters
    ----------
    path
        The file.
    matrices
        Whether to look at every index of its sparse matrices: a pass over the file, for who reads them.

    Raises
    ------
    DataError
        If it does, or is not a readable HDF5 file.
    """
    size = check_regular(path, fix="give the path of an HDF5 file")
    with reading(path, what="not a readable HDF5 file", fix="write or copy it again"), h5py.File(path, "r") as file:
        declared = 0
        for name, item in _items(file, path):
            if isinstance(item, h5py.Dataset):
                _check_dataset(item, name, path)
                # What is read of a chunk is decoded whole.
                check_unpacked(math.prod(item.chunks or ()) * item.dtype.itemsize, size, f"{path}: {name}")
                declared += item.nbytes
                check_unpacked(declared, size, str(path))
                declared += text_bytes(item, path, most_unpacked(size))
        check_unpacked(declared, size, str(path))
        # Only now: what is read of a matrix is known not to be larger than the file.
        for name, item in _items(file, path) if matrices else ():
            if isinstance(item, h5py.Group) and all(isinstance(item.get(key), h5py.Dataset) for key in PARTS):
                check_sparse(item, partial(_refused, name=name, path=path))


def _refused(what: str, name: str, path: Path) -> DataError:
    return DataError(f"{name!r} {what}", where=str(path), fix=_FIX)


def _items(file: h5py.File, path: Path) -> Iterator[tuple[str, Any]]:
    """Yield every object by its way from the top, each link looked at before it is followed."""
    waiting, seen, count = [("", file, 0)], {h5py.h5o.get_info(file.id).addr}, 0
    while waiting:
        way, group, depth = waiting.pop()
        for key in group:
            name = f"{way}/{key}"
            if isinstance(group.get(key, getlink=True), h5py.ExternalLink):
                raise _refused("links to another file", name, path)
            item, count = group[key], count + 1
            if count > _OBJECTS:
                raise DataError(f"more than {_OBJECTS:,} objects", where=str(path), fix=_FIX)
            if isinstance(item, h5py.Group):
                at = h5py.h5o.get_info(item.id).addr
                if at in seen or depth >= _DEPTH:
                    raise _refused("is reached twice or nested too deeply", name, path)
                seen.add(at)
                waiting.append((name, item, depth + 1))
            yield name, item


def _check_dataset(item: h5py.Dataset, name: str, path: Path) -> None:
    if item.external or item.is_virtual:
        raise _refused("is stored in another file", name, path)
    if not _plain(item.dtype):
        raise _refused(f"holds values of a kind that is not read ({item.dtype})", name, path)
    plist = item.id.get_create_plist()
    if {plist.get_filter(number)[0] for number in range(plist.get_nfilters())} - _OWN_FILTERS:
        _know_more_filters(name, path)


def _know_more_filters(name: str, path: Path) -> None:
    """Have HDF5 know zstd, blosc, lz4 and more; only where a file has them: a model's own environment lacks them."""
    try:
        importlib.import_module("hdf5plugin")
    except ImportError:
        fix = "pip install hdf5plugin, or write it again with gzip"
        raise DataError(f"{name!r} is packed with a filter that HDF5 alone has not", where=str(path), fix=fix) from None


def _plain(dtype: np.dtype) -> bool:
    """Return whether values are numbers, text, or records of these, as scanpy writes its tables of ranked genes."""
    if dtype.names is not None:
        return all(_plain(dtype[name]) for name in dtype.names)
    if dtype.subdtype is not None:
        return _plain(dtype.subdtype[0])
    return dtype.kind in "biufcSU" or h5py.check_string_dtype(dtype) is not None
