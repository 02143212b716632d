"""A table of cells beside the counts, brought into their order: by name wherever both have names."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from scarena.base.errors import DataError
from scarena.base.text import tidied

_NUMBER = re.compile(r"\d+")
_FIX = "name the column with the cells' names as `index`, or write `order: true` if the rows are the cells in order"


def by_name(table: pd.DataFrame, cells: pd.Index, where: str) -> pd.DataFrame:
    """Return the rows of a table that is indexed by cell name, in the order of `cells`.

    Raises
    ------
    DataError
        If a cell has no row, or a name of a cell stands in two.
    """
    wanted = [tidied(str(cell)) for cell in cells]
    names = pd.Index([tidied(str(name)) for name in table.index])
    twice = names[names.duplicated()].intersection(wanted)
    if len(twice):
        what = f"{len(twice)} cells have several rows (first: {twice[0]!r})"
        raise DataError(
            what, where=where, fix="leave one row a cell, or name a column that tells them apart as `index`"
        )
    row_of = {name: row for row, name in enumerate(names)}
    rows = np.array([row_of.get(name, -1) for name in wanted], dtype=np.int64)
    lost = np.flatnonzero(rows < 0)
    if len(lost):
        fix = (
            f"correct the card; the table has names like {str(table.index[0])!r}" if len(table) else "correct the card"
        )
        raise DataError(f"{len(lost)} cells are not in it (first: {cells[lost[0]]})", where=where, fix=fix)
    return table.iloc[rows].set_axis(cells)


def joined(
    table: pd.DataFrame, cells: pd.Index, where: str, *, named: bool = True, in_order: bool = False
) -> tuple[pd.DataFrame, str | None]:
    """Return a table of cells in the order of `cells`, and a line where it was joined by position.

    Parameters
    ----------
    table
        Indexed by what its file calls its rows.
    cells
        Names of the cells, in the order of the counts.
    where
        The table's file.
    named
        Whether the counts have names of cells; where they have none, `cells` were made up.
    in_order
        Whether the card says that the rows are the cells in order.

    Raises
    ------
    DataError
        If both have names and they are not the same cells, if a name stands twice, or if there are not as many rows.
    """
    names = {tidied(str(cell)) for cell in cells} if named else set()
    column = _column_of_names(table, names)
    if column is not None:
        return by_name(table.set_axis(pd.Index(column)), cells, where), None
    if not in_order:
        _refuse_other_names(table, names, where)
    if len(table) != len(cells):
        raise DataError(f"{len(table)} rows for {len(cells)} cells", where=where, fix=_FIX)
    return table.set_axis(
        cells
    ), f"the table of cells has no names of cells: its {len(table):,} rows were taken in order"


def _column_of_names(table: pd.DataFrame, names: set[str]) -> list[str] | None:
    """Return the first column (the index before all) that has the name of every cell."""
    if not names:
        return None
    for values in (table.index, *(table[column] for column in table.columns)):
        texts = [tidied(str(value)) for value in values]
        if names <= set(texts):
            return texts
    return None


def _refuse_other_names(table: pd.DataFrame, names: set[str], where: str) -> None:
    """Refuse a table whose rows have names of their own, or which has some of the cells' names."""
    for values in (table.index, *(table[column] for column in table.columns)):
        texts = {tidied(str(value)) for value in values}
        shared = len(names & texts)
        # Donors or types may be called as some cells are; names of cells tell the rows apart.
        if shared and len(texts) == len(table) and not _numbers(texts):
            what = f"has {shared:,} of the {len(names):,} cells' names, not all"
            raise DataError(what, where=where, fix="give a row for every cell, under the name that the counts have")
    own = [tidied(str(value)) for value in table.index]
    if names and own and not _numbers(set(own)) and len(set(own)) == len(own):
        what = f"its rows are called {own[0]!r} … and the cells {min(names)!r} …"
        raise DataError(what, where=where, fix=_FIX)


def _numbers(texts: set[str]) -> bool:
    return all(_NUMBER.fullmatch(text) for text in texts)
