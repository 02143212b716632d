"""What probes say of cells whose group they have not seen, with the penalty chosen by further groups held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from scarena.base.folds import FOLDS, grouped_folds, random_folds, splits
from scarena.metrics.probes import linear

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

CHOOSING = 800
"""Cells of each fold by which C is chosen, at most: it is the longest part, and a factor of ten is soon told."""
MOST_OFF = 1e-3
"""By how much the probabilities that a model gives a cell may add up to more than 1."""


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Predictions of cells by probes that saw no cell of their group.

    Parameters
    ----------
    probabilities
        Of each class ``[n_cells, n_classes]``; of a class that a cell's probe has not seen 0.
    folds
        Which cells were held out together ``[n_cells]``.
    strengths
        C of each fold's probe.
    n_unseen
        Cells whose class occurs in their own fold alone: they cannot be right.
    stopped
        Probes that did not reach their optimum.
    notes
        What a reader of the scores has to know.
    """

    probabilities: Floats
    folds: NDArray[np.int64]
    strengths: tuple[float, ...]
    n_unseen: int
    stopped: int
    notes: tuple[str, ...] = ()

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The likeliest class of each cell ``[n_cells]``."""
        return np.asarray(self.probabilities.argmax(axis=1))

    @property
    def note(self) -> str:
        """All that a reader has to know, as one line."""
        said = list(self.notes)
        if self.n_unseen:
            said.append(f"{self.n_unseen} cells of classes that no other group has count as wrong")
        if self.stopped:
            said.append(f"{self.stopped} probes stopped before their optimum")
        return "; ".join(said)


def held_out(
    x: Floats, classes: NDArray[np.int64], groups: NDArray[np.int64], *, one_by_one: bool = False,
    balanced: bool = False, seed: int = 0,
) -> HeldOut:  # fmt: skip
    """Predict every cell from the cells of other groups.

    Parameters
    ----------
    x
        Vectors ``[n_cells, d]``, from :func:`~scarena.metrics.probes.linear.axes_of`.
    classes, groups
        Codes from 0 ``[n_cells]``; at least two of each.
    one_by_one
        Hold every group out by itself instead of five folds of groups. C is chosen by the folds all the same, for a
        group by those that it is not in.
    balanced
        Whether each class weighs the same, however many cells it has.
    seed
        Of the folds.
    """
    coarse = grouped_folds(classes, groups, seed=seed)
    order = np.random.default_rng(seed).permutation(len(x))
    few = np.sort(np.concatenate([order[coarse[order] == fold][:CHOOSING] for fold in range(int(coarse.max()) + 1)]))
    chosen, notes = chosen_strengths(x[few], classes[few], coarse[few], balanced=balanced)
    held = np.unique(groups, return_inverse=True)[1].astype(np.int64) if one_by_one else coarse
    fold_of = np.zeros(int(held.max()) + 1, dtype=np.int64)
    fold_of[held] = coarse
    return predicted_by(x, classes, held, [chosen[fold] for fold in fold_of], notes, balanced=balanced)


def given(
    probabilities: NDArray[np.floating], classes: NDArray[np.int64], groups: NDArray[np.int64], *, seed: int = 0
) -> HeldOut:
    """Return what a model itself said of cells, with what a probe of the same folds could not have known either.

    Parameters
    ----------
    probabilities
        Of each class ``[n_cells, n_classes]``, by a model that was told no class of a cell of the cell's own fold.
    classes, groups
        Codes from 0 ``[n_cells]``.
    seed
        Of the folds.

    Raises
    ------
    ValueError
        If they are no probabilities of these classes.
    """
    wanted = len(classes), int(classes.max()) + 1
    if probabilities.shape != wanted:
        raise ValueError(f"predictions of shape {probabilities.shape} for {wanted[0]} cells of {wanted[1]} types")
    if probabilities.min() < 0 or probabilities.sum(axis=1).max() > 1 + MOST_OFF:
        raise ValueError("what the model predicts is no probability")
    folds = grouped_folds(classes, groups, seed=seed)
    n_unseen = sum(int((~np.isin(classes[test], classes[train])).sum()) for train, test in splits(folds))
    return HeldOut(probabilities.astype(np.float64), folds, (), n_unseen, 0)


def claimed(
    x: Floats, classes: NDArray[np.int64], like: HeldOut, *, balanced: bool = False, seed: int = 0
) -> HeldOut:  # fmt: skip
    """Predict every cell by probes of random folds, with the middle one of the penalties chosen for `like`.

    It is what a split of cells would have claimed: the same probe, and cells of one group on both sides.
    """
    strength = sorted(like.strengths)[len(like.strengths) // 2]
    folds = random_folds(classes, seed=seed)
    return predicted_by(x, classes, folds, [strength] * FOLDS, ("random folds of cells",), balanced=balanced)


def predicted_by(
    x: Floats, classes: NDArray[np.int64], folds: NDArray[np.int64], strengths: Sequence[float],
    notes: tuple[str, ...] = (), *, balanced: bool = False,
) -> HeldOut:  # fmt: skip
    """Return what probes with given penalties say of the fold that each has not seen."""
    n_classes = int(classes.max()) + 1
    found = np.zeros((len(x), n_classes))
    n_unseen = stopped = 0
    for (train, test), strength in zip(splits(folds), strengths, strict=False):
        probe = linear.fit(x[train], classes[train], strength, balanced=balanced)
        found[test] = probe.probabilities(x[test], n_classes)
        n_unseen += int((~np.isin(classes[test], probe.classes)).sum())
        stopped += not probe.converged
    return HeldOut(found, folds, tuple(strengths), n_unseen, stopped, notes)


def chosen_strengths(
    x: Floats, classes: NDArray[np.int64], folds: NDArray[np.int64], *, balanced: bool = False
) -> tuple[list[float], tuple[str, ...]]:
    """Return C for each fold, chosen by macro F1 within the other folds; the strongest penalty of equal ones.

    A probe that has seen neither of two folds serves in the choice for both: of five folds ten are fitted for each C,
    not twenty.
    """
    n_folds = int(folds.max()) + 1
    if n_folds < 3:
        return [linear.USUAL] * n_folds, (f"two groups: C is {linear.USUAL:g}, there is no third to choose it by",)
    told: dict[tuple[int, int], list[NDArray[np.int64]]] = {}
    for one, other in combinations(range(n_folds), 2):
        train = (folds != one) & (folds != other)
        # One model is fitted on and on: what it says is asked before the next strength.
        for probe in linear.path(x[train], classes[train], balanced=balanced):
            for left_out, asked in ((one, other), (other, one)):
                said = probe.probabilities(x[folds == asked], int(classes.max()) + 1).argmax(axis=1)
                told.setdefault((left_out, asked), []).append(said)
    return [_best(told, classes, folds, left_out) for left_out in range(n_folds)], ()


def _best(
    told: dict[tuple[int, int], list[NDArray[np.int64]]], classes: NDArray[np.int64], folds: NDArray[np.int64],
    left_out: int,
) -> float:  # fmt: skip
    """Return the C whose probes were right within the folds other than `left_out`."""
    from scarena.metrics.probes.scores import confusion, macro_f1

    others = [fold for fold in range(int(folds.max()) + 1) if fold != left_out]
    truth = np.concatenate([classes[folds == fold] for fold in others])
    n_classes = int(classes.max()) + 1
    found = []
    for place in range(len(linear.STRENGTHS)):
        said = np.concatenate([told[left_out, fold][place] for fold in others])
        found.append(float(macro_f1(confusion(truth, said, n_classes))))
    return linear.STRENGTHS[int(np.argmax(np.round(found, 6)))]
