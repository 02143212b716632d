"""What perturbing a regulator did to the genes that it is said to regulate, and to those that it is not.

After CausalBench (Chevalley et al. 2025, doi 10.1038/s42003-025-07764-y), which draws the pairs that it looks at; here
all are looked at, and of edges that are equally strong each has the same share in the selection.

Shapes: E pairs of one ranking, T groups of equally strong ones, D replicates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """What the strongest pairs and the others have on average, on all pairs or in each replicate ``[D]``."""

    top: Floats
    rest: Floats


def selected(strength_E: Floats, value_E: Floats, k: float | Floats, weight_DE: Floats | None = None) -> Selection:
    """Return the mean of a value over the k strongest pairs, and over all others.

    Parameters
    ----------
    strength_E
        The ranking; of equal ones at rank k each is taken in part.
    value_E
        What is averaged.
    k
        How many are taken, of each replicate where there are several; at most all.
    weight_DE
        How often each pair is there in each replicate; once where not given.

    Returns
    -------
    Selection
        NaN for a side without pairs.
    """
    weight_DE = np.ones((1, len(strength_E))) if weight_DE is None else weight_DE
    order = np.argsort(-strength_E, kind="stable")
    sorted_E = strength_E[order]
    starts = np.flatnonzero(np.concatenate([[True], sorted_E[1:] != sorted_E[:-1]]))
    count_DT = np.add.reduceat(weight_DE[:, order], starts, axis=1)
    sum_DT = np.add.reduceat(weight_DE[:, order] * value_E[order], starts, axis=1)
    before_DT = np.cumsum(count_DT, axis=1) - count_DT
    k_D1 = np.broadcast_to(np.asarray(k, np.float64), len(weight_DE))[:, None]
    share_DT = np.clip((k_D1 - before_DT) / np.maximum(count_DT, 1e-12), 0.0, 1.0)
    taken_D, top_D = (count_DT * share_DT).sum(axis=1), (sum_DT * share_DT).sum(axis=1)
    others_D, rest_D = count_DT.sum(axis=1) - taken_D, sum_DT.sum(axis=1) - top_D
    return Selection(*(_over(a, b) for a, b in ((top_D, taken_D), (rest_D, others_D))))


def _over(top: Floats, below: Floats) -> Floats:
    return np.divide(top, below, out=np.full(len(top), np.nan), where=below > 0.5)
