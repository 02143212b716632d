"""Counts that were published scaled or as logarithms only, turned back into whole numbers where that can be shown."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError

PER = 1e4
"""What cells are usually scaled to before the logarithm."""
# Logarithms are published rounded (three decimals, or float32): a count of 100 may come back as 100.05. Above a quarter
# the nearest whole number is a guess.
_ABSOLUTE, _RELATIVE, _MOST = 0.02, 1e-3, 0.25
_SINGLE = 1e-6


def recovered(values: csr_matrix, depth: np.ndarray, where: str, per: float = PER) -> csr_matrix:
    """Return the counts behind `values`, log1p of counts per `per`, given each cell's total counts `depth`.

    Raises
    ------
    DataError
        If what comes back are not whole numbers: the values are something else, or the totals other cells'.
    """
    counts = values.astype(np.float64).tocsr()
    with np.errstate(over="ignore"):
        raw = np.expm1(counts.data) / per * np.repeat(depth, np.diff(counts.indptr))
    counts.data = np.rint(raw)
    off = np.abs(raw - counts.data)
    wrong = ~(off <= np.minimum(_ABSOLUTE + _RELATIVE * counts.data, _MOST))
    if wrong.any():
        what = f"{int(wrong.sum())} recovered counts are no whole numbers (off by up to {off.max():.3f})"
        fix = f"the values are not log1p counts per {per:,.0f} of these totals: correct `depth` on the card"
        raise DataError(what, where=where, fix=fix)
    return counts


def rescaled(values: csr_matrix, where: str) -> csr_matrix:
    """Return the counts behind `values`, each cell's counts times a number of its own: its least value is one count.

    Thousands of values that are all whole multiples of one are no accident; a cell whose rarest genes were counted
    twice would be halved only if every other count were even too.

    Raises
    ------
    DataError
        If some are no whole multiples, or a value is negative.
    """
    counts = values.astype(np.float64).tocsr()
    counts.eliminate_zeros()
    filled = np.flatnonzero(np.diff(counts.indptr))
    if counts.nnz and not counts.data.min() > 0:
        raise DataError("negative or missing values", where=where, fix="leave `scaled` out of the reader's options")
    least = np.minimum.reduceat(counts.data, counts.indptr[filled]) if len(filled) else np.ones(0)
    raw = counts.data / np.repeat(least, np.diff(counts.indptr)[filled])
    counts.data = np.rint(raw)
    off = np.abs(raw - counts.data)
    # Both the value and the least one are float32: a count of a million comes back to within one.
    wrong = ~(off <= _ABSOLUTE + _SINGLE * counts.data)
    if wrong.any():
        what = (
            f"{int(wrong.sum()):,} values are no whole multiples of their cell's least (off by up to {off.max():.3f})"
        )
        raise DataError(what, where=where, fix="they are not scaled counts: leave `scaled` out of the reader's options")
    return counts


def delogged(values: csr_matrix, where: str) -> tuple[csr_matrix, str]:
    """Return the counts behind `values`, logarithms of each cell's counts times a number of its own, and of what base.

    The base need not be known: under a wrong one a cell's values are no whole multiples of its least.

    Raises
    ------
    DataError
        If they are no whole multiples under either base.
    """
    for name, inverse in (("log1p", np.expm1), ("log2(x + 1)", lambda x: np.exp2(x) - 1)):
        counts = values.astype(np.float64).tocsr()
        with np.errstate(over="ignore"):
            counts.data = inverse(counts.data)
        try:
            return rescaled(counts, where), name
        except DataError as refused:
            reason = refused
    what = "the values are no logarithms (log1p, log2(x + 1)) of scaled counts"
    raise DataError(f"{what}: {reason.what}", where=where, fix="leave `logged` out of the reader's options")


def unlogged(values: csr_matrix, times: int, where: str) -> csr_matrix:
    """Return what `values` are log2(x + 1) of, so many times over.

    Raises
    ------
    DataError
        If what comes back is too large for a count: the logarithm was taken less often.
    """
    counts = values.astype(np.float64).tocsr()
    with np.errstate(over="ignore"):
        for _ in range(times):
            counts.data = np.exp2(counts.data) - 1
    if counts.nnz and not counts.data.max() <= np.iinfo(np.int32).max:
        raise DataError(f"{counts.data.max():g} behind a logarithm", where=where, fix="correct `log2` on the card")
    return counts
