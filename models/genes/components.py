"""Principal components of tall or wide tables, by the products of their shorter side."""

from __future__ import annotations

import numpy as np


def left_components(values: np.ndarray, n_components: int) -> np.ndarray:
    """Return U S of the singular value decomposition, the columns of largest singular values, not centred.

    Parameters
    ----------
    values
        float [n, m].
    n_components
        How many, at most; fewer where the rank is lower.

    Returns
    -------
    float32 [n, ≤ n_components], lengths falling; the largest entry of a column is positive.
    """
    from scipy.linalg import eigh

    n, m = values.shape
    gram = (values.T @ values if m <= n else values @ values.T).astype(np.float64)
    kept = min(n_components, len(gram))
    squares, vectors = eigh(gram, subset_by_index=(len(gram) - kept, len(gram) - 1))
    squares, vectors = squares[::-1], vectors[:, ::-1]
    # Products in single precision: what lies below is rounding.
    real = squares > 1e-6 * max(float(squares[0]), 0.0)
    vectors, lengths = vectors[:, real], np.sqrt(squares[real])
    scaled = values @ vectors.astype(values.dtype) if m <= n else vectors * lengths
    top = np.abs(scaled).argmax(axis=0)
    return np.asarray(scaled * np.sign(scaled[top, np.arange(scaled.shape[1])]), np.float32)
