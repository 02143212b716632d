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
gene_prefix: TEXT
    What names of genes begin with and are read without, a genome's say; those that do not are left out.
kinds: [STEP, …]
    What kind of feature each row is (Gene Expression, Antibody Capture …): a vector, or a data frame of features.
metadata: {file: KEY, path: [STEP, …], index: COLUMN, strip: REGEX}
    A data frame of cells, joined by its row names (or a column); `strip` is removed from the cells' names first.
    With ``order: true`` its rows are the cells in order, where they have no names of cells. Without `path` it is a
    table of text, as for tables.
vectors: {NAME: [STEP, …] or {path: [STEP, …], partial: true}}
    Vectors with one value a cell, usable as columns; by name where they have names. A `partial` one lacks some cells,
    which have no value then.
guides: {counts: […], targets: […]}
    A guide × cell matrix and the data frame that maps guides to targets: the column ``target`` becomes each cell's most
    counted guide's target; without `targets`, the guide itself (or hashtag). With ``at_least: N`` or ``above: SHARE``
    a cell has one only if that guide has so many counts, and more than this share of all guides'.
means: {NAME: {file: KEY, path: [STEP, …], by: COLUMN, of: COLUMN, above: NUMBER}}
    A data frame with several rows a cell (one a segment of the genome, say): the column NAME is ``above`` where the
    mean of `of` over the rows of a cell, which `by` names, is above a number, else ``below``.
proteins: [STEP, …]
    A protein × cell matrix of counts, joined by the cells' names.
coordinates: {path: [STEP, …], columns: [X, Y]}
    A data frame of places, joined by the cells' names; without `path`, columns of the metadata.
depth: COLUMN
    The values are log1p of counts per 10,000; this column of the metadata has each cell's total, which gives the counts
    back exactly.
log2: N
    The values are log2(x + 1), so many times over, of expected counts (``counts: expected`` on the card).
batch, label, donor, tissue, assay, and targets
    As for tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError
from scarena.base.text import as_written
from scarena.datasets.further import coordinates_of, proteins_of
from scarena.datasets.joining import by_name, joined
from scarena.datasets.r_objects import as_matrix, load, names_of, walk
from scarena.datasets.raw import OBS_KEYS, Raw
from scarena.datasets.read_tables import column, joined_metadata
from scarena.datasets.recover import recovered, unlogged


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
    found = _rows(files, rule, root, where)
    if "index" in rule:
        found = found.set_axis(np.asarray(walk(found, [rule["index"]], where)))
    return found.set_axis(found.index.astype(str))


def _above(rows: pd.DataFrame, rule: Mapping[str, Any], cells: pd.Index, where: str) -> np.ndarray:
    means = walk(rows, [rule["of"]], where).groupby(np.asarray(walk(rows, [rule["by"]], where)).astype(str)).mean()
    found = by_name(means.to_frame("mean"), cells, where)["mean"].to_numpy(dtype=np.float64)
    if bad := int(np.isnan(found).sum()):
        fix = "leave these cells out, or name another column"
        raise DataError(f"{bad} cells have no {rule['of']}", where=where, fix=fix)
    return np.where(found > rule["above"], "above", "below").astype(object)


def _rows(files: Mapping[str, Path], rule: Mapping[str, Any], root: Any, where: str) -> pd.DataFrame:
    found = walk(load(files[rule["file"]]) if "file" in rule else root, rule["path"], where)
    if isinstance(found, Mapping):
        found = pd.DataFrame(dict(found))
    if not isinstance(found, pd.DataFrame):
        what, fix = f"{' / '.join(rule['path'])} is no data frame", "correct `metadata` on the card"
        raise DataError(what, where=where, fix=fix)
    return found


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
    for name, rule in options.get("vectors", {}).items():
        steps, partial = (rule["path"], rule.get("partial", False)) if isinstance(rule, Mapping) else (rule, False)
        at = f"{where}: {' / '.join(steps)}"
        table[name], note = _vector(walk(root, steps, where), cells, at, named=named, partial=partial)
        said += [note] if note else []
    for name, rule in options.get("means", {}).items():
        table[name] = _above(_rows(files, rule, root, where), rule, cells, f"{where}: {name}")
    if "guides" in options:
        table["target"] = _targets(root, options["guides"], cells, where)
    return table, tuple(said)


