"""Means over profiles, with what they would be had other perturbations been measured.

Whole perturbations are drawn, with all their profiles, and the same for all models: differences are paired.

Shapes: A profiles, D replicates.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from scarena.metrics.measured import Measured, Undefined
from scarena.metrics.probes.scores import ENOUGH_GROUPS, times_drawn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)  # the draws are kept on it
class Drawn:
    """Replicates of some profiles.

    Parameters
    ----------
    perturbation
        Code of each profile's perturbation ``[A]``, in any range.
    among
        More profiles whose draws these are, and which of them these are ``[n]``; see `at`.
    """

    perturbation: Codes
    among: tuple[Drawn, NDArray[np.bool_]] | None = None

    @cached_property
    def n_perturbations(self) -> int:
        """How many there are."""
        return len(np.unique(self.perturbation))

    @cached_property
    def times(self) -> Floats | None:
        """How often each profile is there in each replicate ``[D, A]``; None with fewer than five perturbations."""
        if self.among is not None:
            whole, rows = self.among
            return None if whole.times is None else whole.times[:, rows]
        if self.n_perturbations < ENOUGH_GROUPS:
            return None
        codes = np.unique(self.perturbation, return_inverse=True)[1]
        return times_drawn(self.n_perturbations, np.random.default_rng(0))[:, codes].astype(np.float64)

    def means(self, *values: Floats) -> list[tuple[float, Floats | None]]:
        """Return the mean of each of some numbers ``[A]``, and in every replicate; NaN in one without any profile."""
        return [(float(each.mean()), self._replicates(each)) for each in values]

    def _replicates(self, values: Floats) -> Floats | None:
        if self.times is None:
            return None
        total = self.times.sum(axis=1)
        return np.divide(self.times @ values, total, out=np.full(len(total), np.nan), where=total > 0)

    def at(self, rows: NDArray[np.bool_]) -> Drawn:
        """Return the same draws of some of the profiles."""
        return Drawn(self.perturbation[rows], (self, rows))

    @property
    def said(self) -> str:
        """How many profiles of how many perturbations, for a note."""
        few = "" if self.times is not None else ": too few for an interval"
        each = f"{self.n_perturbations} perturbation{'s' * (self.n_perturbations != 1)}"
        return f"{len(self.perturbation)} profile{'s' * (len(self.perturbation) != 1)} of {each}{few}"


def mean_of(values: Floats, perturbation: Codes, note: str = "") -> Measured | Undefined:
    """Return the mean of one number a profile ``[A]``; profiles with NaN are not asked."""
    given = np.isfinite(values)
    if not given.any():
        return Undefined("no profile can be asked")
    drawn = Drawn(perturbation[given])
    ((value, replicates),) = drawn.means(values[given])
    return Measured(value, replicates, "; ".join(part for part in (note, drawn.said) if part))
