"""Every score of one network: within the rows of its regulators, of all its edges, and of what perturbing them did.

Scores are of the regulators that are measured, of which cells can say something; of others there is one score apart.

Shapes: R regulators, G genes, E pairs that are asked about, N regulators with enough true edges, D replicates.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from scarena.metrics.measured import Measured, Undefined
from scarena.metrics.networks import ranked
from scarena.metrics.networks.effects import selected
from scarena.metrics.probes.scores import ENOUGH_GROUPS, mean_over_groups, times_drawn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

MANY = 1000
"""Edges of the longer selection."""
Found = dict[str, "Measured | Undefined"]


@dataclass(frozen=True, eq=False)  # what scores share is kept on it
class Known:
    """What is true of a network.

    Parameters
    ----------
    true, asked
        bool [R, G].
    measured
        Whether each regulator is, bool [R].
    distance
        [R, G], what perturbing the regulator did to the gene; None where nothing was perturbed.
    """

    true: Bools
    asked: Bools
    measured: Bools
    distance: NDArray[np.floating] | None = None

    @cached_property
    def answerable(self) -> Bools:
        """Pairs that are asked about whose regulator is measured, bool [R, G]."""
        return np.asarray(self.asked & self.measured[:, None])


def scored(matrix: NDArray[np.floating], known: Known) -> Found:
    """Return all scores of one model's network ``[R, G]``; NaN where it says nothing."""
    strength_RG = ranked.strengths(matrix)
    asked = known.answerable
    if not asked.any():
        raise Undefined("no regulator is measured")
    said = Measured(float((strength_RG[asked] >= 0).mean()))
    return {
        **_within(strength_RG, known), **_pooled(strength_RG, known), **_of_effects(strength_RG, known),
        "network_unmeasured": _unmeasured(strength_RG, known), "network_coverage": said,
    }  # fmt: skip


def ratio_within(strength_RG: Floats, true_RG: Bools, asked_RG: Bools) -> Measured | Undefined:
    """Return the mean over regulators of average precision, over what random orders of the same rows have on average.

    The ratio of the means: in a mean of ratios a lucky regulator of few edges weighs as much as ten others.
    """
    values = ranked.by_row(strength_RG, true_RG, asked_RG, ranked.average_precision)
    chance = ranked.by_row(strength_RG, true_RG, asked_RG, lambda s, t: ranked.chance_precision(int(t.sum()), len(t)))
    return _ratio(values, chance)


def _within(strength_RG: Floats, known: Known) -> Found:
    """Return the scores that each regulator's number of targets cannot help."""
    of = strength_RG, known.true, known.answerable
    early = ranked.by_row(*of, ranked.early_precision)
    density = ranked.by_row(*of, lambda _, true: float(true.mean()))
    popular_RG = known.true.sum(axis=0, keepdims=True) - known.true.astype(np.float64)
    popular = ratio_within(popular_RG, known.true, known.answerable)
    areas: Measured | Undefined = _few(len(early))
    if len(early) >= ENOUGH_GROUPS:
        areas = mean_over_groups(ranked.by_row(*of, ranked.area))
    return {
        "network_auprc_ratio": ratio_within(*of), "network_epr": _ratio(early, density), "network_auroc": areas,
        "network_popularity": popular if isinstance(popular, Undefined) else Measured(popular.value),
    }  # fmt: skip


def _few(n_regulators: int) -> Undefined:
    # Without an interval they would rank models as if there were no chance in it, and so would a mean that holds them.
    edges = f"{ranked.ENOUGH} true edges or more"
    return Undefined(f"{n_regulators} regulators have {edges}: {ENOUGH_GROUPS} are needed")


def _ratio(top_N: Floats, below_N: Floats) -> Measured | Undefined:
    if len(top_N) < ENOUGH_GROUPS:
        return _few(len(top_N))
    note = f"{len(top_N)} regulators with {ranked.ENOUGH} true edges or more"
    value = float(top_N.mean() / below_N.mean())
    drawn_DN = times_drawn(len(top_N), np.random.default_rng(0))
    return Measured(value, (drawn_DN @ top_N) / (drawn_DN @ below_N), note)


def _pooled(strength_RG: Floats, known: Known) -> Found:
    """Return the scores of all pairs as one ranking, and what knowing each regulator's number of targets has there."""
    true, asked = known.true, known.answerable
    keys = ("network_auprc_ratio_pooled", "network_epr_pooled", "network_degree")
    if not (true & asked).any():
        return dict.fromkeys(keys, Undefined("no measured regulator has a true edge"))
    degree_RG = np.broadcast_to((true & asked).sum(axis=1, keepdims=True), true.shape).astype(np.float64)
    values = (
        ranked.pooled(strength_RG, true, asked, ranked.precision_ratio),
        ranked.pooled(strength_RG, true, asked, ranked.early_precision_ratio),
        ranked.pooled(degree_RG, true, asked, ranked.precision_ratio),
    )
    return {key: Measured(value) for key, value in zip(keys, values, strict=True)}


def _unmeasured(strength_RG: Floats, known: Known) -> Measured | Undefined:
    others = known.asked & ~known.measured[:, None]
    if not len(ranked.scored_rows(known.true, others)):
        return Undefined(f"no regulator that is not measured has {ranked.ENOUGH} true edges")
    if not (strength_RG[others] >= 0).any():
        return Undefined("it says nothing of regulators that are not measured")
    return ratio_within(strength_RG, known.true, others)


_EFFECTS = ("network_wasserstein", "network_wasserstein_1000", "network_wasserstein_all", "network_omission")


def _of_effects(strength_RG: Floats, known: Known) -> Found:
    """Return what perturbing regulators did to the genes that are said to be their targets, and to the others."""
    if known.distance is None:
        return dict.fromkeys(_EFFECTS, Undefined("no gene was perturbed"))
    asked = known.answerable
    strength_E, true_E = strength_RG[asked], known.true[asked].astype(np.float64)
    distance_E = np.asarray(known.distance, np.float64)[asked]
    regulator_E = np.unique(np.nonzero(asked)[0], return_inverse=True)[1]
    n_regulators = int(regulator_E.max()) + 1
    weight_DE = None
    if n_regulators >= ENOUGH_GROUPS:
        weight_DE = times_drawn(n_regulators, np.random.default_rng(0))[:, regulator_E].astype(np.float64)
    n_true = int(true_E.sum())

    def mean_of(value_E: Floats, k: int, of_truth: bool, side: str) -> Measured | Undefined:
        value = float(getattr(selected(strength_E, value_E, k), side)[0])
        if not np.isfinite(value):
            return Undefined("no pair is significant" if not k else "no pair is left out")
        if weight_DE is None:
            return Measured(value, None, f"{n_regulators} regulators: too few for an interval")
        each = weight_DE @ true_E if of_truth else float(k)
        replicates = getattr(selected(strength_E, value_E, each, weight_DE), side)
        return Measured(value, replicates, f"{k:,} of {len(strength_E):,} pairs are taken")

    few = Undefined(f"{len(strength_E):,} pairs: {MANY:,} of them are no selection")
    return {
        "network_wasserstein": mean_of(distance_E, n_true, True, "top"),
        "network_wasserstein_1000": mean_of(distance_E, MANY, False, "top") if len(strength_E) > MANY else few,
        "network_wasserstein_all": Measured(float(distance_E.mean())),
        "network_omission": mean_of(true_E, n_true, True, "rest") if n_true else Undefined("no pair is significant"),
    }
