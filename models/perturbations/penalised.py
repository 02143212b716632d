"""Ridge regression of effects on vectors of perturbations, about the mean effect, its penalty chosen by inner folds.

What is predicted of a perturbation whose vector says nothing is the mean effect, however small the penalty.

Shapes: n learned from, m asked about, d dimensions of a vector, G genes, K axes of effects.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from scarena.models.perturbations.axes import axes_of
from scarena.models.perturbations.inner import least_error

PENALTIES = (1e4, 1e3, 1e2, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.01)
"""In units of the mean squared length of a centred vector; the most cautious first."""


@dataclass(frozen=True, slots=True, eq=False)
class Compressed:
    """Effects along the principal axes of their own."""

    mean: np.ndarray
    """float64 [G]."""
    axes: np.ndarray
    """float64 [G, K], orthonormal."""
    scores: np.ndarray
    """float64 [n, K]."""

    @classmethod
    def of(cls, effects: np.ndarray, n_axes: int) -> Compressed:
        """Take effects [n, G] about their mean along so many axes at most."""
        mean = effects.mean(axis=0)
        left, lengths, axes = axes_of(effects - mean, n_axes)
        return cls(mean, axes, left * lengths)

    def along(self, effects: np.ndarray) -> np.ndarray:
        """Return other effects [m, G] along these axes, [m, K]."""
        return np.asarray((effects - self.mean) @ self.axes)

    def back(self, scores: np.ndarray) -> np.ndarray:
        """Return the effects [m, G] of scores [m, K]."""
        return np.asarray(self.mean + scores @ self.axes.T)


def ridge_paths(
    x_nd: np.ndarray, y_nK: np.ndarray, x_md: np.ndarray, penalties: tuple[float, ...] = PENALTIES
) -> Iterator[np.ndarray]:
    """Yield predictions [m, K], one a penalty.

    Intercepts are not penalised. Vectors that are all alike give the mean.
    """
    centre_d, mean_K = x_nd.mean(axis=0), y_nK.mean(axis=0)
    left, lengths, right = axes_of(x_nd - centre_d, min(x_nd.shape))
    along = (x_md - centre_d) @ right
    of_axes = left.T @ (y_nK - mean_K)
    unit = (lengths**2).sum() / len(x_nd)
    for penalty in penalties:
        yield mean_K + (along * (lengths / (lengths**2 + penalty * unit))) @ of_axes


def ridge(
    x_nd: np.ndarray, y_nG: np.ndarray, x_md: np.ndarray, groups: np.ndarray, seed: int, n_axes: int | None = None
) -> np.ndarray:
    """Return predictions float64 [m, G], with the penalty that predicts best what the inner folds hold out.

    Parameters
    ----------
    x_nd, y_nG
        Vectors and effects to learn from, one at least.
    x_md
        Vectors of what is asked about.
    groups
        What is held out together [n].
    seed
        Of the inner folds.
    n_axes
        Of what is learned from, along which alone effects are predicted; whole effects where not given.
    """

    def errors(learn: np.ndarray, held: np.ndarray) -> np.ndarray:
        learned, true = y_nG[learn], y_nG[held]
        if n_axes is not None:
            # What lies off the axes is an error that is the same for every penalty.
            own = Compressed.of(learned, n_axes)
            learned, true = own.scores, own.along(true)
        return np.array([((found - true) ** 2).sum() for found in ridge_paths(x_nd[learn], learned, x_nd[held])])

    best = PENALTIES[least_error(groups, seed, errors)]
    if n_axes is None:
        return next(ridge_paths(x_nd, y_nG, x_md, (best,)))
    own = Compressed.of(y_nG, n_axes)
    return own.back(next(ridge_paths(x_nd, own.scores, x_md, (best,))))
