"""Ridge regression from vectors to many numbers a cell at once, groups held out, in closed form."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from scarena.base.folds import splits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PENALTIES = tuple(float(10.0**power) for power in range(-2, 4))
"""λ of the grid, for vectors with a mean squared length of 1."""
USUAL = 1.0


class Ridge:
    """All penalties of one training set: the curvature is taken apart once."""

    def __init__(self, x: Floats, y: Floats) -> None:
        self.x_mean, self.y_mean = x.mean(axis=0), y.mean(axis=0)
        centred = x - self.x_mean
        self._values, self._vectors = np.linalg.eigh(centred.T @ centred)
        self._toward = self._vectors.T @ (centred.T @ (y - self.y_mean))

    def predicted(self, x: Floats, penalty: float) -> Floats:
        """Return what is predicted of other cells ``[n_cells, n_targets]``."""
        weights = self._vectors @ (self._toward / (np.maximum(self._values, 0.0) + penalty)[:, None])
        return np.asarray((x - self.x_mean) @ weights + self.y_mean)


def held_out_ridge(x: Floats, y: Floats, folds: NDArray[np.int64]) -> tuple[Floats, tuple[float, ...]]:
    """Return predictions of cells whose fold was not learned from, and each fold's penalty.

    Parameters
    ----------
    x
        Vectors ``[n_cells, d]``, from :func:`~scarena.metrics.probes.linear.axes_of`.
    y
        Targets ``[n_cells, n_targets]``.
    folds
        Which cells are held out together ``[n_cells]``, codes from 0; with three or more the penalty is chosen by the
        squared error, in units of each target's variance, within the other folds.
    """
    chosen = _chosen(x, y, folds)
    found = np.empty_like(y, dtype=np.float64)
    for (train, test), penalty in zip(splits(folds), chosen, strict=True):
        found[test] = Ridge(x[train], y[train]).predicted(x[test], penalty)
    return found, tuple(chosen)


def claimed_ridge(x: Floats, y: Floats, folds: NDArray[np.int64], penalties: tuple[float, ...]) -> Floats:
    """Return predictions by folds whose penalty is the middle one of those chosen elsewhere."""
    penalty = sorted(penalties)[len(penalties) // 2]
    found = np.empty_like(y, dtype=np.float64)
    for train, test in splits(folds):
        found[test] = Ridge(x[train], y[train]).predicted(x[test], penalty)
    return found


def _chosen(x: Floats, y: Floats, folds: NDArray[np.int64]) -> list[float]:
    n_folds = int(folds.max()) + 1
    if n_folds < 3:
        return [USUAL] * n_folds
    scale = np.maximum(y.std(axis=0), 1e-12)
    errors = np.zeros((n_folds, len(PENALTIES)))
    for one, other in combinations(range(n_folds), 2):
        train = (folds != one) & (folds != other)
        ridge = Ridge(x[train], y[train])
        for left_out, asked in ((one, other), (other, one)):
            rows = folds == asked
            for place, penalty in enumerate(PENALTIES):
                errors[left_out, place] += np.square((ridge.predicted(x[rows], penalty) - y[rows]) / scale).sum()
    return [PENALTIES[place] for place in errors.argmin(axis=1)]


def column_pearson(one: Floats, other: Floats) -> Floats:
    """Return the correlation of each column ``[n_columns]``: 0 where one is constant, NaN where both are or is `other`.

    A prediction that never changes says nothing of its target, and is not left out of a mean for it.
    """
    a, b = one - one.mean(axis=0), other - other.mean(axis=0)
    top = (a * b).sum(axis=0)
    lengths = np.sqrt(np.square(a).sum(axis=0)), np.sqrt(np.square(b).sum(axis=0))
    tiny = [np.asarray(length) < 1e-12 * np.sqrt(len(one)) for length in lengths]
    safe = np.where(tiny[0] | tiny[1], 1.0, lengths[0] * lengths[1])
    return np.where(tiny[1], np.nan, np.where(tiny[0], 0.0, top / safe))
