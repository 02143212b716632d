"""Counts that were published as logarithms only, turned back into whole numbers where each cell's total is known."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError

PER = 1e4
"""What cells are usually scaled to before the logarithm."""
# Logarithms are published rounded (three decimals, or float32): a count of 100 may come back as 100.05. Above a quarter
# the nearest whole number is a guess.
_ABSOLUTE, _RELATIVE, _MOST = 0.02, 1e-3, 0.25


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
