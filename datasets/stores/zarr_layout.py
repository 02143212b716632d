"""What the metadata of a zarr array says: shape, chunks, kind of values, codecs; only what is plain is accepted.

A codec is code that a file chooses: numcodecs has one that unpickles, so those that are read are listed here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, Field, Strict

Size = Annotated[int, Strict(), Field(ge=0, le=1 << 60)]
Edge = Annotated[int, Strict(), Field(ge=1, le=1 << 60)]
Lengths = Annotated[tuple[Size, ...], Field(max_length=32)]
Edges = Annotated[tuple[Edge, ...], Field(max_length=32)]

PACKERS = ("blosc", "zstd", "gzip", "zlib", "lz4")
_STRINGS, _SHARDS, _CRC = "vlen-utf8", "sharding_indexed", "crc32c"
_V2_TYPE = re.compile(r"[<>|]([biufcSU])\d{1,9}")
_V3_TYPE = re.compile(r"bool|u?int(8|16|32|64)|float(16|32|64)|complex(64|128)")
_V3_TEXT = ("fixed_length_utf32", "null_terminated_bytes")


@dataclass(frozen=True, slots=True)
class Packing:
    """How one chunk becomes bytes."""

    packer: str | None
    """The one compressor, if there is one."""
    tail: int
    """Bytes of checksums after what it packed."""
    strings: bool
    """Whether values are strings of any length."""


@dataclass(frozen=True, slots=True)
class Layout:
    """An array: what it promises."""

    shape: tuple[int, ...]
    grid: tuple[int, ...]
    """Edges of what one file holds."""
    edges: tuple[int, ...]
    """Edges of what is decoded at once: those of `grid`, but within a shard."""
    item: int
    """Bytes of a value; of a string 8, which is what a reference takes."""
    packing: Packing
    shard: str | None = None
    """Where the index of a shard is: ``start`` or ``end``."""
    checked: bool = False
    """Whether that index has a checksum."""

    @property
    def n_files(self) -> int:
        """How many files hold it when all are there."""
        return math.prod(-(-n // edge) for n, edge in zip(self.shape, self.grid, strict=True))

    @property
    def file_bytes(self) -> int:
        """Bytes of what one file holds, decoded."""
        return math.prod(self.grid) * self.item

    @property
    def chunk_values(self) -> int:
        """Values that are decoded at once."""
        return math.prod(self.edges)


class _V2(BaseModel):
    zarr_format: Literal[2]
    shape: Lengths
    chunks: Edges
    dtype: Any
    compressor: dict[str, Any] | None = None
    filters: list[dict[str, Any]] | None = None
    order: Literal["C", "F"] = "C"
    dimension_separator: Literal[".", "/"] = "."


class _Shape(BaseModel):
    chunk_shape: Edges


class _Grid(BaseModel):
    name: Literal["regular"]
    configuration: _Shape


class _Separator(BaseModel):
    separator: Literal[".", "/"] | None = None


class _Keys(BaseModel):
    name: Literal["default", "v2"]
    configuration: _Separator = _Separator()


class _Shards(BaseModel):
    chunk_shape: Edges
    codecs: list[Any]
    index_codecs: list[Any]
    index_location: Literal["start", "end"] = "end"


class _V3(BaseModel):
    zarr_format: Literal[3]
    shape: Lengths
    data_type: Any
    chunk_grid: _Grid
    chunk_key_encoding: _Keys
    codecs: list[Any]
    storage_transformers: Annotated[list[Any], Field(max_length=0)] = []


def layout_v2(held: Any) -> Layout:
    """Return what a ``.zarray`` says.

    Raises
    ------
    ValueError
        If it is none, or asks for a codec or holds values that are not read.
    """
    found = _V2.model_validate(held)
    filters = [str(each.get("id")) for each in found.filters or []]
    strings = filters == [_STRINGS]
    if not strings and set(filters) - {"shuffle"}:
        raise ValueError(f"has the filters {filters}, which are not read")
    packer = None if found.compressor is None else str(found.compressor.get("id"))
    if packer is not None and packer not in PACKERS:
        raise ValueError(f"has the codec {packer!r}, which is not read")
    if (found.dtype == "|O") is not strings:
        raise ValueError(f"holds values of a kind that is not read ({found.dtype!r} by {filters})")
    item = 8 if strings else _size(found.dtype, _v2_size)
    return _layout(found.shape, found.chunks, found.chunks, item, Packing(packer, 0, strings))


def _v2_size(kind: Any) -> int:
    if not isinstance(kind, str) or not _V2_TYPE.fullmatch(kind):
        raise ValueError(f"holds values of a kind that is not read ({kind!r})")
    # Of text numpy would take sizes that it cannot hold.
    return int(kind[2:]) * (4 if kind[1] == "U" else 1) if kind[1] in "SU" else np.dtype(kind).itemsize


def _size(kind: Any, of_one: Callable[[Any], int]) -> int:
    """Return the bytes of a value: of one kind, or of a record of named ones."""
    if not isinstance(kind, list):
        return of_one(kind)
    if not all(isinstance(field, list) and len(field) == 2 for field in kind):
        raise ValueError("holds records of a kind that is not read")
    return sum(of_one(field[1]) for field in kind)


def layout_v3(held: Any) -> Layout:
    """Return what the ``zarr.json`` of an array says.

    Raises
    ------
    ValueError
        If it is none, or asks for a codec or holds values that are not read.
    """
    found = _V3.model_validate(held)
    grid = found.chunk_grid.configuration.chunk_shape
    strings = found.data_type == "string"
    item = 8 if strings else _v3_size(found.data_type)
    names = [_named(each) for each in found.codecs]
    if not names or names[-1][0] != _SHARDS:
        return _layout(found.shape, grid, grid, item, _packing([name for name, _ in names], strings))
    if any(name != "transpose" for name, _ in names[:-1]):
        raise ValueError("has codecs around its shards, which are not read")
    shards = _Shards.model_validate(names[-1][1])
    packing = _packing([_named(each)[0] for each in shards.codecs], strings)
    index = [_named(each)[0] for each in shards.index_codecs]
    if index not in (["bytes"], ["bytes", _CRC]) or _big(shards.index_codecs[0]):
        raise ValueError(f"has an index of shards by {index}, which is not read")
    checked = _CRC in index
    return _layout(found.shape, grid, shards.chunk_shape, item, packing, shards.index_location, checked=checked)


def _big(codec: Any) -> bool:
    return _named(codec)[1].get("endian", "little") != "little"


def _v3_size(kind: Any) -> int:
    if isinstance(kind, str) and _V3_TYPE.fullmatch(kind):
        return np.dtype(kind).itemsize
    name, held = _named(kind)
    if name == "structured":
        return _size(held.get("fields"), _v3_size)
    length = held.get("length_bytes")
    if name not in _V3_TEXT or not isinstance(length, int) or not 0 <= length <= 1 << 40:
        raise ValueError(f"holds values of a kind that is not read ({name!r})")
    return length


def _named(held: Any) -> tuple[str, dict[str, Any]]:
    """Return a name and its configuration; the compressors of numcodecs go by the same names without its own."""
    if isinstance(held, str):
        held = {"name": held}
    if not isinstance(held, dict) or not isinstance(held.get("name"), str):
        raise ValueError("has a codec or a kind of values without a name")
    inner = held.get("configuration") or {}
    if not isinstance(inner, dict):
        raise ValueError(f"has a configuration of {held['name']!r} that is none")
    name = held["name"]
    bare = name.removeprefix("numcodecs.")
    return (bare if bare in (*PACKERS, "shuffle") else name), inner


def _packing(names: list[str], strings: bool) -> Packing:
    """Return what a list of codecs comes to: values turned round, made bytes, packed once, with checksums."""
    names = [name for name in names if name != "transpose"]
    serial, rest = (names[0], names[1:]) if names else ("", [])
    packers = [name for name in rest if name in PACKERS]
    allowed = {*PACKERS, _CRC, *([] if strings else ["shuffle"])}
    if serial != (_STRINGS if strings else "bytes") or set(rest) - allowed or len(packers) > 1:
        raise ValueError(f"has the codecs {names}, which are not read")
    after = rest[rest.index(packers[0]) + 1 :] if packers else []
    return Packing(packers[0] if packers else None, 4 * after.count(_CRC), strings)


def _layout(
    shape: tuple[int, ...], grid: tuple[int, ...], edges: tuple[int, ...], item: int, packing: Packing,
    shard: str | None = None, *, checked: bool = False,
) -> Layout:  # fmt: skip
    if not len(shape) == len(grid) == len(edges):
        raise ValueError("has chunks of other dimensions than its own")
    if any(whole % part for whole, part in zip(grid, edges, strict=True)):
        raise ValueError("has shards that are no whole number of chunks")
    return Layout(shape, grid, edges, item, packing, shard, checked)
