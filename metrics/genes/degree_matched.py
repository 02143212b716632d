"""Unrelated pairs with each gene as often as in related ones: knowing how many relatives it has is then nothing.

Lists of pairs have hubs among the related ones alone: on Gene2vec's, the number of related genes in other folds tells
related pairs from the listed others with an AUROC of .95. Here related pairs swap their second genes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows = NDArray[np.int64]

ROUNDS = 100
"""Swaps of each pair that is not allowed, before it is given up."""


def degree_matched(related: Rows, folds: Rows, *, seed: int) -> tuple[Rows, int]:
    """Return related pairs and as many drawn ones, and how many related ones are left out as they have no counterpart.

    Parameters
    ----------
    related
        Two genes of each related pair ``[n, 2]``, none twice.
    folds
        Of each gene ``[n_genes]``: pairs swap with those whose genes are of the same two folds, so that degrees are
        matched in every part of a split.
    seed
        Of the draw.

    Returns
    -------
    ndarray
        Two genes, and whether they are related (1) or drawn (0) ``[n_pairs, 3]``; no drawn pair is listed as related.
        Some of them may be, unlisted.
    int
        Related pairs left out.
    """
    rng, n_genes = np.random.default_rng(seed), len(folds)
    one, other = np.where(rng.random(len(related)) < 0.5, related.T, related.T[::-1])
    one, other = np.where(folds[one] <= folds[other], (one, other), (other, one))
    listed, group = np.unique(_keys(one, other, n_genes)), folds[one] * (int(folds.max()) + 1) + folds[other]
    parts = [np.zeros((0, 3), np.int64)]
    for number in np.unique(group):
        rows, allowed = np.flatnonzero(group == number), np.zeros(1, bool)
        # What is left out takes its genes' degrees with it, so that the rest is drawn anew until nothing is.
        while len(rows) and not allowed.all():
            drawn, allowed = _swapped(one[rows], other[rows], listed, n_genes, rng)
            rows, drawn = rows[allowed], drawn[allowed]
        for truth, ends in ((1, other[rows]), (0, drawn)):
            parts.append(np.column_stack([one[rows], ends, np.full(len(rows), truth)]))
    found = np.concatenate(parts)
    return found, len(related) - len(found) // 2


def _swapped(
    one: Rows, other: Rows, listed: Rows, n_genes: int, rng: np.random.Generator
) -> tuple[Rows, NDArray[np.bool_]]:
    """Return second genes in another order, and which of the pairs they make are allowed."""
    drawn = rng.permutation(other)
    for _ in range(ROUNDS):
        bad = np.flatnonzero(~_allowed(one, drawn, listed, n_genes))
        if not len(bad):
            break
        partner = rng.choice(len(one), len(bad), replace=False)
        apart = ~np.isin(partner, bad)
        bad, partner = bad[apart], partner[apart]
        trial = drawn.copy()
        trial[bad], trial[partner] = drawn[partner], drawn[bad]
        allowed = _allowed(one, trial, listed, n_genes)
        undone = ~(allowed[bad] & allowed[partner])
        trial[bad[undone]], trial[partner[undone]] = drawn[bad[undone]], drawn[partner[undone]]
        drawn = trial
    return drawn, _allowed(one, drawn, listed, n_genes)


def _allowed(one: Rows, other: Rows, listed: Rows, n_genes: int) -> NDArray[np.bool_]:
    """Return which pairs are of two genes, are not listed, and stand there for the first time."""
    keys = _keys(one, other, n_genes)
    place = np.minimum(np.searchsorted(listed, keys), len(listed) - 1)
    first = np.zeros(len(keys), bool)
    first[np.unique(keys, return_index=True)[1]] = True
    return first & (one != other) & (listed[place] != keys)


def _keys(one: Rows, other: Rows, n_genes: int) -> Rows:
    return np.minimum(one, other) * n_genes + np.maximum(one, other)
