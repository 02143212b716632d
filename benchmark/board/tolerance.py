"""What two values of one score may differ by and still be the same: for comparing boards, merging and verifying them.

Two boards that drew their cells independently differ by more than 1.96 standard errors of the difference once in twenty
times; the standard errors are those of the scores' own 95 % intervals. Nothing below a unit of the last decimal that is
printed counts, however narrow the intervals are: so far processors differ in what no model was trained for.
"""

from __future__ import annotations

import math
from typing import Any

Json = dict[str, Any]

PRINTED = 1e-4
"""A unit of the last decimal that is printed."""
# Half a 95 % interval in standard errors.
_HALF = 1.959964


def allowed(was: Json, now: Json) -> float | None:
    """Return the largest difference of two values of a score that noise explains; None where one has no interval.

    Examples
    --------
    >>> one, other = {"low": 0.5, "high": 0.56}, {"low": 0.52, "high": 0.6}
    >>> round(allowed(one, other), 6), allowed(one, {"low": None, "high": None})
    (0.05, None)
    """
    errors = [_standard_error(side) for side in (was, now)]
    if None in errors:
        return None
    return max(PRINTED, _HALF * math.hypot(*(error or 0.0 for error in errors)))


def beyond(was: Json, now: Json) -> bool | None:
    """Return whether a value moved beyond noise; None where no interval says.

    Examples
    --------
    >>> beyond({"value": 0.51991, "low": 0.51991, "high": 0.51991}, {"value": 0.51994, "low": None, "high": None})
    False
    """
    moved = abs(now["value"] - was["value"])
    if moved <= PRINTED:
        return False
    most = allowed(was, now)
    return None if most is None else moved > most


def _standard_error(score: Json) -> float | None:
    if score.get("low") is None or score.get("high") is None:
        return None
    return float(score["high"] - score["low"]) / (2 * _HALF)
