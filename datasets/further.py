"""Further truths on the way from a reader to the prepared dataset: targets become columns of obs, matrices of obsm.

Everything is joined by name of cell. What the card and the reader do not both name is refused, since a target that a
card forgot would be lost in silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from scarena.base.errors import CardError, DataError
from scarena.datasets.card import DatasetCard
from scarena.datasets.joining import by_name
from scarena.datasets.raw import Raw
from scarena.datasets.targets import TARGETS, target_values


def check_named(raw: Raw, card: DatasetCard, where: str) -> None:
    """Refuse targets, proteins or places that either only the card or only the reader names.

    Raises
    ------
    CardError
        If there are any.
    """
    proteins = raw.matrices.get("proteins", pd.DataFrame()).columns
    for what, said, read in (
        ("targets", card.targets, [name for name in TARGETS if name in raw.obs]),
        ("proteins", card.proteins, proteins),
        ("coordinates", ["coordinates"] * card.coordinates, {"coordinates"} & set(raw.matrices)),
    ):
        if lost := sorted(set(map(str, said)) ^ set(map(str, read))):
            side = "the reader finds no" if lost[0] in said else "the card does not name"
            fix = f"say so under `{what}` and in the reader's options, or in neither"
            raise CardError(f"{side} {lost[0]!r} ({len(lost)} of {what})", where=where, fix=fix)


def target_columns(raw: Raw, card: DatasetCard, where: str) -> dict[str, list[str]]:
    """Return a column of obs for each target of the card: ``yes``, ``no`` or a group, "" where a cell has none."""
    return {
        name: target_values([None if pd.isna(v) else v for v in raw.obs[name]], name, target, f"{where}: {name}")
        for name, target in card.targets.items()
    }


def matrices_of(raw: Raw, cells: pd.Index, where: str) -> dict[str, np.ndarray]:
    """Return what obsm holds of the cells that were kept, float32, in their order.

    Raises
    ------
    DataError
        If a cell has no row, or a value is no number, infinite or, of a protein, negative.
    """
    found = {}
    for key, table in raw.matrices.items():
        at = f"{where}: {key}"
        values = _numbers(by_name(table, cells, at), at)
        if key == "proteins" and (values < 0).any():
            raise DataError(f"negative counts (least: {values.min():g})", where=at, fix="name the raw counts")
        if key == "coordinates" and values.shape[1] != 2:
            raise DataError(f"{values.shape[1]} coordinates a cell, not 2", where=at, fix="name two columns")
        found[key] = values
    return found


def _numbers(table: pd.DataFrame, where: str) -> np.ndarray:
    try:
        values = table.to_numpy(dtype=np.float32)
    except (TypeError, ValueError):
        raise DataError("holds text", where=where, fix="name columns of numbers") from None
    if bad := int((~np.isfinite(values)).sum()):
        raise DataError(f"{bad:,} values are missing or infinite", where=where, fix="leave these cells or columns out")
    return values


def proteins_of(counts: csr_matrix, cells: Iterable[str], names: Iterable[str], where: str) -> pd.DataFrame:
    """Return counts of proteins, cells × proteins, by name.

    Raises
    ------
    DataError
        If two proteins have one name.
    """
    held = [str(name) for name in names]
    if len(set(held)) < len(held):
        twice = next(name for name in held if held.count(name) > 1)
        raise DataError(f"two proteins are called {twice!r}", where=where, fix="name a matrix with one row a protein")
    return pd.DataFrame(counts.toarray(), index=pd.Index(list(cells), dtype=object), columns=held)


def coordinates_of(table: pd.DataFrame | None, rule: Mapping[str, Any], where: str) -> pd.DataFrame:
    """Return two columns of a table of cells, as the reader's option ``coordinates: {columns: [X, Y]}`` names them."""
    columns = [] if table is None else [str(column) for column in table]
    if lost := [name for name in rule["columns"] if name not in columns]:
        fix = f"correct `coordinates` on the card (columns: {', '.join(columns) or 'none'})"
        raise DataError(f"no column {lost[0]!r} in the table of cells", where=where, fix=fix)
    assert table is not None
    found = table[rule["columns"]]
    return found.apply(lambda values: pd.to_numeric(values, errors="coerce"))
