"""Whether values are counts; and what they are where they are none, so that advice about them is no guess."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError

# What reading a count from text or floating point may cost; anything above is no count.
_TOLERANCE = 1e-6
_ROWS = 50
"""Cells that are looked at to tell what values are."""
_ENOUGH = 20
"""Values, without which nothing is said of them."""
_LARGEST_LOG = 30.0
"""No logarithm of a count is larger: e to the 30 is ten million million."""

Kind = Literal["counts", "scaled", "log", "normalised", "fractional"]

_INVERSES: tuple[tuple[str, Callable[[np.ndarray], np.ndarray]], ...] = (
    ("log1p", np.expm1),
    ("log2(x + 1)", lambda x: np.exp2(x) - 1),
    ("log10(x + 1)", lambda x: np.power(10.0, x) - 1),
)


@dataclass(frozen=True, slots=True)
class Nature:
    """What the values of a matrix are."""

    kind: Kind
    words: str
    """For a line: ``log1p of counts per 10,000``."""
    total: float | None = None
    """What each cell adds up to before the logarithm, where all add up to the same."""


def plain(values: Any) -> csr_matrix:
    """Return a matrix as CSR of a type that scipy computes with: half precision and the like become float32.

    Raises
    ------
    DataError
        If its values are complex or no numbers.
    """
    kind = np.dtype(values.dtype)
    if kind.kind not in "biuf":
        raise DataError(f"holds values of the kind {kind}", where="counts", fix="give numbers")
    wide = {1: np.int8, 2: np.float32}.get(kind.itemsize) if kind.kind in "bf" else None
    if kind.kind == "f" and kind.itemsize > 8:
        wide = np.float64
    wanted = np.dtype(wide) if wide else kind.newbyteorder("=")
    if kind != wanted and hasattr(values, "data") and not isinstance(values, np.ndarray):
        # A sparse matrix of such a type cannot itself be converted.
        values = values.copy()
        values.data = values.data.astype(wanted)
    elif kind != wanted:
        values = values.astype(wanted)
    return csr_matrix(values)


def looks_like_counts(data: np.ndarray) -> bool:
    """Return whether some stored values are whole, not negative, and not all the same."""
    values = np.asarray(data, dtype=np.float64).ravel()
    values = values[values != 0]
    if not values.size or not np.isfinite(values).all() or values.min() < 0:
        return False
    return bool((values == np.rint(values)).all() and values.max() > 1)


def nature(values: Any) -> Nature:
    """Return what the values of a cells × genes matrix are, from its first cells."""
    rows = csr_matrix(values[:_ROWS], dtype=np.float64)
    rows.eliminate_zeros()
    rows = rows[np.diff(rows.indptr) > 0]
    data = rows.data[np.isfinite(rows.data)]
    if data.size and data.min() < 0:
        return Nature("scaled", "scaled values")
    share = _fractional(data).mean() if data.size else 0.0
    if not share:
        return Nature("counts", "whole numbers")
    # Where most values are whole they are counts, expected ones or damaged.
    if len(data) < len(rows.data) or share < 0.5:
        return Nature("fractional", "fractional values")
    if data.max() <= _LARGEST_LOG:
        for name, inverse in _INVERSES:
            total = _same_total(inverse(rows.data), rows)
            if total is not None:
                return Nature("log", f"{name} of counts per {total:,.0f}", total)
            if _whole_ratios(inverse(rows.data), rows):
                return Nature("log", f"{name} of normalised counts")
    total = _same_total(rows.data, rows)
    if total is not None or _whole_ratios(rows.data, rows):
        return Nature("normalised", "normalised counts" + (f" per {total:,.0f}" if total is not None else ""), total)
    return Nature("fractional", "fractional values")


def _fractional(data: np.ndarray) -> np.ndarray:
    off = np.rint(data)
    np.subtract(data, off, out=off)
    found: np.ndarray = np.abs(off, out=off) > _TOLERANCE * np.maximum(1.0, np.abs(data))
    return found


def _same_total(data: np.ndarray, rows: csr_matrix) -> float | None:
    """Return what the values of each cell add up to, where it is the same for all of at least three."""
    if rows.shape[0] < 3 or len(data) < _ENOUGH:
        return None
    sums = np.add.reduceat(data, rows.indptr[:-1])
    middle = float(np.median(sums))
    # Logarithms are often published with three decimals.
    return middle if middle > 1 and np.ptp(sums) <= 0.01 * middle else None


def _whole_ratios(data: np.ndarray, rows: csr_matrix) -> bool:
    """Return whether the values of a cell are multiples of its least, which is then that of one count.

    One is the most frequent count of a cell. The least of expected counts is whatever it is, once.
    """
    least = np.minimum.reduceat(data, rows.indptr[:-1])
    ratio = data / np.repeat(least, np.diff(rows.indptr))
    # Counts themselves stay whole under some inverses, so they say nothing.
    asked = (ratio < 50) & _fractional(rows.data)
    if asked.sum() < _ENOUGH:
        return False
    multiple = np.abs(ratio - np.rint(ratio)) <= 0.01 * ratio
    ones = np.abs(ratio - 1) <= 0.01
    return bool(multiple[asked].mean() > 0.98 and 0.1 < ones.mean() < 0.999)


def whole(values: Any, where: str, *, expected: bool = False, advice: str = "", dtype: type = np.int32) -> csr_matrix:
    """Return a matrix of counts as integers without stored zeros.

    Parameters
    ----------
    values
        cells × genes.
    where
        For errors.
    expected
        Whether fractional values are expected counts, to be rounded.
    advice
        What to do where they are no counts, if more is known than the values themselves say.
    dtype
        Of the counts.

    Raises
    ------
    DataError
        For NaN or infinite values, negative and fractional ones, and logarithms whatever was expected.
    """
    counts = plain(values).copy()
    counts.sum_duplicates()
    data = counts.data
    least, most = (data.min(), data.max()) if data.size else (0, 0)
    if not np.isfinite([least, most]).all():
        bad = int((~np.isfinite(data)).sum())
        raise DataError(f"{bad} values are NaN or infinite", where=where, fix="repair the file")
    if least < 0:
        fix = advice or "give raw counts, not scaled values (name their layer: `--layer`, on a card `layer`)"
        raise DataError(f"negative values (least: {least:g})", where=where, fix=fix)
    if data.dtype.kind == "f":
        fractional = int(_fractional(data).sum())
        if fractional:
            _check_expected(counts, fractional, where, expected=expected, advice=advice)
        np.rint(data, out=data)
    if most > np.iinfo(np.int32).max:
        raise DataError(f"a count of {most:g}", where=where, fix="give raw counts")
    counts.data = data.astype(dtype)
    counts.eliminate_zeros()
    return counts


def _check_expected(counts: csr_matrix, fractional: int, where: str, *, expected: bool, advice: str) -> None:
    found = nature(counts)
    what = f"{fractional} of {counts.data.size} values are not integer counts"
    if found.kind == "log":
        # Rounded logarithms are no counts, whoever asks for them.
        raise DataError(f"{what}: they are {found.words}", where=where, fix=advice or _NAME)
    if expected:
        return
    if found.kind == "normalised":
        raise DataError(f"{what}: they are {found.words}", where=where, fix=advice or _NAME)
    fix = advice or f"{_NAME}; expected counts (RSEM, salmon) alone may be rounded: `counts: expected` on the card"
    raise DataError(what, where=where, fix=fix)


_NAME = "give raw counts (name their layer: `--layer`, on a card `layer`)"
