"""Reader for tables of counts in csv or tsv, gzipped or not, with an optional table of cells beside them.

Options
-------
matrix: KEY | matrices: {KEY: batch, …}
    One file, or several stacked cell-wise over the union of their genes (a gene absent from a file counts zero there;
    cell names get their batch as prefix).
sep, orientation
    ``","`` (default) or ``"\\t"``; ``genes_by_cells`` (default) or ``cells_by_genes``.
metadata: {file: KEY, sep, index: column, order: true}
    A table of cells, joined by the column `index`, else by the first column that has the name of every cell. Where the
    table has no names its rows are the cells in order, and must be as many; `order: true` says so of one with others.
keep: {column: COLUMN, values: [TEXT, …]}
    The cells that are read: those with one of these values in the metadata.
proteins: {file: KEY, sep, orientation}
    A table of counts of proteins, joined by the cells' names.
coordinates: {columns: [X, Y]}
    Columns of the metadata.
batch, label, donor, tissue, assay, and targets (`scarena.datasets.targets`)
    Each ``{column: …}`` of the metadata, ``{value: …}``, or ``{pattern: …}``, a regular expression with one group that
    is searched in the cell's name, or in the column where one is named (`default` where it does not match). With
    ``names: {TEXT: NAME, …}`` what is found is called otherwise, so that two sources say the same.
log2: N
    The values are log2(x + 1), so many times over, of expected counts (``counts: expected`` on the card).
drop_genes
    A regular expression of rows that are no genes.
"""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Iterable, Mapping
from csv import reader as csv_lines
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csc_matrix, csr_matrix, vstack

from scarena.base.errors import CardError, DataError
from scarena.base.text import as_written, tidied
from scarena.base.untrusted import check_regular, check_unpacked, reading
from scarena.datasets.further import coordinates_of, proteins_of
from scarena.datasets.joining import by_name, joined
from scarena.datasets.raw import OBS_KEYS, Raw
from scarena.datasets.recover import unlogged


def _arrow(path: Path, sep: str, where: str, *, as_text: bool = False) -> Any:
    """Return one table as columns; its first column names the rows.

    Raises
    ------
    DataError
        If the file is cut short, is no table, or holds something that is not text.
    """
    from pyarrow import csv, string

    fix = "pull it again, or correct `sep` on the card"
    check_unpacked_text(path, "not a readable table")
    with reading(where, what="not a readable table", fix=fix, quoted=False):
        names, skipped = _column_names(path, sep)
        # A row of a wide matrix must fit into one block.
        blocks = csv.ReadOptions(block_size=1 << 26, column_names=names, skip_rows=skipped)
        kinds = csv.ConvertOptions(column_types=dict.fromkeys(names, string()) if as_text else {names[0]: string()})
        with opened(path) as stream:
            return csv.read_csv(stream, blocks, csv.ParseOptions(delimiter=sep), kinds)


def _column_names(path: Path, sep: str) -> tuple[list[str], int]:
    """Return the names of a table's columns, and how many lines they take.

    R's write.table gives the names of rows no column name, so that its header is one field short.
    """
    with opened(path) as stream:
        lines = csv_lines(io.TextIOWrapper(stream, encoding="utf-8", newline=""), delimiter=sep)
        header, first = next(lines, [""]), next(lines, None)
    return (["", *header] if first is not None and len(first) == len(header) + 1 else header), 1


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
    """Read one table of text whose first column is its index: donors 01 and 1 are two, and an empty field is "".

    Raises
    ------
    DataError
        As for any table, or if two columns have one name.
    """
    table = _arrow(path, sep, where, as_text=True)
    twice = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if twice:
        raise DataError(f"two columns are called {twice[0]!r}", where=where, fix="rename one of them")
    frame = table.to_pandas()
    return frame.set_index(frame.columns[0])


def names_of(path: Path, sep: str) -> tuple[list[str], list[str]]:
    """Return what a table of counts calls its columns and its rows."""
    table = _arrow(path, sep, str(path))
    return table.column_names[1:], table.column(0).to_pylist()


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
    found, names = _found(rule, cells, metadata, where), rule.get("names", {})
    return np.array([names.get(text, text) for text in found], dtype=object) if names else found


