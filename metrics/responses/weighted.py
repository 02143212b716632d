"""Errors weighted by how surely each gene of a profile responded.

After Mejia et al. 2025, arXiv 2506.22641. The weights are from the half of the cells that predictions are not scored
against: a gene that is far off by chance in one half has no greater weight for it in the other.

Shapes: A profiles, K genes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]


def weights(strength: NDArray[np.floating]) -> Floats:
    """Return weights of genes that add up to 1 in each profile ``[A, K]``.

    Parameters
    ----------
    strength
        |t| of each gene ``[A, K]``. It is brought to 0 … 1 within a profile and squared; NaN has no weight. A profile
        in which all are equal, or none is known, weighs all genes alike.
    """
    known = np.isfinite(strength)
    low = np.where(known, strength, np.inf).min(axis=1, keepdims=True).astype(np.float64)
    high = np.where(known, strength, -np.inf).max(axis=1, keepdims=True).astype(np.float64)
    told = high > low
    scaled = np.zeros(strength.shape)
    np.divide(strength - low, high - low, out=scaled, where=known & told)
    squared = np.where(told, scaled**2, 1.0)
    return np.asarray(squared / squared.sum(axis=1, keepdims=True))


def weighted_error(predicted: Floats, truth: NDArray[np.floating], weight: Floats) -> Floats:
    """Return Σ w (x̂ − x)² of each profile ``[A]``, lower is better; weights add up to 1."""
    return np.asarray((weight * (predicted - truth) ** 2).sum(axis=1))


def weighted_r2(
    predicted: Floats, truth: NDArray[np.floating], reference: Floats, weight: Floats
) -> tuple[Floats, Bools]:
    """Return 1 − Σ w (x̂ − x)² / Σ w (Δ − mean Δ)² of each profile, Δ being the truth less a reference.

    Parameters
    ----------
    predicted, truth, reference, weight
        ``[A, K]``; weights add up to 1 in each profile.

    Returns
    -------
    Array ``[A]``, at most 1, higher is better, 0 where the truth has no spread; and where that is, bool ``[A]``.
    """
    effect = truth - reference
    centre = (weight * effect).sum(axis=1, keepdims=True)
    spread = (weight * (effect - centre) ** 2).sum(axis=1)
    flat = spread <= 0
    return np.where(flat, 0.0, 1 - weighted_error(predicted, truth, weight) / np.where(flat, 1.0, spread)), flat
