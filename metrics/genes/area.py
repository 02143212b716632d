"""AUROC over pairs of one fold, pooled over folds, and what it would have been had other genes been drawn.

Scores of two folds are those of two probes and are never compared: a probe that lacks some members finds members rarer
than one that lacks others, and vectors without information would come out below chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scarena.metrics.measured import Measured, Undefined
from scarena.metrics.probes.scores import times_drawn
from scarena.metrics.resampling import N_REPLICATES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """How often each gene counts: once, then in each replicate as often as its family was drawn.

    Parameters
    ----------
    times
        float32 ``[1 + n_replicates, n_genes]``.
    """

    times: NDArray[np.float32]

    @classmethod
    def of(cls, families: NDArray[np.int64], *, n: int = N_REPLICATES) -> Drawn:
        """Return draws of whole families, codes from 0 ``[n_genes]``; the same for every model."""
        n_families = int(families.max()) + 1
        times = np.ones((1 + n, n_families), np.float32)
        times[1:] = times_drawn(n_families, np.random.default_rng(0), n)
        return cls(times[:, families])


def area(
    scores: Floats, inside: NDArray[np.bool_], folds: NDArray[np.int64], times: NDArray[np.floating]
) -> Floats:  # fmt: skip
    """Return the chance that a positive scores above a negative of its fold, ties counting half ``[n_draws]``.

    Parameters
    ----------
    scores, inside, folds
        Of each row ``[n]``.
    times
        How often each row counts in each draw ``[n_draws, n]``.

    Returns
    -------
    ndarray
        0 to 1, 0.5 is chance; NaN in draws without a positive and a negative of one fold.
    """
    # A number a fold and score: equal ones are ties, and folds lie behind each other.
    levels = np.unique(scores, return_inverse=True)[1].reshape(-1) + folds * (len(scores) + 1)
    negative = np.flatnonzero(~inside)
    negative, positive = negative[np.argsort(levels[negative], kind="stable")], np.flatnonzero(inside)
    below = np.zeros((len(times), len(negative) + 1))
    np.cumsum(times[:, negative], axis=1, dtype=np.float64, out=below[:, 1:])
    fold = folds[positive] * (len(scores) + 1)
    keys = fold, levels[positive], fold + len(scores) + 1
    start, low, end = (np.searchsorted(levels[negative], key, side="left") for key in keys)
    high = np.searchsorted(levels[negative], levels[positive], side="right")
    own = times[:, positive].astype(np.float64)
    first = below[:, start]
    wins = np.einsum("dp,dp->d", own, (below[:, low] + below[:, high]) / 2 - first)
    pairs = np.einsum("dp,dp->d", own, below[:, end] - first)
    return np.where(pairs > 0, wins / np.where(pairs > 0, pairs, 1), np.nan)


def mean_of_sets(areas: Sequence[Floats] | Floats, note: str = "", *, draw: bool = True) -> Measured:
    """Return the mean over sets of one number each ``[n_sets, 1 + n_replicates]``, the first being the value.

    In each replicate sets are drawn as well, with replacement; one set alone cannot be. A set without a number in a
    replicate is left out of it.

    Raises
    ------
    Undefined
        If no set has a number.
    """
    found = np.asarray(areas, np.float64)
    found = found[np.isfinite(found[:, 0])] if len(found) else found
    if not len(found):
        raise Undefined("no set has a gene inside and one outside that are asked together")
    n_sets, n = len(found), found.shape[1] - 1
    times = times_drawn(n_sets, np.random.default_rng(1), n) if draw else np.ones((n, n_sets))
    weight = times.T * np.isfinite(found[:, 1:])
    total = weight.sum(axis=0)
    sums = (weight * np.nan_to_num(found[:, 1:])).sum(axis=0)
    value = float(found[:, 0].mean())
    return Measured(value, np.where(total > 0, sums / np.where(total > 0, total, 1), value), note)
