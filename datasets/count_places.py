"""Where in an AnnData file the counts are, when they are not where they were looked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError
from scarena.datasets.counts import Nature, looks_like_counts
from scarena.datasets.recover import PER, recovered

_LOOKED_AT = 20_000
_CELLS = 50
_SUGGESTED = 3


def places_with_counts(group: Any) -> list[str | None]:
    """Return the layers of an AnnData on disk that hold whole numbers: None for X, ``raw``, names of layers, in order.

    Parameters
    ----------
    group
        An open HDF5 or zarr group.
    """
    places: list[tuple[str | None, str]] = [(None, "X"), ("raw", "raw/X")]
    layers = group.get("layers") or {}
    places += [(name, f"layers/{name}") for name in sorted(layers)]
    return [layer for layer, key in places if key in group and looks_like_counts(_sample(group[key]))]


def _sample(item: Any) -> np.ndarray:
    """Return some stored values of a matrix on disk, dense or sparse."""
    if hasattr(item, "shape") and not hasattr(item, "keys"):
        rows = max(1, _LOOKED_AT // max(1, item.shape[1])) if len(item.shape) == 2 else 0
        return np.asarray(item[:rows])
    return np.asarray(item["data"][:_LOOKED_AT]) if "data" in item else np.zeros(0)


def find_depth(counts: Any, obs: pd.DataFrame, what: Nature) -> tuple[str, float] | None:
    """Return the column of obs with each cell's total that gives whole counts back from log1p, and their common total.

    None where there is none, or the values are no natural logarithms.
    """
    if what.kind != "log" or not what.words.startswith("log1p"):
        return None
    rows = csr_matrix(counts[:_CELLS], dtype=np.float64)
    for column in obs:
        values = obs[column].iloc[: rows.shape[0]]
        if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
            continue
        depth = values.to_numpy(dtype=np.float64, na_value=np.nan)
        if not np.isfinite(depth).all() or depth.min() < 1 or len(set(depth.tolist())) < min(3, len(depth)):
            continue
        for per in dict.fromkeys([PER, *([what.total] if what.total else [])]):
            if _comes_back(rows, depth, per):
                return str(column), per
    return None


def _comes_back(rows: csr_matrix, depth: np.ndarray, per: float) -> bool:
    try:
        return bool(recovered(rows, depth, "", per).nnz)
    except DataError:
        return False


def advice(what: Nature, places: Sequence[str | None], depth: tuple[str, float] | None) -> str:
    """Return what to do where the values of a matrix are no counts; "" where nothing better is known."""
    layers = [place for place in places if place is not None]
    if layers:
        named = " or ".join(f"`--layer {layer}`" for layer in layers[:_SUGGESTED])
        return f"counts look to be elsewhere in the file: {named} (on a card `layer`)"
    if None in places:
        return "X looks to hold counts: leave `--layer` out (on a card `layer`)"
    if depth is not None:
        column, per = depth
        of = "" if per == PER else f" and per: {per:g}"
        how = f"`--depth {column}` (on a card `depth: {column}`{of})"
        return f"with the totals in {column!r} the counts come back exactly: {how}"
    if what.kind == "log":
        return "give a file with raw counts: these cannot be turned back without each cell's total count"
    if what.kind == "scaled":
        return "give a file with raw counts: scaled values cannot be turned back"
    return ""
