"""What a model says of a network, checked before anything is scored: names join, missing is not zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import ModelError

if TYPE_CHECKING:
    import pandas as pd


def checked_network(table: pd.DataFrame, regulators: Sequence[str], genes: Sequence[str], model: str) -> np.ndarray:
    """Return a model's network over the asked regulators and genes.

    Parameters
    ----------
    table
        What `scarena.models.base.Model.network` returned: a row a regulator, a column a gene, in any order.
    regulators, genes
        Ensembl ids that are asked about; other rows and columns are left out.
    model
        Its name, for errors.

    Returns
    -------
    float32 [n_regulators, n_genes], NaN where the model says nothing of a pair and on a gene's edge to itself.

    Raises
    ------
    ModelError
        If a name stands twice, a value is no number or infinite, or nothing is said of any pair that is asked about.
    """
    where = f"{model}: network"
    rows, columns = (_names(axis, kind, where) for axis, kind in ((table.index, "row"), (table.columns, "column")))
    at_rows, at_columns = rows.get_indexer(_index(regulators)), columns.get_indexer(_index(genes))
    have_rows, have_columns = np.flatnonzero(at_rows >= 0), np.flatnonzero(at_columns >= 0)
    said = table.iloc[at_rows[have_rows], at_columns[have_columns]]
    found = np.full((len(regulators), len(genes)), np.nan, np.float32)
    found[np.ix_(have_rows, have_columns)] = _numbers(said, where)
    found[np.asarray(regulators, object)[:, None] == np.asarray(genes, object)[None, :]] = np.nan
    if not np.isfinite(found).any():
        what = f"nothing is said of any pair of {len(regulators)} regulators and {len(genes)} genes"
        raise ModelError(what, where=where, fix="name rows and columns by the Ensembl ids that are asked about")
    return found


def _index(names: Sequence[str]) -> pd.Index:
    import pandas as pd

    return pd.Index(list(names), dtype=object)


def _names(axis: pd.Index, kind: str, where: str) -> pd.Index:
    twice = axis[axis.duplicated()]
    if len(twice):
        raise ModelError(f"the {kind} {str(twice[0])!r} stands twice", where=where, fix=f"return one {kind} a gene")
    return axis


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
