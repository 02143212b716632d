"""How well a ranking of edges finds the true ones, within each regulator's own edges or over all of them.

Within a regulator's row its number of targets cannot help: a ranking by regulator alone is all ties there. What a model
does not say comes last, together. Ties are taken as every order of them at once.

Shapes: R regulators, G genes, E pairs of one ranking.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]
    Score = Callable[[Floats, Bools], float]

ENOUGH = 10
"""True edges of a regulator that is scored by its own row. With 5, intervals of random rankings of TRRUST and DoRothEA
hold chance in 77 and 80 % of draws, with 10 in 87 and 80 %, and the value varies by two thirds as much."""
UNSAID = -1.0
"""Strength of a pair that a model says nothing of: below all others, which are 0 or more."""


def strengths(matrix: NDArray[np.floating]) -> Floats:
    """Return how strong each edge is said to be: the absolute value, `UNSAID` for NaN ``[R, G]``."""
    found = np.abs(np.asarray(matrix, dtype=np.float64))
    return np.where(np.isfinite(found), found, UNSAID)


def scored_rows(true_RG: Bools, asked_RG: Bools) -> NDArray[np.intp]:
    """Return the rows that have enough true edges, and a pair that is none."""
    n_true, n_asked = (true_RG & asked_RG).sum(axis=1), asked_RG.sum(axis=1)
    return np.flatnonzero((n_true >= ENOUGH) & (n_true < n_asked))


def by_row(strength_RG: Floats, true_RG: Bools, asked_RG: Bools, score: Score) -> Floats:
    """Return a score of each of the `scored_rows`."""
    rows = scored_rows(true_RG, asked_RG)
    return np.array([score(strength_RG[row, asked_RG[row]], true_RG[row, asked_RG[row]]) for row in rows])


def average_precision(strength_E: Floats, true_E: Bools) -> float:
    """Return the mean of precision at the rank of each true edge, over all orders of equal ones; NaN without any.

    In closed form after McSherry & Najork 2008, doi 10.1007/978-3-540-78646-7_38. Without ties it is scikit-learn's.
    """
    n_true = int(true_E.sum())
    if not n_true:
        return float("nan")
    sizes, hits = _groups(strength_E, true_E)
    first, before = np.cumsum(sizes) - sizes, np.cumsum(hits) - hits
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, len(strength_E) + 1))])
    inverse = harmonic[first + sizes] - harmonic[first]
    # Of a true edge at place j of its group, (j − 1)(hits − 1) / (size − 1) others are expected above it there.
    slope = (hits - 1) / np.maximum(sizes - 1, 1)
    gained = (before + 1) * inverse + slope * (sizes - (first + 1) * inverse)
    return float((hits / sizes * gained).sum() / n_true)


def chance_precision(n_true: int, n_pairs: int) -> float:
    """Return the average precision of a random order, which is above the density where true edges are few."""
    harmonic = float(np.sum(1.0 / np.arange(1, n_pairs + 1)))
    return (harmonic + (n_true - 1) / max(n_pairs - 1, 1) * (n_pairs - harmonic)) / n_pairs


def precision_ratio(strength_E: Floats, true_E: Bools) -> float:
    """Return average precision over that of a random order: 1 for a random ranking and for none."""
    return average_precision(strength_E, true_E) / chance_precision(int(true_E.sum()), len(true_E))


def early_precision(strength_E: Floats, true_E: Bools) -> float:
    """Return BEELINE's early precision, k being the number of true edges; 0 where nothing is said, NaN without any.

    All edges as strong as the k-th, and stronger than 0, are taken (Pratapa et al. 2020, doi 10.1038/s41592-019-0690-6;
    there weights are rounded to six decimals first, which depends on their unit). A random order has the density.
    """
    n_true, said_E = int(true_E.sum()), strength_E > 0
    if not n_true:
        return float("nan")
    if not said_E.any():
        return 0.0
    kth = np.partition(strength_E, len(strength_E) - n_true)[len(strength_E) - n_true]
    return float(true_E[strength_E >= max(kth, strength_E[said_E].min())].mean())


def early_precision_ratio(strength_E: Floats, true_E: Bools) -> float:
    """Return early precision over the share of true edges: 1 for a random order."""
    return early_precision(strength_E, true_E) / float(true_E.mean())


def area(strength_E: Floats, true_E: Bools) -> float:
    """Return the chance that a true edge is stronger than another pair, a tie counting half; NaN without both."""
    from scarena.metrics.probes.scores import auroc

    return auroc(strength_E, true_E)


def pooled(strength_RG: Floats, true_RG: Bools, asked_RG: Bools, score: Score) -> float:
    """Return a score of all pairs as one ranking."""
    return score(strength_RG[asked_RG], true_RG[asked_RG])


def _groups(strength_E: Floats, true_E: Bools) -> tuple[Floats, Floats]:
    """Return the sizes of groups of equal strength, strongest first, and their true edges."""
    order = np.argsort(-strength_E, kind="stable")
    sorted_E = strength_E[order]
    starts = np.flatnonzero(np.concatenate([[True], sorted_E[1:] != sorted_E[:-1]]))
    sizes = np.diff(np.append(starts, len(order)))
    return sizes, np.add.reduceat(true_E[order].astype(np.float64), starts)
