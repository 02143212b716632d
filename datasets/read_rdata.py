"""Reader for R's .rda, .RData and .rds files, through the package rdata.

Options
-------
file: KEY
    The file; may be left out where the card has one.
counts: [STEP, …]
    The way to the matrix: names of objects, list entries and S4 slots, one after another.
orientation
    ``genes_by_cells`` (default) or ``cells_by_genes``.
genes, cells: [STEP, …] or {path: [STEP, …], column: NAME}
    Where the names are, if the matrix has none (or other ones).
metadata: {file: KEY, path: [STEP, …], index: COLUMN, strip: REGEX}
    A data frame of cells, joined by its row names (or a column); `strip` is removed from the cells' names first.
    With ``order: true`` its rows are the cells in order.
vectors: {NAME: [STEP, …]}
    Vectors with one value a cell, usable as columns.
guides: {counts: […], targets: […]}
    A guide × cell matrix and the data frame that maps guides to targets: the column ``target`` becomes each cell's most
    counted guide's target.
depth: COLUMN
    The values are log1p of counts per 10,000; this column of the metadata has each cell's total, which gives the counts
    back exactly.
batch, label, donor, tissue, assay
    As for tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError
from scarena.datasets.r_objects import as_matrix, load, walk
from scarena.datasets.raw import Raw
from scarena.datasets.read_tables import OBS_KEYS, column
from scarena.datasets.recover import recovered


def _names_at(root: Any, rule: Any, where: str) -> np.ndarray:
    value = walk(root, [*rule["path"], rule["column"]] if isinstance(rule, Mapping) else rule, where)
    if hasattr(value, "coords"):
        return np.asarray(value.coords[value.dims[0]].values).astype(str)
    if isinstance(value, pd.DataFrame):
        return value.index.astype(str).to_numpy()
    return np.asarray(value).astype(str)


def _check_length(n: int, cells: pd.Index, where: str) -> None:
    if n != len(cells):
        fix = "correct the path on the card, or join by name instead of order"
        raise DataError(f"{n} values for {len(cells)} cells", where=where, fix=fix)


def _table(files: Mapping[str, Path], rule: Mapping[str, Any], root: Any, where: str) -> pd.DataFrame:
    found = walk(load(files[rule["file"]]) if "file" in rule else root, rule["path"], where)
    if isinstance(found, Mapping):
        found = pd.DataFrame(dict(found))
    if not isinstance(found, pd.DataFrame):
        what, fix = f"{' / '.join(rule['path'])} is no data frame", "correct `metadata` on the card"
        raise DataError(what, where=where, fix=fix)
    if "index" in rule:
        found = found.set_axis(np.asarray(walk(found, [rule["index"]], where)))
    return found.set_axis(found.index.astype(str))


def _metadata(
    files: Mapping[str, Path], options: Mapping[str, Any], root: Any, cells: pd.Index, where: str
) -> pd.DataFrame:
    table = pd.DataFrame(index=cells)
    rule = options.get("metadata")
    if rule is not None:
        held = str(files[rule["file"]]) if "file" in rule else where
        table = _table(files, rule, root, held)
        if rule.get("order"):
            _check_length(len(table), cells, held)
        else:
            twice = table.index[table.index.duplicated()]
            if len(twice):
                fix = "name a column that tells the cells apart as `index`"
                raise DataError(f"{twice[0]!r} is the name of several cells", where=held, fix=fix)
            table = table.reindex(cells.str.replace(rule.get("strip", r"(?!)"), "", regex=True))
        table = table.set_axis(cells)
    for name, steps in options.get("vectors", {}).items():
        values = np.asarray(walk(root, steps, where)).astype(str)
        _check_length(len(values), cells, f"{where}: {' / '.join(steps)}")
        table[name] = values
    if "guides" in options:
        table["target"] = _targets(root, options["guides"], where)
    return table


def _targets(root: Any, rule: Mapping[str, Any], where: str) -> np.ndarray:
    counts, guides, _ = as_matrix(walk(root, rule["counts"], where), where)
    targets = walk(root, rule["targets"], where).set_index("grna_id")["grna_target"]
    best = np.asarray(counts.argmax(axis=0)).ravel()
    return targets.loc[guides].astype(str).to_numpy()[best]


def read(files: Mapping[str, Path], options: Mapping[str, Any]) -> Raw:
    """Read one matrix and what is known of its cells, as the card's options say."""
    key = options.get("file", next(iter(files)))
    where = str(files[key])
    root = load(files[key])
    matrix, rows, columns = as_matrix(walk(root, options.get("counts", []), where), where)
    if options.get("orientation", "genes_by_cells") == "genes_by_cells":
        matrix, rows, columns = csr_matrix(matrix.T), columns, rows
    genes = _names_at(root, options["genes"], where) if "genes" in options else columns
    names = _names_at(root, options["cells"], where) if "cells" in options else rows
    if genes is None:
        raise DataError("the matrix has no gene names", where=where, fix="say on the card where `genes` are")
    cells = pd.Index(names if names is not None else [f"cell{i + 1}" for i in range(matrix.shape[0])]).astype(str)
    metadata = _metadata(files, options, root, cells, where)
    if "depth" in options:
        matrix = recovered(matrix, metadata[options["depth"]].to_numpy(dtype=np.float64), where)
    obs = {k: column(options[k], cells, metadata, where) for k in OBS_KEYS if k in options}
    return Raw(matrix, pd.DataFrame(obs, index=cells), genes)
