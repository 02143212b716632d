"""Principal axes of small tables, in double precision, by the products of their shorter side."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh

_LEAST = 1e-11
"""Of the largest squared length: what lies below is rounding."""


def axes_of(rows: np.ndarray, n_axes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the left vectors, lengths and right vectors of a singular value decomposition, longest first, not centred.

    Parameters
    ----------
    rows
        float64 [n, d].
    n_axes
        How many, at most; fewer where the rank is lower, and none of an empty table.

    Returns
    -------
    float64 [n, k], [k], [d, k]; the largest entry of a right vector is positive.
    """
    n, d = rows.shape
    kept = min(n_axes, n, d)
    if not kept:
        return np.zeros((n, 0)), np.zeros(0), np.zeros((d, 0))
    wide = n <= d
    gram = rows @ rows.T if wide else rows.T @ rows
    squares, vectors = eigh(gram, subset_by_index=(len(gram) - kept, len(gram) - 1))
    squares, vectors = squares[::-1], vectors[:, ::-1]
    real = squares > _LEAST * max(float(squares[0]), 0.0)
    lengths, vectors = np.sqrt(squares[real]), vectors[:, real]
    left, right = (vectors, rows.T @ vectors / lengths) if wide else (rows @ vectors / lengths, vectors)
    signs = np.sign(right[np.abs(right).argmax(axis=0), np.arange(right.shape[1])])
    return left * signs, lengths, right * signs


def scores(rows: np.ndarray, n_axes: int) -> np.ndarray:
    """Return the rows of a table along its principal components, float64 [n, k], columns centred."""
    left, lengths, _ = axes_of(rows - rows.mean(axis=0), n_axes)
    return left * lengths


def reduced(rows: np.ndarray, n_axes: int) -> np.ndarray:
    """Return rows along their principal components where they are wider than that, else the rows, centred."""
    return scores(rows, n_axes) if rows.shape[1] > n_axes else rows - rows.mean(axis=0)
