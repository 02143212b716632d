"""Reader for loom files (HDF5): a dense matrix, features × cells, with attributes of its rows and columns.

Options
-------
file: KEY
    The file; may be left out where the card has one.
genes: NAME
    The row attribute with symbols or Ensembl ids; ``Gene`` or ``GeneName`` by default, ``Accession`` failing these.
cells: NAME
    The column attribute with the cells' names; ``CellID`` or ``CellName`` by default. Without one, cells are numbered.
counts: NAME
    The layer with the counts, if they are not in the matrix.
scaled: true
    Each cell's counts were multiplied by a number of its own (to a total of a million, say): the counts come back.
coordinates: NAME or {columns: [X, Y]}
    A column attribute of two values a cell, or two of one value.
keep: {column: NAME, values: [TEXT, …]}
    The cells that are read.
batch, label, donor, tissue, assay, and targets
    As for tables, columns being attributes of one value a cell.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix, hstack

from scarena.base.errors import DataError
from scarena.base.untrusted import reading
from scarena.datasets.further import coordinates_of
from scarena.datasets.raw import OBS_KEYS, Raw
from scarena.datasets.read_tables import column, kept_cells
from scarena.datasets.recover import rescaled
from scarena.datasets.stores.hdf5 import check_hdf5

_GENES, _CELLS = ("Gene", "GeneName", "Accession"), ("CellID", "CellName")
_BLOCK = 2048
"""Cells read at a time: a loom file is dense, and mostly zeros."""


def read(files: Mapping[str, Path], options: Mapping[str, Any]) -> Raw:
    """Read the matrix and the attributes that the options name."""
    import h5py

    path = files[options.get("file", next(iter(files)))]
    check_hdf5(path)
    with reading(path, what="no readable loom file", fix="pull it again"), h5py.File(path, "r") as file:
        counts = _counts(file, options.get("counts"), path)
        rows = _attributes(file, "row_attrs", counts.shape[1], path)
        columns = _attributes(file, "col_attrs", counts.shape[0], path)
    genes = _named(rows, options.get("genes"), _GENES, f"{path}: row_attrs")
    if genes is None:
        fix = f"name it as `genes` on the card: {', '.join(rows) or 'there is none'}"
        raise DataError("no attribute with the genes' names", where=f"{path}: row_attrs", fix=fix)
    about = _table(columns, options.get("cells"), counts.shape[0], path)
    cells = about.index
    obs = {key: column(options[key], cells, about, str(path)) for key in OBS_KEYS if key in options}
    if options.get("scaled"):
        counts = rescaled(counts, str(path))
    beside = _coordinates(columns, about, options, path)
    raw = Raw(counts, pd.DataFrame(obs, index=cells), genes.astype(object), matrices=beside)
    return kept_cells(raw, options, about, str(path))


def cells_of(path: Path) -> pd.DataFrame:
    """Return the attributes of cells that have one value a cell, by cell name."""
    import h5py

    check_hdf5(path)
    with reading(path, what="no readable loom file", fix="pull it again"), h5py.File(path, "r") as file:
        n_cells = _matrix(file, None, path).shape[1]
        return _table(_attributes(file, "col_attrs", n_cells, path), None, n_cells, path)


def _table(columns: Mapping[str, np.ndarray], names: str | None, n_cells: int, path: Path) -> pd.DataFrame:
    found = _named(columns, names, _CELLS, f"{path}: col_attrs")
    cells = pd.Index([f"cell{i + 1}" for i in range(n_cells)] if found is None else found, dtype=object)
    return pd.DataFrame({key: values for key, values in columns.items() if values.ndim == 1}, index=cells)


def _matrix(file: Any, layer: str | None, path: Path) -> Any:
    way = "matrix" if layer is None else f"layers/{layer}"
    if way not in file or getattr(file[way], "ndim", 0) != 2:
        known = ", ".join(["matrix", *file.get("layers", {})])
        raise DataError(f"no matrix {way!r}", where=str(path), fix=f"give a loom file, or correct `counts` ({known})")
    held = file[way]
    if held.dtype.kind not in "biuf":
        raise DataError(f"the matrix holds {held.dtype}", where=f"{path}: {way}", fix="give a loom file with counts")
    return held


def _counts(file: Any, layer: str | None, path: Path) -> csr_matrix:
    held = _matrix(file, layer, path)
    parts = [csr_matrix(held[:, first : first + _BLOCK]) for first in range(0, held.shape[1], _BLOCK)]
    return csr_matrix(hstack(parts, format="csr").T) if parts else csr_matrix((0, held.shape[0]))


def _attributes(file: Any, group: str, length: int, path: Path) -> dict[str, np.ndarray]:
    """Return the attributes of rows or columns by name, text as text; one of a single column is a vector."""
    found = {}
    for name in sorted(file.get(group, {})):
        values = np.asarray(file[group][name][()])
        if values.ndim not in (1, 2) or len(values) != length:
            what = f"{name!r} has shape {values.shape}, for {length} {'cells' if group == 'col_attrs' else 'features'}"
            raise DataError(what, where=f"{path}: {group}", fix="write the file again")
        if values.dtype.kind in "SO":
            # Text that is not UTF-8 is damage, which the caller's guard says.
            values = np.array([v.decode() if isinstance(v, bytes) else str(v) for v in values.ravel()], dtype=object)
            values = values.reshape(length, -1)
        found[name] = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
    return found


def _named(
    attributes: Mapping[str, np.ndarray], asked: str | None, usual: tuple[str, ...], where: str
) -> np.ndarray | None:
    name = asked if asked is not None else next((each for each in usual if each in attributes), None)
    if name is None:
        return None
    if name not in attributes or attributes[name].ndim != 1:
        raise DataError(f"no attribute {name!r}", where=where, fix=f"one of: {', '.join(attributes) or 'none'}")
    return attributes[name].astype(str)


def _coordinates(
    attributes: Mapping[str, np.ndarray], table: pd.DataFrame, options: Mapping[str, Any], path: Path
) -> dict[str, pd.DataFrame]:
    rule = options.get("coordinates")
    if rule is None:
        return {}
    if isinstance(rule, Mapping):
        return {"coordinates": coordinates_of(table, rule, str(path))}
    if rule not in attributes or attributes[rule].ndim != 2:
        fix = f"correct `coordinates` on the card: {', '.join(attributes)}"
        raise DataError(f"no attribute {rule!r} of two values a cell", where=f"{path}: col_attrs", fix=fix)
    return {"coordinates": pd.DataFrame(attributes[rule], index=table.index)}
