"""In which tissues a gene is expressed, beyond how strongly: the residual of its specificity, and its main tissue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.base.tissue_specificity import specificity
from scarena.metrics.genes.folded import HeldOut
from scarena.metrics.measured import Undefined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int64]

SPECIFIC = 0.85
"""τ above which a gene counts as specific."""
ENOUGH = 10
"""Specific genes of a tissue below which it is not asked for."""
KNOTS = 8


def level_and_specificity(profiles: NDArray[np.floating]) -> tuple[Floats, Floats]:
    """Return the mean expression and τ of genes ``[n_genes]`` (`scarena.base.tissue_specificity`).

    Parameters
    ----------
    profiles
        log1p of expression ``[n_genes, n_tissues]``; tissues without a number (NaN) are left out. Both are NaN of a
        gene with fewer than two tissues, τ of one that is expressed in none.
    """
    x = np.asarray(profiles, np.float64)
    there = np.isfinite(x)
    n = there.sum(axis=1)
    mean = np.where(n > 1, np.where(there, x, 0.0).sum(axis=1) / np.maximum(n, 1), np.nan)
    return mean, specificity(x)


def residual(mean: Floats, tau: Floats) -> Floats:
    """Return what is left of τ after a cubic spline on mean expression, both finite ``[n]``.

    τ is nearly a function of it (correlation −.94 over human tissues): without this a predictor of the level wins.
    """
    from scipy.interpolate import make_lsq_spline

    order = np.argsort(mean, kind="stable")
    x = mean[order] + np.arange(len(mean)) * 1e-12 * max(float(np.ptp(mean)), 1.0)  # strictly rising, as it must be
    inner = np.unique(np.quantile(x, np.arange(1, KNOTS + 1) / (KNOTS + 1)))
    knots = np.concatenate([[x[0]] * 4, inner, [x[-1]] * 4])
    found = np.empty(len(mean))
    found[order] = tau[order] - make_lsq_spline(x, tau[order], knots, k=3)(x)
    return found


def held_out_correlation(
    x: Floats, y: Floats, folds: Rows, times: NDArray[np.floating]
) -> Floats:  # fmt: skip
    """Return Spearman's correlation of a number with what ridges say of it, fitted anew in each draw ``[n_draws]``.

    Parameters
    ----------
    x
        Vectors ``[n, d]`` with a mean squared length of 1.
    y, folds
        The number and the fold of each gene ``[n]``.
    times
        How often each gene counts ``[n_draws, n]``. With the probes of one draw alone the interval of vectors that hold
        nothing would be too narrow by √2: each pair of genes has either teach the other.
    """
    held = HeldOut(x, y[:, None], np.ones(len(y)), folds)
    return np.array([rank_correlation(held.predicted(drawn)[:, 0], y, folds, drawn) for drawn in times])


def rank_correlation(said: Floats, true: Floats, folds: Rows, times: NDArray[np.floating]) -> float:
    """Return Spearman's correlation within folds, their mean by number of genes; 0 in a fold where one is constant.

    Parameters
    ----------
    said, true, folds
        Of each gene ``[n]``.
    times
        How often each counts ``[n]``; ranks are those of all genes of a fold.
    """
    from scipy.stats import rankdata

    total = 0.0
    for fold in range(int(folds.max()) + 1):
        rows = np.flatnonzero(folds == fold)
        w = times[rows].astype(np.float64)
        a, b = (rankdata(each[rows]) / len(rows) for each in (said, true))
        a, b = a - w @ a / max(w.sum(), 1e-12), b - w @ b / max(w.sum(), 1e-12)
        spread = (w @ np.square(a)) * (w @ np.square(b))
        total += float(w @ (a * b) / np.sqrt(spread) * w.sum()) if spread > 1e-12 else 0.0
    return total / float(times.sum())


class Tissues:
    """Genes that are specific to a tissue, and which it is.

    Parameters
    ----------
    profiles
        log1p of expression ``[n_genes, n_tissues]``.

    Raises
    ------
    Undefined
        If fewer than two tissues have enough specific genes.
    """

    def __init__(self, profiles: NDArray[np.floating]) -> None:
        tau = specificity(profiles)
        rows = np.flatnonzero(np.nan_to_num(tau) > SPECIFIC)
        top = np.where(np.isfinite(profiles[rows]), profiles[rows], -np.inf).argmax(axis=1) if len(rows) else rows
        enough = np.flatnonzero(np.bincount(top, minlength=profiles.shape[1]) >= ENOUGH)
        if len(enough) < 2:
            raise Undefined(f"{len(enough)} tissues have {ENOUGH} genes with τ above {SPECIFIC}: two are needed")
        kept = np.isin(top, enough)
        self.rows, self.classes = rows[kept], np.searchsorted(enough, top[kept])
        self.n_classes = len(enough)
        self.note = f"{len(self.rows)} genes of {self.n_classes} tissues; {int((~kept).sum())} of rarer ones not asked"

    def macro_f1(self, x: Floats, folds: Rows, times: NDArray[np.floating]) -> Floats:
        """Return the mean F1 over tissues of ridges whose fold was held out, fitted anew in each draw ``[n_draws]``.

        Tissues weigh the same.

        Parameters
        ----------
        x, folds
            Vectors with a mean squared length of 1, and folds, of all genes ``[n_genes, …]``.
        times
            How often each gene counts ``[n_draws, n_genes]``.
        """
        from scarena.metrics.probes.scores import macro_f1

        n, k = len(self.rows), self.n_classes
        weights = (n / (k * np.bincount(self.classes)))[self.classes]
        own = np.unique(folds[self.rows], return_inverse=True)[1].astype(np.int64)
        held = HeldOut(x[self.rows], np.eye(k)[self.classes], weights, own)
        found = []
        for drawn in times[:, self.rows].astype(np.float64):
            said = held.predicted(drawn).argmax(axis=1)
            table = np.bincount(self.classes * k + said, weights=drawn, minlength=k * k)
            found.append(float(macro_f1(table.reshape(k, k))))
        return np.array(found)
