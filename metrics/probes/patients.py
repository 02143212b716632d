"""Which patients are of one answer: pairs of patients held out, one of each answer.

With one patient held out at a time, a probe that lacks a responder finds responders rarer than one that lacks another
patient does. Scores of the two cannot be put in one order: vectors without any information would come out below chance.
One probe that has seen neither of two patients can compare them (Airola et al. 2011, doi 10.1016/j.csda.2010.11.023).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.base.folds import random_folds, splits
from scarena.metrics.measured import Measured, Undefined
from scarena.metrics.probes import linear
from scarena.metrics.probes.binary import answered
from scarena.metrics.probes.scores import auroc, times_drawn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MAX_PAIRS = 64
"""Of more pairs so many are drawn, the same for every model."""


class Patients:
    """Cells of patients with one answer each.

    Parameters
    ----------
    x
        Vectors ``[n_cells, d]``, from :func:`~scarena.metrics.probes.linear.axes_of`.
    told
        ``yes``, ``no`` or "" of each cell ``[n_cells]``; cells without an answer are left out.
    groups
        Patient of each cell as a code ``[n_cells]``.
    seed
        Of the pairs and of random folds.

    Raises
    ------
    Undefined
        If a patient has both answers, or an answer fewer than two patients.
    """

    def __init__(self, x: Floats, told: NDArray[np.str_], groups: NDArray[np.int64], *, seed: int = 0) -> None:
        rows, self.yes, self.patient = answered(told, groups)
        self.x, self.seed = x[rows], seed
        n = int(self.patient.max()) + 1 if len(rows) else 0
        share = np.array([self.yes[self.patient == one].mean() for one in range(n)])
        if not np.isin(share, (0.0, 1.0)).all():
            raise Undefined("the answer differs between cells of one patient")
        self.sides = np.flatnonzero(share == 1), np.flatnonzero(share == 0)
        for side, name in zip(self.sides, ("yes", "no"), strict=True):
            if len(side) < 2:
                raise Undefined(f"fewer than two patients have the answer {name!r}: with one held out none is left")

    def pairs(self) -> NDArray[np.int64]:
        """Return places of a patient with yes and of one with no among those of their answer ``[≤ 64, 2]``."""
        every = np.stack(np.meshgrid(*(np.arange(len(side)) for side in self.sides), indexing="ij"), axis=-1)
        order = np.random.default_rng(self.seed).permutation(every.reshape(-1, 2))
        return np.asarray(order[:MAX_PAIRS])

    def held_out(self) -> tuple[Measured, Measured]:
        """Return AUROC over patients, by the mean log-odds of their cells, and the mean over pairs of that over cells.

        Replicates draw patients within each answer.
        """
        pairs, of_patients, of_cells = self.pairs(), [], []
        for pair in pairs:
            yes, no = (self.patient == side[at] for side, at in zip(self.sides, pair, strict=True))
            rest = ~(yes | no)
            probe = linear.fit(
                self.x[rest], self.yes[rest].astype(np.int64), linear.USUAL, exact=linear.ROUGH, balanced=True
            )
            odds = [_log_odds(probe.probabilities(self.x[side], 2)[:, 1]) for side in (yes, no)]
            of_patients.append(auroc(np.array([each.mean() for each in odds]), np.array([True, False])))
            of_cells.append(_between(*odds))
        note = f"{len(self.sides[0])} patients with yes, {len(self.sides[1])} with no, {len(pairs)} pairs held out"
        return self._over(pairs, np.array(of_patients), note), self._over(pairs, np.array(of_cells), note)

    def claimed(self) -> float:
        """Return the mean over pairs of AUROC over their cells, by probes of random folds of cells."""
        odds, answers = np.zeros(len(self.x)), self.yes.astype(np.int64)
        for train, test in splits(random_folds(answers, seed=self.seed)):
            probe = linear.fit(self.x[train], answers[train], linear.USUAL, exact=linear.ROUGH, balanced=True)
            odds[test] = _log_odds(probe.probabilities(self.x[test], 2)[:, 1])
        of_pairs = [
            _between(*(odds[self.patient == side[at]] for side, at in zip(self.sides, pair, strict=True)))
            for pair in self.pairs()
        ]
        return float(np.mean(of_pairs))

    def _over(self, pairs: NDArray[np.int64], wins: Floats, note: str) -> Measured:
        rng, sizes = np.random.default_rng(0), [len(side) for side in self.sides]
        times = [times_drawn(size, rng) for size in sizes]
        weight = times[0][:, pairs[:, 0]] * times[1][:, pairs[:, 1]]
        total = weight.sum(axis=1)
        # Where pairs were drawn, a replicate may hold none of them: then it says nothing but the value itself.
        drawn = np.where(total > 0, weight @ wins / np.maximum(total, 1), wins.mean())
        return Measured(float(wins.mean()), drawn, note)


def _log_odds(chance: Floats) -> Floats:
    p = np.clip(chance, 1e-12, 1 - 1e-12)
    return np.asarray(np.log(p) - np.log1p(-p))


def _between(yes: Floats, no: Floats) -> float:
    return auroc(np.concatenate([yes, no]), np.arange(len(yes) + len(no)) < len(yes))
