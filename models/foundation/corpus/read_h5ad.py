"""An h5ad file as a source of a corpus: obs is held in memory, the counts are read in blocks of rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from scarena.base.errors import DataError, SourceError
from scarena.datasets.accepted import named_columns
from scarena.datasets.annotated import place_of
from scarena.datasets.count_places import advice, places_with_counts
from scarena.datasets.counts import nature
from scarena.datasets.features import genes_of
from scarena.datasets.genes import gene_map, table_for
from scarena.datasets.read_h5ad import refuse_links
from scarena.datasets.sources import verify
from scarena.models.foundation.corpus.blocks import (
    OBS_KEYS,
    UNKNOWN,
    Block,
    Origin,
    Source,
    block_of,
)
from scarena.models.foundation.corpus.config import H5adSource

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def _reading(path: Path) -> Iterator[h5py.File]:
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, KeyError, ValueError, TypeError) as error:
        what = f"not a readable h5ad ({type(error).__name__}: {' '.join(str(error).split())[:100]})"
        raise DataError(what, where=str(path), fix="write or copy it again") from None


def _table(file: h5py.File, key: str) -> pd.DataFrame:
    from anndata.io import read_elem

    return read_elem(file[key])


def _matrix(file: h5py.File, layer: str | None, path: Path) -> Any:
    """Return the counts, left on disk, as something that rows can be cut from."""
    from anndata.io import sparse_dataset

    key = place_of(layer)
    if key not in file:
        known = ", ".join(sorted(file["layers"])) if "layers" in file else "none"
        raise DataError(f"has no {key}", where=f"{path}: layer", fix=f"layers: {known}")
    if isinstance(file[key], h5py.Dataset):
        return file[key]
    matrix = sparse_dataset(file[key])
    if matrix.format != "csr":
        fix = "write it with the counts as CSR, since rows of a CSC cannot be read alone"
        raise DataError(f"{key} is stored as {matrix.format.upper()}", where=str(path), fix=fix)
    return matrix


def _column(table: pd.DataFrame, name: str, where: str) -> pd.Series:
    if name not in table:
        raise DataError(f"no column {name!r}", where=where, fix=f"one of: {', '.join(map(str, table.columns))}")
    return table[name]


def _obs(file: h5py.File, entry: H5adSource) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the cells by name, with the four strings that a corpus counts by, and what was renamed."""
    import pandas as pd

    table = _table(file, "obs")
    table.index = table.index.astype(str)
    twice = table.index[table.index.duplicated()]
    if len(twice):
        what = f"{len(twice)} cell names occur twice (first: {twice[0]!r})"
        raise DataError(what, where=f"{entry.path}: obs_names", fix="make them unique")
    columns = {}
    for key in OBS_KEYS:
        name = getattr(entry, key)
        default = entry.name if key == "batch" else UNKNOWN
        columns[key] = (
            pd.Series(default, index=table.index) if name is None else _column(table, name, f"{entry.path}: obs")
        )
    found, said = named_columns(pd.DataFrame(columns))
    empty = int(found["batch"].isna().sum())
    if empty:
        raise DataError(
            f"{empty} cells have no batch", where=f"{entry.path}: obs[{entry.batch!r}]", fix="give them one"
        )
    # Codes and not strings, or a large file's obs would take more than its counts' blocks.
    return found.fillna(UNKNOWN).astype("category"), said


def _features(file: h5py.File, entry: H5adSource) -> tuple[pd.DataFrame, list[str]]:
    """Return var, and the names of genes in it."""
    table = _table(file, "raw/var" if entry.layer == "raw" else "var")
    names = table.index if entry.genes is None else _column(table, entry.genes, f"{entry.path}: var")
    return table, [str(name) for name in names]


def source(entry: H5adSource, block_cells: int, cache: Path, mirror: Path | None) -> Source:
    """Return an h5ad file as a source.

    Raises
    ------
    SourceError
        If the file is missing or not the one with the given hash.
    DataError
        If it cannot be read, lacks a column, or names cells twice.
    """
    path, where = entry.path, str(entry.path)
    if not path.is_file():
        raise SourceError("no such file", where=where, fix="correct the path (it is relative to the working folder)")
    digest = verify(path, entry.sha256, where, "restore the file, or correct its sha256 where the corpus is configured")
    refuse_links(path)
    with _reading(path) as file:
        (obs, said), (var, names) = _obs(file, entry), _features(file, entry)
        matrix = _matrix(file, entry.layer, path)
        shape, what = matrix.shape, nature(matrix)
        hint = "" if what.kind == "counts" else advice(what, places_with_counts(file), None)
    if tuple(shape) != (len(obs), len(names)):
        size = f"counts are {tuple(shape)} for {len(obs)} cells and {len(names)} genes"
        raise DataError(size, where=where, fix="write it again with a current anndata")
    mask, dropped = genes_of(var, f"{where}: var")
    kept = np.arange(len(names)) if mask is None else np.flatnonzero(mask)
    genes, about = np.array(names)[kept], var if mask is None else var.iloc[kept]
    columns = gene_map(genes, table_for(genes, cache=cache, mirror=mirror), where, about)

    def told() -> tuple[str, ...]:
        return (*dropped, *said, *columns.told())

    def blocks() -> Iterator[Block]:
        with _reading(path) as file:
            matrix = _matrix(file, entry.layer, path)
            for first in range(0, len(obs), block_cells):
                rows = slice(first, min(first + block_cells, len(obs)))
                part = matrix[rows] if mask is None else matrix[rows][:, kept]
                yield block_of(part, columns, obs.iloc[rows], where, hint)

    files: tuple[dict[str, str | None], ...] = ({"url": entry.url or f"file:{path.name}", "sha256": digest},)
    return Source(Origin(entry.name, "h5ad", entry.study, entry.licence, files), columns.ids, blocks, told)
