"""How long the text in an HDF5 file is, told without reading it: many values may stand for one long text in the file.

A text of any length is stored as 16 bytes: its length, and where in the file it lies. HDF5 hands out the texts alone,
so the lengths are read from the raw chunks.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

_REFERENCE = 16
_GZIP, _SHUFFLE = h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE
_BLOCK, _AT_ONCE = 1 << 16, 256 << 20


def text_bytes(item: h5py.Dataset, path: Path, most: int) -> int:
    """Return how many bytes the texts of a dataset take, once it is above `most` how many were counted by then.

    Parameters
    ----------
    item
        A dataset; one without text of any length takes none.
    path
        Its file.
    most
        Bytes, after which counting may end.

    Raises
    ------
    ValueError
        If a chunk unpacks to more than a chunk.
    """
    if not _holds_text(item.dtype) or not item.size:
        return 0
    total = 0
    for part in _lengths(item, path):
        total += int(part.sum())
        if total > most:
            break
    return total


def _holds_text(dtype: np.dtype) -> bool:
    if dtype.names is not None:
        return any(_holds_text(dtype[name]) for name in dtype.names)
    if dtype.subdtype is not None:
        return _holds_text(dtype.subdtype[0])
    found = h5py.check_string_dtype(dtype)
    return found is not None and found.length is None


def _lengths(item: h5py.Dataset, path: Path) -> Iterator[np.ndarray]:
    """Yield the lengths of all texts, some at a time."""
    plist = item.id.get_create_plist()
    filters = [plist.get_filter(number)[0] for number in range(plist.get_nfilters())]
    layout, offset = plist.get_layout(), item.id.get_offset()
    if item.dtype.names is not None or item.dtype.subdtype is not None or set(filters) - {_GZIP, _SHUFFLE}:
        yield from _read(item, path)
    elif layout == h5py.h5d.CHUNKED:
        for place, skipped in _chunks(item):
            yield _of(_plain(item.id.read_direct_chunk(place)[1], filters, skipped, math.prod(item.chunks)))
    elif layout == h5py.h5d.CONTIGUOUS and not item.file.userblock_size:
        # Without an offset nothing was ever written.
        if offset is not None:
            with path.open("rb") as file:
                file.seek(offset)
                for first in range(0, item.size, _BLOCK):
                    yield _of(file.read(_REFERENCE * min(_BLOCK, item.size - first)))
    else:
        yield from _read(item, path)


def _chunks(item: h5py.Dataset) -> list[tuple[tuple[int, ...], int]]:
    """Return where each chunk begins, and which of its filters were left out, as bits."""
    found: list[tuple[tuple[int, ...], int]] = []
    item.id.chunk_iter(lambda chunk: found.append((chunk.chunk_offset, chunk.filter_mask)))
    return found


def _plain(data: bytes, filters: list[int], skipped: int, n_values: int) -> bytes:
    size = n_values * _REFERENCE
    for number in reversed(range(len(filters))):
        if skipped >> number & 1:
            continue
        if filters[number] == _GZIP:
            data = zlib.decompressobj().decompress(data, size + 1)
        else:
            data = np.frombuffer(data, "u1").reshape(_REFERENCE, -1).T.tobytes()
    if len(data) > size:
        raise ValueError("a chunk of text unpacks to more than its values")
    return data


def _of(data: bytes) -> np.ndarray:
    return np.frombuffer(data, "<u4")[:: _REFERENCE // 4].astype(np.int64)


def _read(item: h5py.Dataset, path: Path) -> Iterator[np.ndarray]:
    """Yield the lengths of texts that are packed in other ways, by reading as many as can do no harm."""
    if item.ndim != 1:
        yield from (np.array([_text_of(item[place])]) for place in np.ndindex(item.shape))
        return
    # None is longer than the file, in which texts themselves are never packed.
    step = max(1, min(_BLOCK, _AT_ONCE // path.stat().st_size))
    for first in range(0, item.size, step):
        yield np.array([_text_of(value) for value in item[first : first + step]])


def _text_of(value: Any) -> int:
    if isinstance(value, bytes | str):
        return len(value)
    held = value.tolist() if isinstance(value, np.void | np.ndarray) else value
    return sum(_text_of(each) for each in held) if isinstance(held, list | tuple) else 0
