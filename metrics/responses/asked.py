"""What one split asks of a model, what was answered, and what an answer without information would be.

Shapes: P profiles of a dataset (a perturbation in a context), C contexts, G genes, A profiles that a split asks about,
K genes that are kept of them. All profiles are means of log-normalised expression.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]
    Codes = NDArray[np.int64]

CONTROL, UNNAMED = 0, 1
"""The two answers without information: nothing happens, and what happens to an unnamed perturbation."""


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What is known of a dataset's perturbations; of what is optional, None without cells.

    Parameters
    ----------
    observed, whole
        Profiles that predictions are scored against, and that models learn from ``[P, G]``.
    control_scored, control_shown
        The scorer's and the models' half of the control ``[C, G]``.
    perturbation, context
        Codes from 0 of each profile ``[P]``.
    shifted
        Whether contexts are held out: then perturbations are described by the shift from their context's control.
    reproducibility
        Correlation of two halves' effects ``[P]``, NaN where not known.
    targeted
        Whether each measured gene was perturbed in a profile, bool ``[P, G]``.
    duplicate, strength, doubt
        The second half of each profile's cells, its |t| and its adjusted p against other perturbations ``[P, G]``.
    """

    observed: NDArray[np.floating]
    whole: NDArray[np.floating]
    control_scored: NDArray[np.floating]
    control_shown: NDArray[np.floating]
    perturbation: Codes
    context: Codes
    shifted: bool
    reproducibility: NDArray[np.floating]
    targeted: Bools
    duplicate: NDArray[np.floating] | None = None
    strength: NDArray[np.floating] | None = None
    doubt: NDArray[np.floating] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """One split, of the genes that are kept: all but those perturbed in a profile that it asks about.

    Parameters
    ----------
    predicted
        What a model said ``[A, K]``, NaN where it said nothing.
    truth
        What was observed ``[A, K]``.
    perturbation, context
        Codes of each profile ``[A]``.
    reproducibility
        ``[A]``, NaN where not known.
    control_scored, control_shown
        ``[C, K]``.
    unnamed
        What training says of an unnamed perturbation in each context ``[C, K]``.
    perturbed
        Mean of what was observed over the perturbations of each context ``[C, K]``, NaN where it has none.
    duplicate, strength, doubt
        ``[A, K]``, None without cells.
    """

    predicted: NDArray[np.floating]
    truth: NDArray[np.floating]
    perturbation: Codes
    context: Codes
    reproducibility: NDArray[np.floating]
    control_scored: Floats
    control_shown: Floats
    unnamed: Floats
    perturbed: Floats
    duplicate: NDArray[np.floating] | None = None
    strength: NDArray[np.floating] | None = None
    doubt: NDArray[np.floating] | None = None

    def negative(self, which: int) -> Floats:
        """Return the answer without information to each profile ``[A, K]``: `CONTROL` or `UNNAMED`."""
        return (self.control_shown, self.unnamed)[which][self.context]

    def filled(self, which: int, scale: float = 1.0) -> Floats:
        """Return what was predicted ``[A, K]``, with a negative where nothing was.

        Parameters
        ----------
        which
            The negative.
        scale
            What predicted effects, differences from the control that models are shown, are multiplied with.
        """
        said = self.predicted.astype(np.float64)
        if scale != 1.0:
            control = self.control_shown[self.context]
            said = control + scale * (said - control)
        return np.where(np.isfinite(said), said, self.negative(which))


def asked_of(known: Known, training: Codes, asked: Codes, predicted: NDArray[np.floating]) -> Asked:
    """Return one split of a dataset.

    Parameters
    ----------
    known
        The dataset.
    training, asked
        Rows of the profiles that models learn from, and that they are asked about.
    predicted
        What a model said of these ``[A, G]``, NaN where nothing.
    """
    kept = ~known.targeted[asked].any(axis=0)

    def of(table: NDArray[np.floating] | None) -> NDArray[np.floating] | None:
        return None if table is None else table[np.ix_(asked, kept)]

    def whole(table: NDArray[np.floating]) -> Floats:
        return table[:, kept].astype(np.float64)

    return Asked(
        predicted=predicted[:, kept], truth=known.observed[np.ix_(asked, kept)],
        perturbation=known.perturbation[asked], context=known.context[asked],
        reproducibility=known.reproducibility[asked],
        control_scored=whole(known.control_scored), control_shown=whole(known.control_shown),
        unnamed=whole(unnamed(known, training)), perturbed=whole(perturbed(known)),
        duplicate=of(known.duplicate), strength=of(known.strength), doubt=of(known.doubt),
    )  # fmt: skip


def perturbed(known: Known) -> Floats:
    """Return the mean of what was observed over each context's perturbations ``[C, G]``; NaN where it has none."""
    return _centroids(known.observed, known.perturbation, known.context, len(known.control_shown))


def unnamed(known: Known, training: Codes) -> Floats:
    """Return what training says of a perturbation whose name is not told, in each context ``[C, G]``.

    With contexts held out it is the context's control and the mean shift of all training profiles. Otherwise it is the
    mean of the training perturbations of that context; a context without any has its control and the mean shift. The
    control where nothing is learned from.
    """
    control = known.control_shown.astype(np.float64)
    if not len(training):
        return control
    rows, contexts = known.whole[training], known.context[training]
    shifted = control + (rows - control[contexts]).mean(axis=0)
    if known.shifted:
        return shifted
    means = _centroids(rows, known.perturbation[training], contexts, len(control))
    return np.where(np.isfinite(means), means, shifted)


def _centroids(rows: NDArray[np.floating], perturbation: Codes, context: Codes, n_contexts: int) -> Floats:
    """Return, by context, the mean over perturbations of the mean of their profiles; NaN where it has none."""
    found = np.full((n_contexts, rows.shape[1]), np.nan)
    for code in np.unique(context):
        own = np.flatnonzero(context == code)
        _, place, times = np.unique(perturbation[own], return_inverse=True, return_counts=True)
        weight = 1 / times[place] / len(times)
        found[code] = weight @ rows[own].astype(np.float64)
    return found
