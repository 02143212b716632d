"""Who is held out with whom: folds in which a donor, a batch or a block is on one side alone.

A random split of cells puts cells of one donor on both sides, and a probe that knows the donor then looks as if it knew
the question. Those folds exist here too, to show what they would have claimed.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOLDS = 5
UNKNOWN = ("", "unknown")
"""A donor, or another truth, that nobody says."""


def held_out_together(donor: NDArray[np.str_] | None, batch: NDArray[np.str_]) -> NDArray[np.str_]:
    """Return what is held out together: donors where every cell has one and there are several, else batches.

    Parameters
    ----------
    donor
        Of each cell ``[n_cells]``; None, or none at all, where nobody says.
    batch
        Of each cell ``[n_cells]``.
    """
    told = donor is not None and len(donor) > 0 and not np.isin(donor, UNKNOWN).any()
    return donor if donor is not None and told and len(np.unique(donor)) > 1 else batch


def grouped_folds(
    classes: NDArray[np.int64], groups: NDArray[np.int64], *, n_folds: int = FOLDS, seed: int = 0
) -> NDArray[np.int64]:
    """Return the fold of each cell, every group being in one fold and classes spread as evenly as groups allow.

    Parameters
    ----------
    classes, groups
        Codes from 0 ``[n_cells]``.
    n_folds
        At most so many; as many as there are groups where those are fewer.
    seed
        Of the order in which groups are dealt out.

    Returns
    -------
    ndarray
        Codes from 0 ``[n_cells]``; all 0 where there is one group.
    """
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    n_groups = len(np.unique(groups))
    wanted = min(n_folds, n_groups)
    if wanted < 2:
        return np.zeros(len(classes), dtype=np.int64)
    if wanted == n_groups:
        return np.unique(groups, return_inverse=True)[1].astype(np.int64)
    rarest_enough = np.bincount(classes).max() >= wanted
    splitter = StratifiedGroupKFold(wanted, shuffle=True, random_state=seed) if rarest_enough else GroupKFold(wanted)
    with warnings.catch_warnings():
        # A class with fewer cells than folds is common in atlases, and is counted where it matters.
        warnings.simplefilter("ignore")
        parts = [test for _, test in splitter.split(np.zeros(len(classes)), classes, groups)]
    folds = np.empty(len(classes), dtype=np.int64)
    for number, test in enumerate(part for part in parts if len(part)):
        folds[test] = number
    return folds


def random_folds(classes: NDArray[np.int64], *, n_folds: int = FOLDS, seed: int = 0) -> NDArray[np.int64]:
    """Return the fold of each cell ``[n_cells]``, the cells of each class dealt out at random: what leaks donors.

    Dealing goes on where the last class stopped, or every class of one cell would land in the first fold. Written here
    because scikit-learn's splitter refuses or warns about classes with fewer cells than folds, which every atlas has.
    """
    order = np.random.default_rng(seed).permutation(len(classes))
    by_class = order[np.argsort(classes[order], kind="stable")]
    folds = np.empty(len(classes), dtype=np.int64)
    folds[by_class] = np.arange(len(classes)) % min(n_folds, len(classes))
    return folds


def splits(folds: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the rows to learn from and the rows to be tested on, for every fold."""
    for number in range(int(folds.max()) + 1):
        yield np.flatnonzero(folds != number), np.flatnonzero(folds == number)
