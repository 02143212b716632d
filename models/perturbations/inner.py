"""Choosing a setting by what is learned from alone: folds within the training profiles.

Folds hold out what the question holds out: perturbations, or contexts where there are several to hold one out of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from scarena.models.perturbations.lessons import generator

if TYPE_CHECKING:
    from scarena.models.perturbations.lessons import Lesson

FOLDS = 5


def held_together(lesson: Lesson) -> np.ndarray:
    """Return, of each profile that is learned from, what it is held out with [n]."""
    contexts = lesson.items["context"].astype(str).to_numpy()
    if lesson.setting == "context" and len(set(contexts)) > 1:
        return contexts
    return lesson.items["perturbation"].astype(str).to_numpy()


def inner_folds(groups: Sequence[str] | np.ndarray, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield rows to learn from and rows to try on, of five folds or as many as there are groups; none of one group.

    Which fold a group is in depends on the names of the groups and the seed, and not on the order of the rows.
    """
    told = np.asarray(groups, dtype=object)
    names = sorted(set(told))
    order = generator("inner folds", seed).permutation(len(names))
    n_folds = min(FOLDS, len(names))
    fold = {names[place]: number % n_folds for number, place in enumerate(order)} if n_folds > 1 else {}
    of_row = np.array([fold.get(name, 0) for name in told], np.int64)
    for number in range(n_folds if n_folds > 1 else 0):
        yield np.flatnonzero(of_row != number), np.flatnonzero(of_row == number)


def least_error(
    groups: Sequence[str] | np.ndarray, seed: int, errors: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> int:
    """Return the place of the setting whose squared error over all folds is least; the first of equals.

    Parameters
    ----------
    groups
        What each row is held out with [n].
    seed
        Of the folds.
    errors
        Of rows to learn from and rows to try on, the summed squared error of each setting [n_settings]; the settings in
        order, the most cautious first.
    """
    total: np.ndarray | float = 0.0
    for learn, held in inner_folds(groups, seed):
        total = total + errors(learn, held)
    return int(np.argmin(total)) if isinstance(total, np.ndarray) else 0
