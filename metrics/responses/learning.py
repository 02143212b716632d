"""The learning curve: what more perturbations to learn from are worth.

The zero is the control mean alone, since with nothing to learn from there is no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from scarena.metrics.measured import Measured, Undefined
from scarena.metrics.responses.asked import CONTROL, Asked
from scarena.metrics.responses.value import errors_of, value_of

POINTS = (0, 5, 10, 20)
"""Perturbations that are revealed."""


def learning(reveal: Mapping[int, Sequence[Asked]]) -> dict[str, Measured | Undefined]:
    """Return the value at each of `POINTS`, and what the last has more than the first.

    Parameters
    ----------
    reveal
        Splits by how many profiles they reveal; all ask about the same ones.
    """
    found: dict[int, Measured | Undefined] = {
        k: value_of(errors_of(reveal[k]), zero=CONTROL) if k in reveal else Undefined(f"no split reveals {k}")
        for k in POINTS
    }
    gain = _gain([each for _, each in sorted(found.items()) if isinstance(each, Measured)])
    return {**{f"response_reveal_{k}": each for k, each in found.items()}, "response_reveal_gain": gain}


def _gain(points: Sequence[Measured]) -> Measured | Undefined:
    if len(points) < 2:
        return Undefined("no learning curve: fewer than two points of it are there")
    first, last = points[0], points[-1]
    if first.replicates is None or last.replicates is None:
        return Measured(last.value - first.value, None, last.note)
    # The same perturbations are drawn at both points, which ask about the same ones.
    return Measured(last.value - first.value, np.asarray(last.replicates - first.replicates), last.note)
