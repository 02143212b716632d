"""One linear probe: scikit-learn's logistic regression on vectors brought to one scale.

Its penalty is the only thing that is chosen, from one grid for all models.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sklearn.linear_model import LogisticRegression

    Floats = NDArray[np.float64]

STRENGTHS = (0.1, 1.0, 10.0, 100.0)
"""C of the grid, the strongest penalty first."""
USUAL = 10.0
"""C where there is nothing to choose it by."""
MAX_AXES = 512
MAX_CELLS = 20_000
"""Cells that a probe learns from at most: of more the same sample is drawn for every model."""
MAX_STEPS = 5000
EXACT = 1e-6
ROUGH = 1e-4
"""Bounds on the slope left, of the mean loss: of a probe that is scored, and of one that C is chosen by."""


def axes_of(x: NDArray[np.floating]) -> Floats:
    """Return vectors along their principal axes, centred, with a mean squared length of 1 ``[n_cells, ≤ 512]``.

    Neither a rotation nor one factor for all changes what a linear probe can learn; the factor makes one grid of
    penalties fair to models of any scale. Of a model with more than 512 dimensions the 512 widest axes are kept.
    """
    from scipy.linalg import eigh

    centred = np.asarray(x, dtype=np.float64)
    centred = centred - centred.mean(axis=0)
    spread = float(np.sqrt(np.square(centred).sum(axis=1).mean()))
    if spread > 0:
        centred = centred / spread
    d = centred.shape[1]
    _, vectors = eigh(centred.T @ centred, subset_by_index=(max(0, d - MAX_AXES), d - 1))
    # The sign of an eigenvector is the library's choice: fixed, so that two runs take the same steps.
    signs = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])])
    return np.ascontiguousarray(centred @ (vectors * signs)[:, ::-1])


@dataclass(frozen=True, slots=True)
class Probe:
    """A fitted probe, or the one class that its training cells had.

    Parameters
    ----------
    classes
        Codes that it knows, ascending.
    model
        ``None`` where it knows one.
    converged
        Whether the optimum was reached.
    """

    classes: NDArray[np.int64]
    model: LogisticRegression | None
    converged: bool = True

    def probabilities(self, x: Floats, n_classes: int) -> Floats:
        """Return the probability of each class ``[n_cells, n_classes]``; 0 of classes that it has not seen."""
        found = np.zeros((len(x), n_classes))
        found[:, self.classes] = 1.0 if self.model is None else self.model.predict_proba(x)
        return found

    def energy(self, x: Floats) -> Floats:
        """Return log Σ exp of the scores of the classes ``[n_cells]``, a measure of how known a cell is."""
        from scipy.special import logsumexp

        if self.model is None:
            return np.zeros(len(x))
        scores = self.model.decision_function(x)
        both = np.stack([-scores / 2, scores / 2], axis=1) if scores.ndim == 1 else scores
        return np.asarray(logsumexp(both, axis=1))


def path(
    x: Floats, classes: NDArray[np.int64], *, exact: float = ROUGH, balanced: bool = False
) -> Iterator[Probe]:  # fmt: skip
    """Yield a probe for each C of the grid, each begun where the last one ended: ask it before the next is made."""
    known = np.unique(classes)
    model = None if len(known) < 2 else _unfitted(USUAL, exact, balanced)
    for strength in STRENGTHS:
        yield Probe(known, None) if model is None else _fitted(model.set_params(C=strength), x, classes)


def fit(
    x: Floats, classes: NDArray[np.int64], strength: float, *, exact: float = EXACT, balanced: bool = False
) -> Probe:  # fmt: skip
    """Fit one probe: the minimum of C Σ loss + ½ ‖weights‖², over 20,000 cells at most.

    Parameters
    ----------
    x
        ``[n_cells, d]``, from :func:`axes_of`.
    classes
        Codes ``[n_cells]``.
    strength
        C, the inverse of the penalty.
    exact
        Bound on the slope left.
    balanced
        Whether each class weighs the same, however many cells it has.
    """
    if len(x) > MAX_CELLS:
        rows = np.random.default_rng(0).permutation(len(x))[:MAX_CELLS]
        x, classes = x[rows], classes[rows]
    known = np.unique(classes)
    return Probe(known, None) if len(known) < 2 else _fitted(_unfitted(strength, exact, balanced), x, classes)


def _unfitted(strength: float, exact: float, balanced: bool) -> LogisticRegression:
    from sklearn.linear_model import LogisticRegression

    weight = "balanced" if balanced else None
    return LogisticRegression(C=strength, tol=exact, max_iter=MAX_STEPS, warm_start=True, class_weight=weight)


def _fitted(model: LogisticRegression, x: Floats, classes: NDArray[np.int64]) -> Probe:
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # Counted and said where the probe is used.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(x, classes)
    return Probe(model.classes_, model, bool(np.max(model.n_iter_) < MAX_STEPS))
