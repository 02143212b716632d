"""Intervals, ranks, ties and fronts from bootstrap replicates: functions of arrays that know neither files nor boards.

Replicates are centred on the value they belong to, and column r of every array comes from the same draws of cells:
differences between rows are therefore paired. Where an order is asked for, higher is better; the caller turns signs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scarena.metrics.resampling import ENDS, interval

Floats = NDArray[np.float64]

# Scores are kept to nine digits; what is nearer than that is the same number.
TIED = 1e-9


@dataclass(frozen=True, slots=True)
class Difference:
    """How far a is above b, with the ends of its 95 % interval and the share of replicates in which a is above b."""

    value: float
    low: float | None
    high: float | None
    wins: float | None

    @property
    def tied(self) -> bool:
        """Whether the interval contains zero; without an interval, whether the two are the same number."""
        low, high = (self.value if end is None else end for end in (self.low, self.high))
        return low <= TIED and high >= -TIED


def difference(a: float, b: float, replicates: Floats | None) -> Difference:
    """Return a − b with its paired interval, from replicates ``[2, n_replicates]`` of the two, if there are any."""
    if replicates is None:
        return Difference(a - b, None, None, None)
    paired = replicates[0] - replicates[1]
    low, high = interval(a - b, paired)
    wins = float(np.mean(paired > TIED) + np.mean(np.abs(paired) <= TIED) / 2)
    return Difference(a - b, low, high, wins)


def _places(values: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first and the last place that each row may claim in each column; equal rows share theirs."""
    ahead = (values[None] > values[:, None] + TIED).sum(axis=1)
    behind = (values[None] < values[:, None] - TIED).sum(axis=1)
    return 1 + ahead, len(values) - behind


def rank_ranges(values: ArrayLike, replicates: Floats | None) -> list[tuple[int, int]]:
    """Return each row's 95 % range of ranks, 1 for the highest; it contains the rank by value.

    Parameters
    ----------
    values
        Scores ``[n]``, higher is better.
    replicates
        Paired replicates ``[n, n_replicates]``; without them the range is the rank, or the places of those equal.
    """
    first, last = _places(np.asarray(values, dtype=np.float64)[:, None])
    low, high = first[:, 0], last[:, 0]
    if replicates is not None and len(replicates):
        first, last = _places(replicates)
        low = np.minimum(low, np.quantile(first, ENDS[0], axis=1, method="lower"))
        high = np.maximum(high, np.quantile(last, ENDS[1], axis=1, method="higher"))
    return [(int(a), int(b)) for a, b in zip(low, high, strict=True)]


def tie_groups(names: Sequence[str], values: ArrayLike, replicates: Floats | None) -> list[int]:
    """Return each row's tie group, from 1: the best row left leads a group of all left that tie with it.

    Ties are not transitive (a with b and b with c, yet not a with c), so a group says only that each member is
    statistically indistinguishable from its leader.
    Names decide which of two equal rows leads.
    """
    x = np.asarray(values, dtype=np.float64)
    groups = [0] * len(x)
    left = sorted(range(len(x)), key=lambda row: (-x[row], names[row]))
    number = 0
    while left:
        number += 1
        leader = left[0]
        pairs = {row: None if replicates is None else replicates[[leader, row]] for row in left}
        held = [row for row in left if row == leader or difference(x[leader], x[row], pairs[row]).tied]
        for row in held:
            groups[row] = number
        left = [row for row in left if row not in held]
    return groups


def pareto(points: ArrayLike) -> NDArray[np.bool_]:
    """Return which points ``[n, n_goals]`` no other dominates: at least as high in every goal and higher in one.

    Raises
    ------
    ValueError
        If a goal is missing: nothing compares with NaN, so its point would be on every front.
    """
    x = np.asarray(points, dtype=np.float64)
    if not np.isfinite(x).all():
        raise ValueError("a point of a Pareto front has every goal")
    if not len(x):
        return np.zeros(0, dtype=np.bool_)
    as_good: NDArray[np.bool_] = np.all(x[None] >= x[:, None], axis=2)
    better: NDArray[np.bool_] = np.any(x[None] > x[:, None], axis=2)
    return ~np.any(as_good & better, axis=1)