def _vector(values: Any, cells: pd.Index, where: str, *, named: bool, partial: bool) -> tuple[np.ndarray, str | None]:
    """Return a vector of R in the order of the cells: by name where it has names."""
    names = names_of(values)
    texts = as_written(values if isinstance(values, pd.Categorical) else getattr(values, "values", values))
    index = pd.RangeIndex(len(texts)) if names is None else pd.Index(names)
    if partial and names is not None:
        lost = cells.difference(index)
        whole = pd.DataFrame({"value": [*texts, *[None] * len(lost)]}, index=index.append(lost), dtype=object)
        return by_name(whole, cells, where)["value"].to_numpy(dtype=object), None
    found, note = joined(pd.DataFrame({"value": texts}, index=index), cells, where, named=named)
    return found["value"].to_numpy(dtype=object), note


def _targets(root: Any, rule: Mapping[str, Any], cells: pd.Index, where: str) -> np.ndarray:
    counts, guides, columns = as_matrix(walk(root, rule["counts"], where), where)
    most = np.asarray(counts.argmax(axis=0)).ravel()
    if "targets" in rule:
        target_of = walk(root, rule["targets"], where).set_index("grna_id")["grna_target"]
        guides = target_of.loc[guides].astype(str).to_numpy()
    elif guides is None:
        raise DataError("the matrix of guides has no names", where=where, fix="name their `targets` on the card")
    best = guides[most]
    if "at_least" in rule or "above" in rule:
        best = np.where(_sure(counts, rule), best, None)
    if columns is None:
        _check_length(len(best), cells, f"{where}: guides")
        return best
    return by_name(pd.DataFrame({"target": best}, index=columns), cells, f"{where}: guides")["target"].to_numpy()


def _sure(counts: Any, rule: Mapping[str, Any]) -> np.ndarray:
    """Return whether each cell has enough of its most counted guide, bool [n_cells]."""
    most = np.asarray(csr_matrix(counts).max(axis=0).todense(), np.float64).ravel()
    of_all = np.asarray(counts.sum(axis=0), np.float64).ravel()
    return (most >= rule.get("at_least", 1)) & (most > rule.get("above", 0.0) * of_all)


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
    if "log2" in options:
        matrix = unlogged(matrix, int(options["log2"]), where)
    features = _features(walk(root, options["kinds"], where)) if "kinds" in options else None
    beside = _beside(root, options, metadata, where)
    raw = Raw(matrix, pd.DataFrame(obs, index=cells), genes, features, notes=notes, matrices=beside)
    return _without_prefix(raw, options["gene_prefix"], where) if "gene_prefix" in options else raw


def _beside(root: Any, options: Mapping[str, Any], metadata: pd.DataFrame, where: str) -> dict[str, pd.DataFrame]:
    found = {}
    if "proteins" in options:
        at = f"{where}: {' / '.join(options['proteins'])}"
        counts, names, cells = as_matrix(walk(root, options["proteins"], where), at)
        if names is None or cells is None:
            raise DataError("the proteins or their cells have no names", where=at, fix="name a matrix that has both")
        found["proteins"] = proteins_of(csr_matrix(counts.T), cells, names, at)
    if "coordinates" in options:
        rule = options["coordinates"]
        found["coordinates"] = coordinates_of(_places(root, rule, where) if "path" in rule else metadata, rule, where)
    return found


def _places(root: Any, rule: Mapping[str, Any], where: str) -> pd.DataFrame:
    return _table({}, rule, root, where).rename(columns=str)


def _without_prefix(raw: Raw, prefix: str, where: str) -> Raw:
    names = raw.genes.astype(str)
    columns = np.flatnonzero(np.char.startswith(names, prefix))
    if not len(columns):
        fix = "correct `gene_prefix` on the card"
        raise DataError(f"no gene's name begins with {prefix!r} (first: {names[0]!r})", where=where, fix=fix)
    lost = len(names) - len(columns)
    said = (f"{lost:,} genes without {prefix!r} are left out",) if lost else ()
    kept = np.array([name.removeprefix(prefix) for name in names[columns]], dtype=object)
    features = None if raw.features is None else raw.features.iloc[columns]
    return replace(raw, counts=raw.counts[:, columns], genes=kept, features=features, notes=(*raw.notes, *said))


def _features(found: Any) -> pd.DataFrame:
    """Return a data frame of features, or a vector of their kinds as one."""
    return found if isinstance(found, pd.DataFrame) else pd.DataFrame({"feature_type": as_written(np.asarray(found))})
