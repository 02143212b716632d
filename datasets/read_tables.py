"""Reader for tables of counts in csv or tsv, gzipped or not, with an optional table of cells beside them.

Options
-------
matrix: KEY | matrices: {KEY: batch, …}
    One file, or several stacked cell-wise over the union of their genes (a gene absent from a file counts zero there;
    cell names get their batch as prefix).
sep, orientation
    ``","`` (default) or ``"\\t"``; ``genes_by_cells`` (default) or ``cells_by_genes``.
metadata: {file: KEY, sep, index: column}
    A table of cells; without `index` its rows are the matrix's cells in order, and must be as many.
batch, label, donor, tissue, assay
    Each ``{column: …}`` of the metadata, ``{value: …}``, or ``{pattern: …}``, a regular expression with one group that
    is searched in the cell's name, or in the column where one is named (`default` where it does not match).
drop_genes
    A regular expression of rows that are no genes.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csc_matrix, csr_matrix, vstack

from scarena.base.errors import CardError, DataError
from scarena.base.untrusted import check_regular, check_unpacked, reading
from scarena.datasets.raw import Raw

OBS_KEYS = ("batch", "label", "donor", "tissue", "assay")


def _arrow(path: Path, sep: str, where: str) -> Any:
    """Return one table as columns; its first column names the rows.

    Raises
    ------
    DataError
        If the file is cut short, is no table, or holds something that is not text.
    """
    from pyarrow import csv

    fix = "pull it again, or correct `sep` on the card"
    check_unpacked_text(path, "not a readable table")
    with reading(where, what="not a readable table", fix=fix, quoted=False), opened(path) as stream:
        # A row of a wide matrix must fit into one block.
        blocks, columns = csv.ReadOptions(block_size=1 << 26), csv.ParseOptions(delimiter=sep)
        return csv.read_csv(stream, read_options=blocks, parse_options=columns)


def opened(path: Path) -> Any:
    """Return a file of text, gzipped or not, open for its bytes."""
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if zipped else path.open("rb")


def check_unpacked_text(path: Path, what: str = "cannot be read") -> None:
    """Refuse a file that is none, or a gzip that unpacks to far more than a table of counts would.

    Raises
    ------
    DataError
        If it does, or cannot be unpacked.
    """
    size, got = check_regular(path, fix="pull it again"), 0
    with reading(path, what=what, fix="pull it again"), opened(path) as stream:
        if isinstance(stream, gzip.GzipFile):
            while part := stream.read(1 << 20):
                got += len(part)
                check_unpacked(got, size, str(path))


def read_table(path: Path, sep: str, where: str) -> pd.DataFrame:
    """Read one table whose first column is its index."""
    # Without this, donors 1, 2 and a missing one would be called "1.0" and "2.0".
    frame = _arrow(path, sep, where).to_pandas(integer_object_nulls=True)
    return frame.set_index(frame.columns[0])


def _sparse(table: Any, where: str) -> csc_matrix:
    """Return the columns of numbers as a sparse matrix: a table of 10,000 barcodes is mostly zeros."""
    from pyarrow import types

    rows, values = [], []
    for name, column_ in zip(table.column_names, table.columns, strict=True):
        if not (types.is_integer(column_.type) or types.is_floating(column_.type)):
            fix = "name the right file and orientation"
            raise DataError(f"column {name!r} holds no numbers", where=where, fix=fix)
        dense = column_.to_numpy()
        rows.append(np.flatnonzero(dense))
        values.append(dense[rows[-1]])
    if not rows:
        raise DataError("one column only", where=where, fix="correct `sep` on the card")
    ends = np.cumsum([0, *map(len, rows)])
    shape = (table.num_rows, len(rows))
    return csc_matrix((np.concatenate(values), np.concatenate(rows), ends), shape=shape)


def _matrix(path: Path, options: Mapping[str, Any], where: str) -> tuple[csr_matrix, pd.Index, np.ndarray]:
    table = _arrow(path, options.get("sep", ","), where)
    counts = _sparse(table.drop_columns(table.column_names[:1]), where)
    rows, columns = np.asarray(table.column(0).to_pylist(), dtype=str), np.asarray(table.column_names[1:], dtype=str)
    if options.get("orientation", "genes_by_cells") == "genes_by_cells":
        counts, rows, columns = counts.T, columns, rows
    keep = np.ones(len(columns), dtype=bool)
    if options.get("drop_genes"):
        keep = np.array([re.search(options["drop_genes"], gene) is None for gene in columns])
    return csr_matrix(counts)[:, np.flatnonzero(keep)], pd.Index(rows, dtype=object), columns[keep].astype(object)


def stack(parts: list[tuple[csr_matrix, pd.Index, np.ndarray]]) -> tuple[csr_matrix, pd.Index, np.ndarray]:
    """Stack (counts, cells, genes) cell-wise over the union of the genes, in the order they are first met."""
    genes = pd.Index(pd.unique(np.concatenate([part[2] for part in parts])))
    blocks = []
    for counts, _, names in parts:
        coo = counts.tocoo()
        columns = genes.get_indexer(names)[coo.col]
        blocks.append(csr_matrix((coo.data, (coo.row, columns)), shape=(counts.shape[0], len(genes))))
    cells = parts[0][1].append([part[1] for part in parts[1:]])
    return vstack(blocks, format="csr"), cells, genes.to_numpy()


def column(rule: Mapping[str, Any], cells: pd.Index, metadata: pd.DataFrame | None, where: str) -> np.ndarray:
    """Return one value a cell by a card's rule (see the options above)."""
    if "value" in rule:
        return np.full(len(cells), str(rule["value"]), dtype=object)
    if "column" not in rule:
        return _matched(rule, cells, where)
    if metadata is None or rule["column"] not in metadata:
        known = "none" if metadata is None else ", ".join(map(str, metadata.columns))
        fix = f"correct the card (columns: {known})"
        raise DataError(f"no column {rule['column']!r} in the table of cells", where=where, fix=fix)
    values = metadata[rule["column"]]
    text = values.astype(str)
    if "pattern" in rule:
        return _matched(rule, text, where)
    # An empty field is a missing value, not a batch called "nan".
    return text.where(values.notna() & (text != "")).to_numpy(dtype=object)


