"""A table by name that a model returned, joined to what was asked: names, not positions; missing is not zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import ModelError

if TYPE_CHECKING:
    import pandas as pd


def joined(table: pd.DataFrame, rows: Sequence[str], columns: Sequence[str], where: str) -> np.ndarray:
    """Return what a table says of some rows and columns, float32 [n_rows, n_columns]; NaN where it says nothing.

    Parameters
    ----------
    table
        In any order; rows and columns of other names are left out.
    rows, columns
        Names that are asked about.
    where
        The model and what it returned, for errors.

    Raises
    ------
    ModelError
        If a name stands twice, or a value is no number or infinite.
    """
    import pandas as pd

    for axis, kind in ((table.index, "row"), (table.columns, "column")):
        if len(twice := axis[axis.duplicated()]):
            fix = f"return one {kind} a name"
            raise ModelError(f"the {kind} {str(twice[0])!r} stands twice", where=where, fix=fix)
    at_rows, at_columns = (axis.get_indexer(pd.Index(list(names), dtype=object)) for axis, names in
                           ((table.index, rows), (table.columns, columns)))  # fmt: skip
    have_rows, have_columns = np.flatnonzero(at_rows >= 0), np.flatnonzero(at_columns >= 0)
    found = np.full((len(rows), len(columns)), np.nan, np.float32)
    found[np.ix_(have_rows, have_columns)] = _numbers(table.iloc[at_rows[have_rows], at_columns[have_columns]], where)
    return found


def _numbers(said: pd.DataFrame, where: str) -> np.ndarray:
    """Return float32 values, NaN kept; text, complex numbers and what no float32 holds are refused."""
    if said.empty:
        return np.zeros(said.shape, np.float32)
    if bad := [str(column) for column, kind in said.dtypes.items() if getattr(kind, "kind", "O") not in "biuf"]:
        what = f"the column {bad[0]!r} holds no numbers"
        raise ModelError(what, where=where, fix="return floats, NaN where nothing is said")
    with np.errstate(over="ignore"):
        values = said.to_numpy(np.float64, na_value=np.nan).astype(np.float32)
    if n_bad := int(np.isinf(values).sum()):
        fix = "return finite float32 numbers, NaN where nothing is said"
        raise ModelError(f"{n_bad:,} values are infinite", where=where, fix=fix)
    return values
