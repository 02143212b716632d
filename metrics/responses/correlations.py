"""How well predicted effects correlate with observed ones, from several references.

A vector without spread correlates with nothing: it has 0 and is counted, since leaving it out would raise the mean.

Shapes: A profiles, K genes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

_RESOLUTION = 1e-6
"""Spread of an effect, over the size of the profiles it is a difference of, below which it is rounding of float32."""


def correlations(predicted: Floats, truth: NDArray[np.floating], shown: Floats, scored: Floats) -> tuple[Floats, Bools]:
    """Return Pearson's correlation over genes of two effects.

    Parameters
    ----------
    predicted, truth
        Profiles ``[A, K]``.
    shown, scored
        What is taken off the prediction, and off the truth ``[A, K]``.

    Returns
    -------
    Array ``[A]``, −1 to 1, higher is better, 0 where it is undefined; and where that is, bool ``[A]``.
    """
    x, x_flat = _unit(predicted - shown, shown)
    y, y_flat = _unit(truth - scored, scored)
    return np.einsum("ij,ij->i", x, y), x_flat | y_flat


def _unit(effect: Floats, reference: Floats) -> tuple[Floats, Bools]:
    """Return centred rows of length 1, or of zeros where there is no spread; and where that is."""
    effect = effect - effect.mean(axis=1, keepdims=True)
    length = np.sqrt(np.einsum("ij,ij->i", effect, effect))
    size = np.sqrt(np.einsum("ij,ij->i", reference, reference))
    flat = length <= _RESOLUTION * np.maximum(size, np.finfo(np.float64).tiny)
    return np.where(flat[:, None], 0.0, effect / np.where(flat, 1.0, length)[:, None]), flat


def median_between(effects: Floats, groups: NDArray[np.int64]) -> float:
    """Return the median correlation of pairs of effects ``[P, G]`` of one group ``[P]``; NaN without a pair."""
    pairs = []
    for code in np.unique(groups):
        rows = effects[groups == code].astype(np.float64)
        unit, flat = _unit(rows, rows)
        between = unit[~flat] @ unit[~flat].T
        pairs.append(between[np.triu_indices(len(between), 1)])
    found = np.concatenate(pairs)
    return float(np.median(found)) if len(found) else float("nan")
