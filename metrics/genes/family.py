"""Which genes are held out together: folds of whole families."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.base.folds import FOLDS

if TYPE_CHECKING:
    from numpy.typing import NDArray


def family_folds(families: NDArray[np.int64], *, n_folds: int = FOLDS, seed: int = 0) -> NDArray[np.int64]:
    """Return the fold of each gene: the largest family first, each to the fold with the fewest genes so far.

    Parameters
    ----------
    families
        Codes from 0 without gaps ``[n_genes]``; genes of one are in one fold.
    n_folds
        At most so many; as many as there are families where those are fewer.
    seed
        Of the order of families of one size.

    Returns
    -------
    ndarray
        Codes from 0 ``[n_genes]``.
    """
    sizes = np.bincount(families)
    shuffled = np.random.default_rng(seed).permutation(len(sizes))
    fold_of = np.empty(len(sizes), np.int64)
    filled = np.zeros(min(n_folds, len(sizes)), np.int64)
    for family in shuffled[np.argsort(-sizes[shuffled], kind="stable")]:
        fold_of[family] = filled.argmin()
        filled[fold_of[family]] += sizes[family]
    return fold_of[families]
