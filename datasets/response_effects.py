"""What perturbations did to cells, in numbers: halves of cells, means, tests and how far two halves agree.

Shapes: B cells, Q groups of cells (the profiles, then the controls of the contexts), P profiles, C contexts, G genes. A
cell of group -1 is of none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_matrix

from scarena.datasets.network_effects import adjusted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

N_SPLITS = 20


def halves(group_B: np.ndarray, batch_B: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return which cells are of the first half of their group, bool [B].

    Cells are drawn within each batch; the halves of a group differ by one cell at most, those of a batch of it too.
    """
    order = np.lexsort((rng.random(len(group_B)), batch_B, group_B))
    sorted_B = group_B[order]
    begins = np.searchsorted(sorted_B, sorted_B)
    first = np.zeros(len(group_B), bool)
    first[order] = (np.arange(len(group_B)) - begins) % 2 == 0
    return first & (group_B >= 0)


def sums(log_BG: csr_matrix, group_B: np.ndarray, n_groups: int) -> tuple[Floats, NDArray[np.int64]]:
    """Return the sum of the cells of each group, ``[Q, G]``, and how many there are, ``[Q]``."""
    rows = np.flatnonzero(group_B >= 0)
    one_QB = csr_matrix((np.ones(len(rows)), (group_B[rows], rows)), shape=(n_groups, len(group_B)))
    return (one_QB @ log_BG).toarray(), np.bincount(group_B[rows], minlength=n_groups)


def means(log_BG: csr_matrix, group_B: np.ndarray, n_groups: int) -> Floats:
    """Return the mean of the cells of each group, float64 ``[Q, G]``; NaN for a group without cells."""
    total, n_Q = sums(log_BG, group_B, n_groups)
    with np.errstate(invalid="ignore"):
        return np.asarray(total / n_Q[:, None])


def welch(
    log_BG: csr_matrix, own_B: np.ndarray, all_B: np.ndarray, pool_P: np.ndarray, other_B: np.ndarray
) -> tuple[Floats, Floats]:
    """Return Welch's test of some cells of each profile against all other perturbed cells of its context.

    Parameters
    ----------
    log_BG
        Log-normalised expression.
    own_B
        Profile of the cells that are tested, -1 for all others.
    all_B
        Profile of every perturbed cell: those of a profile are never compared with themselves.
    pool_P
        Context of each profile.
    other_B
        Context of cells that stand for the others, where a context has one profile alone: its control.

    Returns
    -------
    |t| and the adjusted p value (Benjamini and Hochberg, over the genes of a profile), ``[P, G]`` each. A gene that
    all cells have alike has t 0 and p 1.
    """
    n_profiles, n_pools = len(pool_P), int(pool_P.max()) + 1
    squared_BG = log_BG.multiply(log_BG).tocsr()
    own = [*sums(log_BG, own_B, n_profiles), sums(squared_BG, own_B, n_profiles)[0]]
    whole = [*sums(log_BG, all_B, n_profiles), sums(squared_BG, all_B, n_profiles)[0]]
    alone = np.bincount(pool_P, minlength=n_pools) == 1
    stand_ins = [*sums(log_BG, other_B, n_pools), sums(squared_BG, other_B, n_pools)[0]]
    others = [_of_others(each, stand_in, pool_P, alone) for each, stand_in in zip(whole, stand_ins, strict=True)]
    t, p = np.zeros(own[0].shape), np.ones(own[0].shape)
    for row in range(n_profiles):
        t[row], p[row] = _welch([each[row] for each in own], [each[row] for each in others])
        p[row] = adjusted(p[row])
    return t, p


def _of_others(each: np.ndarray, stand_in: np.ndarray, pool_P: np.ndarray, alone: np.ndarray) -> np.ndarray:
    """Return what all other profiles of a profile's context add up to, or its control where there is no other."""
    of_pool = np.zeros((len(alone), *each.shape[1:]))
    np.add.at(of_pool, pool_P, each)
    found = of_pool[pool_P] - each
    lonely = alone[pool_P]
    found[lonely] = stand_in[pool_P[lonely]]
    return found


def _welch(one: list[np.ndarray], other: list[np.ndarray]) -> tuple[Floats, Floats]:
    """Return |t| and p from sums, numbers and sums of squares of two groups."""
    from scipy.stats import t as student

    (mean, error, n), (mean_2, error_2, n_2) = (_moments(*each) for each in (one, other))
    with np.errstate(invalid="ignore", divide="ignore"):
        t = np.abs(mean - mean_2) / np.sqrt(error + error_2)
        freedom = (error + error_2) ** 2 / (error**2 / (n - 1) + error_2**2 / (n_2 - 1))
        p = 2 * student.sf(t, freedom)
    there = np.isfinite(t) & np.isfinite(p)
    return np.where(there, t, 0.0), np.where(there, p, 1.0)


def _moments(total: np.ndarray, n: np.ndarray, squares: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the mean, the squared standard error of it, and the number of cells."""
    mean = total / n
    spread = squares / n - mean**2
    # What is left of a gene that all cells have alike is rounding.
    spread = np.where(spread > 1e-12 * np.maximum(mean**2, 1e-12), spread, 0.0)
    return mean, spread / (n - 1), float(n)


def reproducibility(
    log_BG: csr_matrix, group_B: np.ndarray, batch_B: np.ndarray, context_P: np.ndarray, own_PG: np.ndarray
) -> Floats:
    """Return how well an effect would be found again by an experiment of the same size, 0 to 1, ``[P]``.

    Both the perturbed and the control cells are divided: halves drawn with replacement, or one control for both, have
    noise in common, and an effect that is none then correlates with itself.

    Parameters
    ----------
    log_BG
        Log-normalised expression.
    group_B
        Profile of each perturbed cell, and P + context of each cell of the control.
    batch_B
        Batches, within which halves are drawn.
    context_P
        Context of each profile.
    own_PG
        Whether a gene is one that the profile perturbs: these are left out.

    Returns
    -------
    The mean of the correlation over twenty draws, Spearman-Brown corrected to the full number of cells, 0 where it is
    negative or undefined. Draws are the same for the same cells.
    """
    n_profiles = len(context_P)
    n_groups = n_profiles + int(context_P.max()) + 1
    rng, found = np.random.default_rng(1), np.zeros(n_profiles)
    for _ in range(N_SPLITS):
        first = halves(group_B, batch_B, rng)
        parts = [means(log_BG, np.where(side, group_B, -1), n_groups) for side in (first, ~first)]
        one, other = (part[:n_profiles] - part[n_profiles + context_P] for part in parts)
        found += correlations(one, other, own_PG) / N_SPLITS
    with np.errstate(divide="ignore", invalid="ignore"):
        whole = 2 * found / (1 + found)
    return np.where(found > 0, whole, 0.0)


def correlations(one_PG: Floats, other_PG: Floats, dropped_PG: np.ndarray) -> Floats:
    """Return the Pearson correlation of each row over the genes that are not dropped ``[P]``.

    0 where either row is constant, NaN where a value is.
    """
    kept = (~dropped_PG).astype(np.float64)
    n_P = np.maximum(kept.sum(axis=1, keepdims=True), 1)
    a, b = ((each - (each * kept).sum(axis=1, keepdims=True) / n_P) * kept for each in (one_PG, other_PG))
    size_P = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return np.asarray((a * b).sum(axis=1) / np.where(size_P == 0, 1.0, size_P))
