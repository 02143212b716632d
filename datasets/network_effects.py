"""What perturbing a gene did to others: perturbed cells against controls, gene by gene.

Shapes: R perturbed genes, B cells, G genes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    Floats = NDArray[np.float64]


def log_normalised(counts: csr_matrix, per: float = 1e4) -> csr_matrix:
    """Return log1p of counts per so many, float64 ``[B, G]``; a cell without counts keeps its zeros."""
    log = counts.astype(np.float64)
    depth_B = np.maximum(np.asarray(log.sum(axis=1)).ravel(), 1)
    log.data = np.log1p(log.data * np.repeat(per / depth_B, np.diff(log.indptr)))
    return log


def effects(perturbed: Sequence[Floats], control_BG: Floats) -> tuple[Floats, Floats]:
    """Return what each perturbation did to each gene.

    Parameters
    ----------
    perturbed
        Log-normalised expression of the cells of each perturbed gene, each ``[B, G]``.
    control_BG
        The same of cells to which nothing was done.

    Returns
    -------
    distance, p
        ``[R, G]`` each: Wasserstein-1 distance of the two distributions, in units of log expression; and the two-sided
        p value of the Mann–Whitney test (normal approximation, corrected for ties), 1 for a gene that all cells have
        alike.
    """
    from scipy.stats import mannwhitneyu

    distance, p = (np.zeros((len(perturbed), control_BG.shape[1])) for _ in range(2))
    for number, own_BG in enumerate(perturbed):
        with np.errstate(invalid="ignore", divide="ignore"):
            found = mannwhitneyu(own_BG, control_BG, axis=0, method="asymptotic").pvalue
        p[number] = np.where(np.isfinite(found), found, 1.0)
        distance[number] = wasserstein(own_BG, control_BG)
    return distance, p


def wasserstein(one_BG: Floats, other_BG: Floats) -> Floats:
    """Return the Wasserstein-1 distance of each gene's two distributions ``[G]``: the area between their quantiles."""
    n, m = len(one_BG), len(other_BG)
    # Quantiles are steps that change where a sample of either ends: between two such places both are constant.
    ends = np.unique(np.concatenate([np.arange(1, n + 1) * m, np.arange(1, m + 1) * n]))
    widths = np.diff(ends, prepend=0) / (n * m)
    ordered, others = np.sort(one_BG, axis=0), np.sort(other_BG, axis=0)
    gap = np.abs(ordered[(ends - 1) // m] - others[(ends - 1) // n])
    return np.asarray(widths @ gap)


def adjusted(p: Floats) -> Floats:
    """Return p values adjusted after Benjamini and Hochberg over all that are given; NaN stays, and does not count."""
    from scipy.stats import false_discovery_control

    found = np.full(p.shape, np.nan)
    there = np.isfinite(p)
    if there.any():
        found[there] = false_discovery_control(p[there])
    return found
