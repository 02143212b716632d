"""What a chunk of a zarr array would unpack to, told from its bytes before a decoder makes room for it.

Decoders take the word of the chunk for the room they need, and blosc's for where it ends.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from scarena.datasets.stores.zarr_files import StoreFiles
from scarena.datasets.stores.zarr_layout import Layout

# What is said in whole blocks may be somewhat more than there is; a bomb is a thousand times.
_SLACK = 1 << 20
_STEP = 1 << 20
_ZSTD, _ZSTD_SKIPPED, _ZSTD_BLOCK = 0xFD2FB528, 0x184D2A50, 128 << 10
_NONE = (1 << 64) - 1


def _number(data: bytes, first: int, size: int) -> int:
    return int.from_bytes(data[first : first + size], "little")


def _raw(data: bytes, most: int) -> int:
    return len(data)


def _blosc(data: bytes, most: int) -> int:
    if len(data) < 16 or _number(data, 12, 4) != len(data):
        raise ValueError("is cut short or lengthened")
    return _number(data, 4, 4)


def _lz4(data: bytes, most: int) -> int:
    if len(data) < 4:
        raise ValueError("is cut short")
    return _number(data, 0, 4)


def _deflated(data: bytes, most: int) -> int:
    """Unpack a stream, or several one after another, without keeping it, until it is more than `most`."""
    size = 0
    while data:
        stream = zlib.decompressobj(wbits=47)
        while data and not stream.eof and size <= most:
            size += len(stream.decompress(data, _STEP))
            data = stream.unconsumed_tail
        if size > most:
            break
        if not stream.eof:
            raise ValueError("is cut short")
        data = stream.unused_data
    return size


def _zstd(data: bytes, most: int) -> int:
    """Add up what all frames (RFC 8878) unpack to: what each says, or else the most that its blocks hold."""
    at, sizes = 0, list[int]()
    unknown = False
    while at < len(data):
        magic = _number(data, at, 4)
        if magic & 0xFFFFFFF0 == _ZSTD_SKIPPED:
            at += 8 + _number(data, at + 4, 4)
            continue
        if magic != _ZSTD:
            raise ValueError("is no zstd")
        said, at, checksum = _frame(data, at + 4)
        found, at = _blocks(data, at)
        at += checksum
        if said is not None and said > found:
            raise ValueError("says that it is more than it is")
        unknown |= said is None
        sizes.append(found if said is None else said)
    if at > len(data):
        raise ValueError("is cut short")
    # Such are decoded without regard to what the others say of themselves.
    if unknown and len(sizes) > 1:
        raise ValueError("is of several frames, not all of which say their size")
    return sum(sizes)


def _blocks(data: bytes, at: int) -> tuple[int, int]:
    """Return the most that the blocks of a frame unpack to, and where they end."""
    found, last = 0, False
    while not last:
        if at + 3 > len(data):
            raise ValueError("is cut short")
        head = _number(data, at, 3)
        last, kind, length = bool(head & 1), head >> 1 & 3, head >> 3
        found += length if kind < 2 else _ZSTD_BLOCK
        at += 3 + (1 if kind == 1 else length)
    return found, at


def _frame(data: bytes, at: int) -> tuple[int | None, int, int]:
    """Return the size a frame's head gives, where its blocks begin, and the bytes of the checksum after them."""
    if at >= len(data):
        raise ValueError("is cut short")
    flags = data[at]
    single, kind = flags >> 5 & 1, flags >> 6
    width = (single, 2, 4, 8)[kind]
    at += 1 + (1 - single) + (0, 1, 2, 4)[flags & 3]
    said = _number(data, at, width) + (256 if kind == 1 else 0) if width else None
    return said, at + width, 4 * (flags >> 2 & 1)


_UNPACKED: dict[str | None, Callable[[bytes, int], int]] = {
    None: _raw, "blosc": _blosc, "lz4": _lz4, "gzip": _deflated, "zlib": _deflated, "zstd": _zstd,
}  # fmt: skip


def check_chunks(files: StoreFiles, name: str, layout: Layout, room: int) -> int:
    """Refuse a file of an array if a chunk in it would unpack to more than the array says.

    Parameters
    ----------
    files, name
        The store, and the file in it.
    layout
        What the array's metadata says.
    room
        Bytes that strings may unpack to, of which the metadata says nothing.

    Returns
    -------
    Bytes that its strings unpack to; 0 for numbers, whose size the metadata gives.

    Raises
    ------
    ValueError
        If one would, is cut short, or is none of its codec.
    """
    packing, values, strings = layout.packing, layout.chunk_values, 0
    most = room if packing.strings else 2 * values * layout.item + _SLACK
    for data in _chunks(files, name, layout, most):
        packed = data[: len(data) - packing.tail] if packing.tail else data
        size = _UNPACKED[packing.packer](packed, most)
        if size > most:
            raise ValueError(f"unpacks to {size:,} bytes and should to {values * layout.item:,}")
        if packing.strings:
            strings += size
            _check_strings(packing.packer, packed, values)
    return strings


def _check_strings(packer: str | None, data: bytes, values: int) -> None:
    """Refuse more strings than the chunk has: room is made for what its first bytes say."""
    import numcodecs

    codec: Any = numcodecs.get_codec({"id": packer}) if packer else None
    plain = codec.decode(data) if codec else data
    count = _number(bytes(memoryview(plain)[:4]), 0, 4)
    if count > values:
        raise ValueError(f"says it holds {count:,} strings and should {values:,}")


def _chunks(files: StoreFiles, name: str, layout: Layout, most: int) -> Iterator[bytes]:
    """Yield the packed bytes of what is decoded at once: the file, or every chunk of a shard."""
    held = files.sizes[name]
    if layout.shard is None:
        if held > most:
            raise ValueError(f"has {held:,} bytes, more than its values take")
        yield files.read(name)
        return
    count = math.prod(layout.grid) // layout.chunk_values
    size = 16 * count + 4 * layout.checked
    if size > held:
        raise ValueError("is shorter than its own index")
    head = files.read(name, 0 if layout.shard == "start" else held - size, 16 * count)
    index = np.frombuffer(head, "<u8").reshape(-1, 2)
    for first, length in index[index[:, 0] != _NONE].tolist():
        if first + length > held or length > most:
            raise ValueError("has a chunk outside of its shard")
        yield files.read(name, first, length)
