"""The form of a corpus on disk, and its reader.

``manifest.json`` (written last), ``genes.txt`` (the vocabulary), ``measured.npy`` (packed bits, datasets × genes),
``chunks.npy``, and shards ``shard-00000/`` of plain arrays that are mapped, not read: ``genes``, ``counts``,
``starts``, ``cells``, ``names``, ``minhash``. A chunk is up to 256 cells of one group (one batch of one dataset), drawn
at random, end to end in one shard; so a training step, which wants cells of one group, is one contiguous read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from scarena.base.errors import DataError
from scarena.base.files import read_json, sha256_of

FORMAT = 1
PARTS = ("genes", "counts", "starts", "cells", "names", "minhash")
CELL = np.dtype([("group", "<u4"), ("depth", "<u4")])
CHUNK = np.dtype([("shard", "<u4"), ("first", "<u4"), ("cells", "<u4"), ("group", "<u4")])
_AGAIN = "copy it again, or build the corpus anew with `scarena corpus build`"
# Each mapped shard holds six open files.
_OPEN_SHARDS = 32


def shard_name(number: int) -> str:
    """Return the folder of a shard."""
    return f"shard-{number:05d}"


@dataclass(frozen=True, slots=True)
class CorpusGroup:
    """One batch of one dataset."""

    name: str
    dataset: str
    size: int
    """Cells."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some cells of one group, as views of the mapped shard."""

    group: int
    starts: np.ndarray
    """int64 [n_cells + 1], where each cell's genes begin in `genes`, and the end; from 0."""
    genes: np.ndarray
    """uint16 [n_values], places in the vocabulary, ascending within a cell."""
    counts: np.ndarray
    """uint16 [n_values], at least 1; 65,535 stands for all that is more."""
    depth: np.ndarray
    """uint32 [n_cells], all counts of a cell, inside or outside the vocabulary."""
    names: np.ndarray
    """bytes [n_cells], ``dataset:cell``."""


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    try:
        manifest = read_json(path)
    except FileNotFoundError:
        raise DataError("no complete corpus", where=str(folder), fix="make one with `scarena corpus build`") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"unreadable ({type(error).__name__})", where=str(path), fix=_AGAIN) from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        found = manifest.get("format") if isinstance(manifest, dict) else None
        raise DataError(f"format {found!r} and not {FORMAT}", where=str(path), fix="build the corpus anew")
    return manifest


def _check(folder: Path, files: dict[str, dict[str, Any]], verify: bool) -> None:
    for name, said in sorted(files.items()):
        path = folder / name
        if not path.is_file():
            raise DataError("missing", where=str(path), fix=_AGAIN)
        if path.stat().st_size != said["bytes"]:
            what = f"truncated or altered: {path.stat().st_size:,} bytes and not {said['bytes']:,}"
            raise DataError(what, where=str(path), fix=_AGAIN)
        if verify and sha256_of(path) != said["sha256"]:
            raise DataError("its content is not what was built (sha256)", where=str(path), fix=_AGAIN)


def load_array(path: Path, mapped: bool = True) -> np.ndarray:
    """Return an array of a corpus; never anything but plain numbers and bytes.

    Raises
    ------
    DataError
        If the file is damaged.
    """
    try:
        return np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        said = " ".join(str(error).split())[:100]
        raise DataError(f"no readable array ({said})", where=str(path), fix=_AGAIN) from None


class Corpus:
    """A corpus on disk; arrays are mapped when first asked for."""

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self.folder, self.manifest = folder, manifest
        self.genes: list[str] = (folder / "genes.txt").read_text(encoding="ascii").split()
        """Ensembl ids, the vocabulary."""
        self.groups = tuple(CorpusGroup(g["name"], g["dataset"], g["cells"]) for g in manifest["groups"])
        self.n_cells: int = manifest["cells"]
        self.chunks = load_array(folder / "chunks.npy", mapped=False)
        """Structured [n_chunks]: ``shard``, ``first`` (row), ``cells``, ``group``."""
        packed = load_array(folder / "measured.npy", mapped=False)
        self._measured = np.unpackbits(packed, axis=1, count=len(self.genes)).astype(bool)
        self._dataset = {source["dataset"]: number for number, source in enumerate(manifest["sources"])}
        self.shard = lru_cache(maxsize=_OPEN_SHARDS)(self._shard)

    @classmethod
    def open(cls, folder: Path, verify: bool = False) -> Corpus:
        """Return a corpus, its files checked against the manifest: their sizes, and with `verify` their contents.

        Raises
        ------
        DataError
            If there is no complete corpus, or a file of it is missing, truncated or altered; the file is named.
        """
        manifest = _read_manifest(folder)
        _check(folder, manifest["files"], verify)
        return cls(folder, manifest)

    def measured(self, group: int) -> np.ndarray:
        """Return bool [n_genes]: the genes of the vocabulary that the group's dataset has."""
        return self.measured_in(self.groups[group].dataset)

    def measured_in(self, dataset: str) -> np.ndarray:
        """Return bool [n_genes]: the genes of the vocabulary that a dataset has."""
        return self._measured[self._dataset[dataset]]

    def _shard(self, number: int) -> dict[str, np.ndarray]:
        return {part: load_array(self.folder / shard_name(number) / f"{part}.npy") for part in PARTS}

    def chunk(self, number: int) -> Chunk:
        """Return the cells of a chunk."""
        chunk = self.chunks[number]
        shard = self.shard(int(chunk["shard"]))
        rows = slice(int(chunk["first"]), int(chunk["first"]) + int(chunk["cells"]))
        starts = np.asarray(shard["starts"][rows.start : rows.stop + 1])
        values = slice(int(starts[0]), int(starts[-1]))
        depth, names = np.asarray(shard["cells"][rows]["depth"]), np.asarray(shard["names"][rows])
        return Chunk(
            int(chunk["group"]), starts - starts[0], shard["genes"][values], shard["counts"][values], depth, names
        )

    def chunks_of_groups(self) -> list[np.ndarray]:
        """Return, for each group, the numbers of its chunks, int64, ascending."""
        order = np.argsort(self.chunks["group"], kind="stable")
        bounds = np.searchsorted(self.chunks["group"][order], np.arange(len(self.groups) + 1))
        return [order[first:last] for first, last in pairwise(bounds)]
