"""How far predictions go from the better of two answers without information (0) to a replicate experiment (1).

After the calibration of scperteval (Schäfer et al. 2026, doi 10.64898/2026.07.23.740433) with two negatives:
predicting the control is hard to beat where most perturbations do nothing, the mean where they all do the same. It is
of means over profiles, not a mean of ratios, in which a perturbation without effect has no bounds; and not clipped.

Shapes: A profiles of all splits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from scarena.metrics.measured import Measured, Undefined
from scarena.metrics.responses.asked import CONTROL, UNNAMED, Asked
from scarena.metrics.responses.draws import Drawn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

NAMES = ("control mean", "mean of what is learned from")
ENOUGH = 0.5
"""Reproducibility above which a profile's effect counts as measurable."""


def squared(predicted: Floats, truth: NDArray[np.floating]) -> Floats:
    """Return the mean squared error over genes of each profile ``[A]``."""
    return np.asarray(((predicted - truth) ** 2).mean(axis=1))


@dataclass(frozen=True, eq=False)  # what scores share is kept on it
class Errors:
    """Mean squared errors of each profile.

    Parameters
    ----------
    model
        With either negative where nothing is said ``[2, A]``.
    negative
        Of the negatives ``[2, A]``.
    duplicate
        Of the replicate experiment ``[A]``; 0 without cells.
    replicated
        Whether there is one.
    perturbation, reproducibility, covered
        Of each profile: its code, the correlation of its two halves, whether anything is said of it ``[A]``.
    """

    model: Floats
    negative: Floats
    duplicate: Floats
    replicated: bool
    perturbation: NDArray[np.int64]
    reproducibility: Floats
    covered: Bools

    @cached_property
    def better(self) -> int:
        """The negative with the smaller error over all profiles."""
        return int(self.negative.mean(axis=1).argmin())

    @cached_property
    def reproducible(self) -> Bools:
        """Profiles whose effect a replicate finds again, bool ``[A]``."""
        return np.asarray(self.reproducibility > ENOUGH)

    @cached_property
    def drawn(self) -> Drawn:
        """Replicates of all profiles."""
        return Drawn(self.perturbation)


def errors_of(splits: Sequence[Asked], scale: float = 1.0, instead: Sequence[Floats] | None = None) -> Errors:
    """Return the errors of predictions, over all splits in a row.

    Parameters
    ----------
    splits
        What was asked.
    scale
        See `Asked.filled`.
    instead
        What is scored in place of the predictions, ``[A, K]`` a split.
    """
    each = [_of_split(split, scale, None if instead is None else instead[i]) for i, split in enumerate(splits)]
    model, negative, duplicate = (np.concatenate(parts, axis=-1) for parts in zip(*each, strict=True))
    return Errors(
        model, negative, duplicate, splits[0].duplicate is not None,
        np.concatenate([split.perturbation for split in splits]),
        np.concatenate([split.reproducibility for split in splits]).astype(np.float64),
        np.concatenate([np.isfinite(split.predicted).any(axis=1) for split in splits]),
    )  # fmt: skip


def _of_split(split: Asked, scale: float, instead: Floats | None) -> tuple[Floats, Floats, Floats]:
    truth, sides = split.truth, (CONTROL, UNNAMED)
    said = [split.filled(which, scale) if instead is None else instead for which in sides]
    model = np.stack([squared(each, truth) for each in said])
    negative = np.stack([squared(split.negative(which), truth) for which in sides])
    nothing = np.zeros(len(truth))
    return model, negative, nothing if split.duplicate is None else squared(split.duplicate.astype(np.float64), truth)


def value_of(
    errors: Errors, rows: Bools | None = None, zero: int | None = None, drawn: Drawn | None = None
) -> Measured | Undefined:
    """Return (E_negative − E) / (E_negative − E_duplicate), E being means over profiles.

    Parameters
    ----------
    errors
        Of each profile.
    rows
        Profiles that count; all where not given.
    zero
        The negative; the one with the smaller error over these profiles where not given. It is not chosen again in
        replicates, in which it would win by chance.
    drawn
        Replicates of the profiles that count; draws of their own perturbations where not given.
    """
    rows = np.ones(len(errors.duplicate), bool) if rows is None else rows
    if not rows.any():
        return Undefined("no profile of this kind")
    zero = int(errors.negative[:, rows].mean(axis=1).argmin()) if zero is None else zero
    drawn = drawn or Drawn(errors.perturbation[rows])
    given = (errors.model[zero, rows], errors.negative[zero, rows], errors.duplicate[rows])
    (model, models), (negative, negatives), (duplicate, duplicates) = drawn.means(*given)
    if negative <= duplicate:
        return Undefined(f"no measurable effect: a replicate experiment is no closer than the {NAMES[zero]}")
    note = f"0 is the {NAMES[zero]}, 1 a {'replicate experiment' if errors.replicated else 'perfect prediction'}"
    replicates = None
    if models is not None and negatives is not None and duplicates is not None:
        width = negatives - duplicates
        sure = np.isfinite(width) & (width > 0)
        replicates = (negatives - models)[sure] / width[sure] if sure.all() else None
        note += "" if sure.all() else f"; no effect is measurable in {(~sure).sum()} of {len(sure)} draws: no interval"
    return Measured((negative - model) / (negative - duplicate), replicates, f"{note}; {drawn.said}")
