"""What h5ad, h5mu and zarr share: where an AnnData keeps counts, and the columns of obs and var that a card names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix, vstack

from scarena.base.errors import DataError
from scarena.base.text import named
from scarena.datasets.count_places import advice, find_depth, places_with_counts
from scarena.datasets.counts import nature, plain
from scarena.datasets.further import proteins_of
from scarena.datasets.raw import OBS_KEYS, Raw
from scarena.datasets.read_tables import column
from scarena.datasets.recover import PER, recovered
from scarena.datasets.stored import blocks, is_stored


def place_of(layer: str | None) -> str:
    """Return where the counts of a layer lie in the file: X for None, ``.raw.X`` for ``raw``."""
    return {None: "X", "raw": "raw/X"}.get(layer, f"layers/{layer}")


def no_counts(layer: str | None, layers: Iterable[str | None], path: Path) -> DataError:
    """Return the error for a file without counts in the layer asked for."""
    if layer is None:
        return DataError("X is empty", where=f"{path}: X", fix="name the layer with the counts")
    if layer == "raw":
        return DataError("has no raw", where=f"{path}: layer", fix="name the layer with the counts")
    # From 0.13 on anndata counts X among the layers, by the name None.
    known = ", ".join(name for name in layers if name is not None) or "none"
    return DataError(f"has no layer {layer!r}", where=f"{path}: layer", fix=f"layers: {known}")


def raw_of(
    obs: pd.DataFrame, counts: Any, var: pd.DataFrame, options: Mapping[str, Any], path: Path, group: Any
) -> Raw:
    """Return counts, in memory or on disk, with the columns of obs and var that the options name.

    Parameters
    ----------
    obs, var
        Tables of cells and of features.
    counts
        cells × features.
    options
        Of the reader: ``batch``, ``label``, ``donor``, ``tissue``, ``assay``, targets (that of the name ``layer`` as
        ``layer_column``), ``genes``, ``layer``, ``depth``, ``per``, ``proteins``.
    path
        The file, for errors.
    group
        The AnnData's group in the file, to look for counts elsewhere.

    Raises
    ------
    DataError
        If a column is missing, counts cannot be had back from their logarithms (``depth``), or no feature is a protein.
    """
    held = {}
    for key in OBS_KEYS:
        # `layer` says where the counts are.
        option = "layer_column" if key == "layer" else key
        if options.get(option) is not None:
            held[key] = _column(obs, "obs", options[option], f"{path}: {option}")
    found = pd.DataFrame(held, index=obs.index.astype(str))
    genes = var.index if options.get("genes") is None else _column(var, "var", options["genes"], f"{path}: genes")
    names = gene_names(genes)
    if not is_stored(counts):
        counts = plain(counts)
    if "depth" in options:
        depth = _column(obs, "obs", options["depth"], f"{path}: depth")
        counts = recovered(
            plain(counts), np.asarray(depth, dtype=np.float64), str(path), float(options.get("per", PER))
        )
        return Raw(counts, found, names, var, matrices=_beside(counts, var, found.index, options, path))
    what = nature(counts)
    hint = "" if what.kind == "counts" else advice(what, places_with_counts(group), find_depth(counts, obs, what))
    return Raw(counts, found, names, var, advice=hint, matrices=_beside(counts, var, found.index, options, path))


def _beside(
    counts: Any, var: pd.DataFrame, cells: pd.Index, options: Mapping[str, Any], path: Path
) -> dict[str, pd.DataFrame]:
    """Return the proteins among the features, which `scarena.datasets.features` keeps from the genes."""
    if (rule := options.get("proteins")) is None:
        return {}
    where = f"{path}: proteins"
    kinds = named(_column(var, "var", rule["column"], where))
    columns = np.flatnonzero(np.isin(kinds.astype(str), rule["values"]))
    if not len(columns):
        held = ", ".join(sorted({str(kind) for kind in kinds}))
        fix = f"correct `proteins` on the card (values: {held})"
        raise DataError(f"no feature has {' or '.join(rule['values'])} in {rule['column']!r}", where=where, fix=fix)
    names = gene_names(var.index)[columns]
    if "pattern" in rule:
        names = column({"pattern": rule["pattern"]}, pd.Index(names), None, where)
    values = vstack([csr_matrix(rows[:, columns]) for _, _, rows in blocks(counts)], format="csr")
    return {"proteins": proteins_of(values, cells, names, where)}


def gene_names(values: Any) -> np.ndarray:
    """Return a column of var as names of genes; one that is missing is "", which is none."""
    return pd.Series(np.asarray(values, dtype=object)).fillna("").astype(str).to_numpy(dtype=object)


def _column(table: pd.DataFrame, what: str, name: str, where: str) -> Any:
    if name not in table:
        known = ", ".join(map(str, table.columns)) or "none"
        raise DataError(f"{what} has no column {name!r}", where=where, fix=f"one of: {known}")
    return table[name].array
