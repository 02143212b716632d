"""The readers a card may name, found by name and imported when used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from scarena.base.errors import CardError
from scarena.datasets.accepted import accepted
from scarena.datasets.raw import Raw, Reader

_READERS = {
    "h5ad": "scarena.datasets.read_h5ad:read",
    "h5mu": "scarena.datasets.read_h5ad:read_h5mu",
    "zarr": "scarena.datasets.read_zarr:read",
    "10x_h5": "scarena.datasets.read_mtx:read_10x_h5",
    "mtx": "scarena.datasets.read_mtx:read_mtx",
    "tables": "scarena.datasets.read_tables:read",
    "joined": "scarena.datasets.read_joined:read",
    "inferred": "scarena.datasets.read_inferred:read",
    "rdata": "scarena.datasets.read_rdata:read",
    "loom": "scarena.datasets.read_loom:read",
    "r": "scarena.datasets.read_with_r:read",
}


def reader_names() -> list[str]:
    """Return the names of all readers, sorted."""
    return sorted(_READERS)


def find_reader(name: str, where: str) -> Reader:
    """Return the reader called `name`, whose results are `accepted`; `where` names the card in errors."""
    if name not in _READERS:
        raise CardError(f"unknown reader {name!r}", where=where, fix=f"one of {', '.join(reader_names())}")
    module, function = _READERS[name].split(":")
    read = cast(Reader, getattr(importlib.import_module(module), function))

    def reader(files: Mapping[str, Path], options: Mapping[str, Any]) -> Raw:
        return accepted(read(files, options), where)

    return reader
