"""Whether a prediction is closer to its own truth than to those of other perturbations.

Candidates are the profiles that the same split asks about in the same context. Those of other folds are not: the mean
of what is learned from holds them, is therefore closer to each of them, and would rank below chance.

Shapes: A profiles of one split, K genes, N profiles of one context among them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from scarena.metrics.responses.asked import Asked

    Floats = NDArray[np.float64]

_TIE = 1e-10
"""Distances are equal that differ by less than this share of the squared lengths; they are sums in double precision."""


def by_context(
    split: Asked, predicted: Floats, score: Callable[[Floats, Floats], Floats], *, own_control: bool = False
) -> Floats:
    """Return a score of each profile among those of its context ``[A]``; NaN where it is alone there.

    Parameters
    ----------
    split, predicted
        What was asked, and what was said of it ``[A, K]``.
    score
        Of predictions and truths of one context, less its control.
    own_control
        Whether the truth is taken from the scorer's control; from that of the models, as the prediction, where not,
        and then distances are those of profiles.
    """
    found = np.full(len(predicted), np.nan)
    for code in np.unique(split.context):
        rows = np.flatnonzero(split.context == code)
        if len(rows) > 1:
            shown = split.control_shown[code]
            scored = split.control_scored[code] if own_control else shown
            found[rows] = score(predicted[rows] - shown, split.truth[rows] - scored)
    return found


def inverse_rank(predicted: Floats, truth: Floats) -> Floats:
    """Return the share of other truths that lie farther from each prediction than its own does, a tie counting half.

    Parameters
    ----------
    predicted, truth
        ``[N, K]``, two rows or more. Distances are Euclidean.

    Returns
    -------
    Array ``[N]``, 0 to 1, higher is better; .5 is chance exactly, whatever is tied.
    """
    # |x|² is the same for all truths of a prediction and is left out.
    own_N, length_N = np.einsum("ij,ij->i", truth, truth), np.einsum("ij,ij->i", predicted, predicted)
    distance_NN = own_N[None] - 2 * predicted @ truth.T
    gap_NN = distance_NN - np.diagonal(distance_NN)[:, None]
    tied_NN = np.abs(gap_NN) <= _TIE * (own_N[None] + own_N[:, None] + length_N[:, None])
    farther_N = ((gap_NN > 0) & ~tied_NN).sum(axis=1) + 0.5 * (tied_NN.sum(axis=1) - 1)
    return np.asarray(farther_N / (len(truth) - 1))
