"""Correlations of the columns of two matrices of distances, and their derivative: what scGraph and OntoRWR share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Relative to the size of the distances: equal distances differ in their last digits.
_EQUAL = 1e-9


def column_correlations(
    found_TT: NDArray[np.floating],
    reference_TT: NDArray[np.floating],
    weights_TT: NDArray[np.floating] | NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return the weighted Pearson correlation of each column of two matrices.

    Parameters
    ----------
    found_TT
        Distances ``[…, k, k]`` in an embedding, or in many replicates of it.
    reference_TT
        Distances ``[k, k]`` to compare with; may be NaN where the weight is 0.
    weights_TT
        Weights ``[k, k]``, 0 for the entries that do not count.

    Returns
    -------
    array
        Correlations ``[…, k]``, in [−1, 1]. NaN for a column that asks nothing, with fewer than two entries or a
        constant reference; 0 for a column that is constant in the embedding.
    """
    found, reference = _Columns.of(found_TT, weights_TT), _Columns.of(reference_TT, weights_TT)
    silent = reference.constant | ((weights_TT > 0).sum(axis=0) < 2)
    return np.where(silent, np.nan, np.clip(_correlation(found, reference), -1.0, 1.0))


def correlation_slopes(
    found_TT: NDArray[np.floating],
    reference_TT: NDArray[np.floating],
    weights_TT: NDArray[np.floating] | NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return the derivative ``[k, k]`` of each column's correlation by the entries of the column in the embedding.

    Parameters are those of :func:`column_correlations`, for one matrix ``[k, k]``. Columns without a correlation, and
    those that are constant, have the derivative 0.
    """
    found, reference = _Columns.of(found_TT, weights_TT), _Columns.of(reference_TT, weights_TT)
    flat = found.constant | reference.constant
    size, other = np.where(flat, 1.0, found.size), np.where(flat, 1.0, reference.size)
    slopes = found.share * (reference.centred / other - _correlation(found, reference) * found.centred / size) / size
    return np.where(flat, 0.0, slopes)


@dataclass(frozen=True, slots=True)
class _Columns:
    """Columns ``[…, k, k]`` without their weighted means, with their standard deviations ``[…, k]``."""

    centred: NDArray[np.floating]
    share: NDArray[np.floating]
    size: NDArray[np.floating]
    constant: NDArray[np.bool_]

    @classmethod
    def of(cls, values_TT: NDArray[np.floating], weights_TT: NDArray[np.floating] | NDArray[np.bool_]) -> _Columns:
        used = weights_TT > 0
        share = weights_TT / np.maximum(weights_TT.sum(axis=0), np.finfo(np.float64).tiny)
        asked = np.where(used, values_TT, 0.0)
        centred = np.where(used, asked - (share * asked).sum(axis=-2, keepdims=True), 0.0)
        constant = np.abs(centred).max(axis=-2) <= _EQUAL * np.abs(asked).max(axis=-2)
        return cls(centred, share, np.sqrt((share * np.square(centred)).sum(axis=-2)), constant)


def _correlation(found: _Columns, reference: _Columns) -> NDArray[np.float64]:
    flat = found.constant | reference.constant
    together = (found.share * found.centred * reference.centred).sum(axis=-2)
    return np.where(flat, 0.0, together / np.where(flat, 1.0, found.size * reference.size))
