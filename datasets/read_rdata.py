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
kinds: [STEP, …]
    What kind of feature each row is (Gene Expression, Antibody Capture …): a vector, or a data frame of features.
metadata: {file: KEY, path: [STEP, …], index: COLUMN, strip: REGEX}
    A data frame of cells, joined by its row names (or a column); `strip` is removed from the cells' names first.
    With ``order: true`` its rows are the cells in order, where they have no names of cells. Without `path` it is a
    table of text, as for tables.
vectors: {NAME: [STEP, …]}
    Vectors with one value a cell, usable as columns; by name where they have names.
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
from scarena.base.text import as_written
from scarena.datasets.joining import by_name, joined
from scarena.datasets.r_objects import as_matrix, load, walk
from scarena.datasets.raw import Raw
from scarena.datasets.read_tables import OBS_KEYS, column, joined_metadata
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
    files: Mapping[str, Path], options: Mapping[str, Any], root: Any, cells: pd.Index, where: str, *, named: bool
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    table, said = pd.DataFrame(index=cells), list[str]()
    rule = options.get("metadata")
    if rule is not None and "path" not in rule:
        found, notes = joined_metadata(files, options, cells, named=named)
        table, said = (table if found is None else found), [*notes]
    elif rule is not None:
        held = str(files[rule["file"]]) if "file" in rule else where
        table = _table(files, rule, root, held)
        stripped = cells.str.replace(rule.get("strip", r"(?!)"), "", regex=True)
        if "index" in rule or "strip" in rule:
            table = by_name(table, stripped, held).set_axis(cells)
        else:
            table, note = joined(table, cells, held, named=named, in_order=bool(rule.get("order")))
            said += [note] if note else []
    for name, steps in options.get("vectors", {}).items():
        table[name], note = _vector(walk(root, steps, where), cells, f"{where}: {' / '.join(steps)}", named=named)
        said += [note] if note else []
    if "guides" in options:
        table["target"] = _targets(root, options["guides"], cells, where)
    return table, tuple(said)


def _vector(values: Any, cells: pd.Index, where: str, *, named: bool) -> tuple[np.ndarray, str | None]:
    """Return a vector of R in the order of the cells: by name where it has names."""
    names = (
        values.coords[values.dims[0]].values if getattr(values, "coords", None) is not None and values.coords else None
    )
    texts = as_written(getattr(values, "values", values))
    index = pd.RangeIndex(len(texts)) if names is None else pd.Index(np.asarray(names).astype(str))
    found, note = joined(pd.DataFrame({"value": texts}, index=index), cells, where, named=named)
    return found["value"].to_numpy(dtype=object), note


def _targets(root: Any, rule: Mapping[str, Any], cells: pd.Index, where: str) -> np.ndarray:
    counts, guides, columns = as_matrix(walk(root, rule["counts"], where), where)
    targets = walk(root, rule["targets"], where).set_index("grna_id")["grna_target"]
    best = targets.loc[guides].astype(str).to_numpy()[np.asarray(counts.argmax(axis=0)).ravel()]
    if columns is None:
        _check_length(len(best), cells, f"{where}: guides")
        return best
    return by_name(pd.DataFrame({"target": best}, index=columns), cells, f"{where}: guides")["target"].to_numpy()


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
    metadata, notes = _metadata(files, options, root, cells, where, named=names is not None)
    if "depth" in options:
        matrix = recovered(matrix, metadata[options["depth"]].to_numpy(dtype=np.float64), where)
    obs = {k: column(options[k], cells, metadata, where) for k in OBS_KEYS if k in options}
    features = _features(walk(root, options["kinds"], where)) if "kinds" in options else None
    return Raw(matrix, pd.DataFrame(obs, index=cells), genes, features, notes=notes)


def _features(found: Any) -> pd.DataFrame:
    """Return a data frame of features, or a vector of their kinds as one."""
    return found if isinstance(found, pd.DataFrame) else pd.DataFrame({"feature_type": as_written(np.asarray(found))})
