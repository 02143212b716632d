"""Weighted ridge regression in closed form over folds: rows are read once, however many folds are left out of it.

The curvature Σ w z zᵀ and the pull Σ w z yᵀ are kept for each group of rows. What is learned from some groups is the
sum over them.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PENALTIES = tuple(float(10.0**power) for power in range(-1, 5))
"""λ of the grid, for vectors with a mean squared length of 1 and weights that sum to the number of rows. With the
largest next to nothing is left of vectors that hold nothing."""
NEXT_TO_NONE = 1e-9
"""λ of the ones: where there is nothing to learn from, a probe says 0 of all genes."""
USUAL = 1.0
"""λ where there is nothing to choose it by."""


class Folded:
    """Sums of rows by group.

    Parameters
    ----------
    n_groups, width, n_targets
        Sizes.
    """

    def __init__(self, n_groups: int, width: int, n_targets: int = 1) -> None:
        self.curvature = np.zeros((n_groups, width, width))
        self.pull = np.zeros((n_groups, width, n_targets))

    def add(self, z: Floats, y: Floats, weights: Floats, groups: NDArray[np.int64]) -> None:
        """Add rows ``z`` ``[n, width]`` with targets ``[n, n_targets]``, weights and groups ``[n]``."""
        order = np.argsort(groups, kind="stable")
        order = order[weights[order] > 0]
        ends = np.flatnonzero(np.diff(groups[order], prepend=-1, append=-1))
        scaled = np.sqrt(weights[order])[:, None]
        z, y = z[order] * scaled, y[order] * scaled
        for start, end in pairwise(ends):
            group = groups[order[start]]
            self.curvature[group] += z[start:end].T @ z[start:end]
            self.pull[group] += z[start:end].T @ y[start:end]

    def weights(
        self, learned: Iterable[int] | NDArray[np.int64], penalties: Floats, columns: NDArray[np.int64]
    ) -> Floats:  # fmt: skip
        """Return the minimum of Σ w (y − z·β)² + Σ λⱼ βⱼ² over some groups ``[n_grid, n_columns, n_targets]``.

        Parameters
        ----------
        learned
            Groups.
        penalties
            λ of each column ``[n_grid, n_columns]``; several are solved at once.
        columns
            Those of ``z`` that are read ``[n_columns]``.
        """
        groups = np.asarray(learned, np.int64)
        square = self.curvature[groups].sum(axis=0)[np.ix_(columns, columns)]
        pull = self.pull[groups].sum(axis=0)[columns]
        place = np.arange(len(columns))
        every = np.repeat(square[None], len(penalties), axis=0)
        every[:, place, place] += penalties
        return np.asarray(np.linalg.solve(every, np.broadcast_to(pull, (len(penalties), *pull.shape))))


class HeldOut:
    """Ridges of many numbers a row from a column of ones and vectors, one fold of rows held out at a time.

    The penalty of a fold is that of the least error on the others, each learned from without the two.

    Parameters
    ----------
    x
        Vectors ``[n, d]`` with a mean squared length of 1.
    y
        Targets ``[n, n_targets]``.
    weights
        Of the rows ``[n]``.
    folds
        Codes from 0 without gaps ``[n]``.
    """

    def __init__(self, x: Floats, y: Floats, weights: Floats, folds: NDArray[np.int64]) -> None:
        self.z, self.y, self.weights, self.folds = np.insert(x, 0, 1.0, axis=1), y, weights, folds
        self.n_folds = int(folds.max()) + 1
        self._grid = np.outer(PENALTIES, np.arange(self.z.shape[1]) > 0) + NEXT_TO_NONE
        self._columns = np.arange(self.z.shape[1])
        self._penalties = self._grid[self._chosen()]

    def predicted(self, times: NDArray[np.floating] | None = None) -> Floats:
        """Return what is said of each row by what learned from the other folds ``[n, n_targets]``.

        Parameters
        ----------
        times
            How often each row was drawn ``[n]``: once where it is not given. Penalties stay the same.
        """
        sums = self._sums(self.weights if times is None else self.weights * times)
        found = np.empty_like(self.y, dtype=np.float64)
        for fold, penalties in enumerate(self._penalties):
            rows = self.folds == fold
            found[rows] = self.z[rows] @ sums.weights(self._without(fold), penalties[None], self._columns)[0]
        return found

    def _sums(self, weights: Floats) -> Folded:
        sums = Folded(self.n_folds, self.z.shape[1], self.y.shape[1])
        sums.add(self.z, self.y, weights, self.folds)
        return sums

    def _without(self, *left_out: int) -> list[int]:
        return [fold for fold in range(self.n_folds) if fold not in left_out]

    def _chosen(self) -> NDArray[np.int64]:
        if self.n_folds < 3:
            return np.full(self.n_folds, PENALTIES.index(USUAL))
        sums, errors = self._sums(self.weights), np.zeros((self.n_folds, len(PENALTIES)))
        for one, other in combinations(range(self.n_folds), 2):
            learned = sums.weights(self._without(one, other), self._grid, self._columns)
            for left_out, asked in ((one, other), (other, one)):
                rows = self.folds == asked
                for place, weights in enumerate(learned):
                    wrong = np.square(self.z[rows] @ weights - self.y[rows]).sum(axis=1)
                    errors[left_out, place] += wrong @ self.weights[rows]
        return errors.argmin(axis=1)