def _found(rule: Mapping[str, Any], cells: pd.Index, metadata: pd.DataFrame | None, where: str) -> np.ndarray:
    if "value" in rule:
        if not isinstance(rule["value"], str):
            # YAML reads 01 as 1 and 12:30 as 750.
            fix = f'quote it on the card: "{rule["value"]}", if that is how it is spelt'
            raise CardError(f"the value {rule['value']!r} is no text", where=where, fix=fix)
        return np.full(len(cells), rule["value"], dtype=object)
    if "column" not in rule:
        return _matched(rule, cells, where)
    if metadata is None or rule["column"] not in metadata:
        known = "none" if metadata is None else ", ".join(map(str, metadata.columns))
        fix = f"correct the card (columns: {known})"
        raise DataError(f"no column {rule['column']!r} in the table of cells", where=where, fix=fix)
    texts = as_written(metadata[rule["column"]])
    if "pattern" in rule:
        return _matched(rule, ["" if text is None else text for text in texts], where)
    return texts


def _matched(rule: Mapping[str, Any], texts: Iterable[str], where: str) -> np.ndarray:
    found = [(text, re.search(rule["pattern"], text)) for text in texts]
    values = [match.group(1) if match and match.group(1) else rule.get("default") for _, match in found]
    lost = [text for (text, _), value in zip(found, values, strict=True) if value is None]
    if lost:
        what = f"{rule['pattern']!r} does not match {lost[0]!r}"
        raise DataError(what, where=where, fix="correct the card's pattern")
    return np.array(values, dtype=object)


def joined_metadata(
    files: Mapping[str, Path], options: Mapping[str, Any], cells: pd.Index, *, named: bool = True
) -> tuple[pd.DataFrame | None, tuple[str, ...]]:
    """Return the card's table of cells in the order of `cells` (None where the card names none), and lines to say.

    It is joined by the column `index`, else by any column that has all cells' names; by position where the counts or
    the table have no names, or the card says `order: true`.
    """
    rule = options.get("metadata")
    if rule is None:
        return None, ()
    where = str(files[rule["file"]])
    table = read_table(files[rule["file"]], rule.get("sep", options.get("sep", ",")), where)
    if "index" in rule:
        table = table.reset_index()
        if rule["index"] not in table:
            known = ", ".join(map(str, table.columns))
            raise DataError(f"no column {rule['index']!r}", where=where, fix=f"correct `index` on the card: {known}")
        return by_name(table.set_index(rule["index"]), cells, where), ()
    found, said = joined(table, cells, where, named=named, in_order=bool(rule.get("order")))
    return found, () if said is None else (said,)


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
    if "log2" in options:
        counts = unlogged(counts, int(options["log2"]), where)
    metadata, notes = joined_metadata(files, options, cells)
    obs = {key: column(options[key], cells, metadata, where) for key in OBS_KEYS if key in options}
    if several and "batch" not in obs:
        obs["batch"] = np.array([cell.split(":", 1)[0] for cell in cells], dtype=object)
    raw = Raw(counts, pd.DataFrame(obs, index=cells), genes, notes=notes)
    return kept_cells(replace(raw, matrices=_beside(files, options, metadata, where)), options, metadata, where)


def _beside(
    files: Mapping[str, Path], options: Mapping[str, Any], metadata: pd.DataFrame | None, where: str
) -> dict[str, pd.DataFrame]:
    found = {}
    if rule := options.get("proteins"):
        at = str(files[rule["file"]])
        counts, cells, names = _matrix(files[rule["file"]], {"sep": options.get("sep", ","), **rule}, at)
        found["proteins"] = proteins_of(counts, cells, names, at)
    if rule := options.get("coordinates"):
        found["coordinates"] = coordinates_of(metadata, rule, where)
    return found


def kept_cells(raw: Raw, options: Mapping[str, Any], metadata: pd.DataFrame | None, where: str) -> Raw:
    """Return the cells that the option `keep` of this and other readers names; `metadata` has a row for each."""
    rule = options.get("keep")
    if rule is None:
        return raw
    values = [None if value is None else tidied(value) for value in column(rule, raw.obs.index, metadata, where)]
    rows, wanted = np.flatnonzero([value in rule["values"] for value in values]), " or ".join(rule["values"])
    if not len(rows):
        fix = f"correct `keep` on the card (values: {', '.join(sorted({str(value) for value in values}))})"
        raise DataError(f"no cell has {wanted} in {rule['column']!r}", where=where, fix=fix)
    said = f"{len(rows):,} of {len(values):,} cells have {wanted} in {rule['column']!r} and are read"
    return replace(raw, counts=raw.counts[rows], obs=raw.obs.iloc[rows], notes=(*raw.notes, said))
