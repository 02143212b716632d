"""How right held-out predictions are, with what each number would be had other groups, or other cells, been drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scarena.metrics.label_transfer import BINS, bins_of
from scarena.metrics.measured import Measured, Undefined
from scarena.metrics.resampling import N_REPLICATES

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

ENOUGH_GROUPS = 5
"""Fewer groups say too little of each other: then cells are drawn, within their group."""


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """How often each unit is drawn in each replicate; the same for every model on the same cells.

    Parameters
    ----------
    units
        Unit of each cell ``[n_cells]``: its group where there are at least five, else the cell itself.
    counts
        ``[n_replicates, n_units]``.
    what
        ``groups`` or ``cells``.
    """

    units: NDArray[np.int64]
    counts: NDArray[np.int64]
    what: str


def times_drawn(n_units: int, rng: np.random.Generator, n: int = N_REPLICATES) -> NDArray[np.int64]:
    """Return how often each of some units is drawn, with replacement, in each replicate ``[n, n_units]``."""
    return np.asarray(rng.multinomial(n_units, np.full(n_units, 1 / n_units), size=n))


def draws(classes: NDArray[np.int64], groups: NDArray[np.int64], *, seed: int = 0, n: int = N_REPLICATES) -> Draws:
    """Return replicates of groups, or with fewer than five of cells within each group and class."""
    from scarena.metrics.resampling import Resampling

    codes = np.unique(groups, return_inverse=True)[1].astype(np.int64)
    n_groups = int(codes.max()) + 1
    if n_groups >= ENOUGH_GROUPS:
        return Draws(codes, times_drawn(n_groups, np.random.default_rng(seed), n), "groups")
    strata = codes * (int(classes.max()) + 1) + classes
    drawn = Resampling.stratified(strata, n_replicates=n, seed=seed)
    return Draws(np.arange(len(classes)), drawn.counts.astype(np.int64), "cells")


def confusion(true: NDArray[np.int64], predicted: NDArray[np.int64], n_classes: int) -> NDArray[np.int64]:
    """Return the cells of each true class (row) by predicted class ``[n_classes, n_classes]``."""
    pairs = np.bincount(true * n_classes + predicted, minlength=n_classes**2)
    return pairs.reshape(n_classes, n_classes)


def drawn_confusions(true: NDArray[np.int64], predicted: NDArray[np.int64], n_classes: int, drawn: Draws) -> Floats:
    """Return the confusion in every replicate ``[n_replicates, n_classes, n_classes]``."""
    pairs = true * n_classes + predicted
    cells = np.zeros((drawn.counts.shape[1], n_classes**2))
    np.add.at(cells, (drawn.units, pairs), 1.0)
    return (drawn.counts.astype(np.float64) @ cells).reshape(-1, n_classes, n_classes)


def macro_f1(table: ArrayLike) -> Floats:
    """Return the mean F1 over the classes that some cell has, of one confusion or of many ``[…, k, k]``."""
    counts = np.asarray(table, dtype=np.float64)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    true, predicted = counts.sum(axis=-1), counts.sum(axis=-2)
    f1 = 2 * hits / np.maximum(true + predicted, 1)
    return np.asarray((f1 * (true > 0)).sum(axis=-1) / np.maximum((true > 0).sum(axis=-1), 1))


def balanced_accuracy(table: ArrayLike) -> Floats:
    """Return the mean share of right cells over the classes that some cell has."""
    counts = np.asarray(table, dtype=np.float64)
    true = counts.sum(axis=-1)
    recall = np.diagonal(counts, axis1=-2, axis2=-1) / np.maximum(true, 1)
    return np.asarray(recall.sum(axis=-1) / np.maximum((true > 0).sum(axis=-1), 1))


def calibration_error(right: NDArray[np.bool_], confidence: Floats, drawn: Draws) -> Measured:
    """Return the expected calibration error over 15 bins of the winner's probability (Guo et al. 2017)."""
    in_bin = bins_of(confidence)
    excess = right - confidence
    cells = np.zeros((drawn.counts.shape[1], BINS + 1))
    np.add.at(cells, (drawn.units, in_bin), excess)
    np.add.at(cells[:, BINS], drawn.units, 1.0)
    times = drawn.counts.astype(np.float64) @ cells
    whole = cells.sum(axis=0)
    value = np.abs(whole[:BINS]).sum() / whole[BINS]
    return Measured(float(value), np.abs(times[:, :BINS]).sum(axis=1) / np.maximum(times[:, BINS], 1))


def auroc(scores: Floats, positive: NDArray[np.bool_]) -> float:
    """Return the chance that a positive scores above a negative, a tie counting half; NaN without both."""
    from scipy.stats import rankdata

    n = int(positive.sum())
    if not 0 < n < len(positive):
        return float("nan")
    return float((rankdata(scores)[positive].sum() - n * (n + 1) / 2) / (n * (len(positive) - n)))


def average_precision(scores: Floats, positive: NDArray[np.bool_]) -> float:
    """Return the area under precision over recall, as steps; NaN without positives."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(positive, scores)) if positive.any() else float("nan")


def mean_of_units(values: Floats, note: str = "") -> Measured:
    """Return the mean of one number a unit ``[n_units]``, with replicates over the units."""
    drawn = times_drawn(len(values), np.random.default_rng(0))
    return Measured(float(values.mean()), drawn @ values / len(values), note)


def mean_over_groups(values: Floats, *, note: str = "") -> Measured:
    """Return the mean of one number a group ``[n_groups]``; NaN groups are not asked.

    It has replicates over groups where at least five have a number.

    Raises
    ------
    Undefined
        If no group has a number.
    """
    given = np.asarray(values)[np.isfinite(values)]
    if not len(given):
        raise Undefined("no group holds both classes")
    said = [note] if note else []
    if lost := len(values) - len(given):
        said.append(f"{lost} of {len(values)} groups hold one class alone")
    told = "; ".join(said)
    return mean_of_units(given, told) if len(given) >= ENOUGH_GROUPS else Measured(float(given.mean()), None, told)