def _matched(rule: Mapping[str, Any], texts: Iterable[str], where: str) -> np.ndarray:
    found = [(text, re.search(rule["pattern"], text)) for text in texts]
    values = [match.group(1) if match and match.group(1) else rule.get("default") for _, match in found]
    lost = [text for (text, _), value in zip(found, values, strict=True) if value is None]
    if lost:
        what = f"{rule['pattern']!r} does not match {lost[0]!r}"
        raise DataError(what, where=where, fix="correct the card's pattern")
    return np.array(values, dtype=object)


def joined_metadata(files: Mapping[str, Path], options: Mapping[str, Any], cells: pd.Index) -> pd.DataFrame | None:
    """Return the card's table of cells in the order of `cells`; None where the card names none."""
    rule = options.get("metadata")
    if rule is None:
        return None
    where = str(files[rule["file"]])
    table = read_table(files[rule["file"]], rule.get("sep", options.get("sep", ",")), where)
    if "index" in rule:
        table = table.reset_index().set_index(rule["index"])
        table.index = table.index.astype(str)
        lost = cells.difference(table.index)
        if len(lost):
            raise DataError(f"{len(lost)} cells are not in it (first: {lost[0]})", where=where, fix="correct the card")
        return table.loc[cells]
    if len(table) != len(cells):
        fix = "name the column with the cell names as `index`"
        raise DataError(f"{len(table)} rows for {len(cells)} cells", where=where, fix=fix)
    return table.set_index(cells)


def read(files: Mapping[str, Path], options: Mapping[str, Any]) -> Raw:
    """Read counts and what is known of each cell, as the card's options say."""
    several: Mapping[str, str] | None = options.get("matrices")
    if several:
        parts = [_matrix(files[key], options, str(files[key])) for key in several]
        named = [f"{batch}:" for batch in several.values()]
        parts = [(c, start + cells, g) for (c, cells, g), start in zip(parts, named, strict=True)]
        counts, cells, genes = stack(parts)
        where = str(files[next(iter(several))])
    elif "matrix" in options:
        where = str(files[options["matrix"]])
        counts, cells, genes = _matrix(files[options["matrix"]], options, where)
    else:
        raise CardError("neither `matrix` nor `matrices`", where="reader.options", fix="name the file with the counts")
    metadata = joined_metadata(files, options, cells)
    obs = {key: column(options[key], cells, metadata, where) for key in OBS_KEYS if key in options}
    if several and "batch" not in obs:
        obs["batch"] = np.array([cell.split(":", 1)[0] for cell in cells], dtype=object)
    return Raw(counts, pd.DataFrame(obs, index=cells), genes)
