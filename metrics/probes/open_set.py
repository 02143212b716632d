"""Does a probe notice a type that it was never shown? Types are held out, and cells of other groups are asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scarena.base.folds import grouped_folds
from scarena.metrics.measured import Undefined
from scarena.metrics.probes import linear
from scarena.metrics.probes.scores import auroc, average_precision

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SHARES = (0.1, 0.3, 0.5)
REPEATS = 5
STRENGTH = 10.0
REJECTED = 0.05
"""Share of known cells that the threshold lets go."""
KEYS = ("open_auroc", "open_energy_auroc", "open_aupr_gain", "open_harmonic", "open_lcad")


@dataclass(frozen=True, slots=True)
class Trial:
    """Types held out, a fold of groups to be asked, and another by which the threshold is set."""

    unseen: NDArray[np.int64]
    asked: int
    threshold: int


def trials(classes: NDArray[np.int64], folds: NDArray[np.int64], *, seed: int = 0) -> list[Trial]:
    """Return five draws of types for each share of them that is held out; at least one, and two are left.

    Raises
    ------
    Undefined
        With fewer than three types, or three folds of groups: one is learned from, one asked, one sets the threshold.
    """
    n_classes, n_folds = int(classes.max()) + 1, int(folds.max()) + 1
    if n_classes < 3:
        raise Undefined(f"{n_classes} types: two must stay known when one is held out")
    if n_folds < 3:
        raise Undefined(f"{n_folds} groups: one to learn from, one to ask and one to set the threshold by are needed")
    rng = np.random.default_rng(seed)
    found = []
    for share in SHARES:
        n_unseen = min(max(1, round(share * n_classes)), n_classes - 2)
        for repeat in range(REPEATS):
            unseen = np.sort(rng.permutation(n_classes)[:n_unseen])
            found.append(Trial(unseen, repeat % n_folds, (repeat + 1) % n_folds))
    return found


def open_set(
    x: Floats, classes: NDArray[np.int64], groups: NDArray[np.int64], edges: Floats | None, *, seed: int = 0
) -> Floats:
    """Return the scores of each trial ``[n_trials, len(KEYS)]``, NaN where a trial has no answer.

    Parameters
    ----------
    x
        Vectors ``[n_cells, d]``, from :func:`~scarena.metrics.probes.linear.axes_of`.
    classes, groups
        Codes from 0 ``[n_cells]``.
    edges
        Edges from a class (row) up to where it meets another (column) ``[n_classes, n_classes]``, NaN without; ``None``
        where the dataset has no terms.
    seed
        Of the types that are held out, the same for every model.

    Raises
    ------
    Undefined
        With too few types or groups.
    """
    folds = grouped_folds(classes, groups, seed=seed)
    rows = [_asked(x, classes, folds, trial, edges) for trial in trials(classes, folds, seed=seed)]
    return np.array(rows, dtype=np.float64)


def _asked(
    x: Floats, classes: NDArray[np.int64], folds: NDArray[np.int64], trial: Trial, edges: Floats | None
) -> tuple[float, ...]:
    known = ~np.isin(classes, trial.unseen)
    train = known & (folds != trial.asked) & (folds != trial.threshold)
    asked, calibrating = folds == trial.asked, known & (folds == trial.threshold)
    new = ~known[asked]
    nothing = (float("nan"),) * len(KEYS)
    if not train.any() or len(np.unique(classes[train])) < 2 or not 0 < new.sum() < len(new) or not calibrating.any():
        return nothing
    n_classes = int(classes.max()) + 1
    probe = linear.fit(x[train], classes[train], STRENGTH, exact=linear.ROUGH)
    told = probe.probabilities(x[asked], n_classes)
    sure, said, truth = told.max(axis=1), told.argmax(axis=1), classes[asked]
    limit = np.quantile(probe.probabilities(x[calibrating], n_classes).max(axis=1), REJECTED)
    right = float(((said == truth) & (sure >= limit))[~new].mean())
    caught = float((sure < limit)[new].mean())
    harmonic = 2 * right * caught / (right + caught) if right + caught else 0.0
    far = edges[truth[new], said[new]] if edges is not None else np.array([])
    far = far[np.isfinite(far)]
    base = float(new.mean())
    gain = (average_precision(1 - sure, new) - base) / (1 - base)
    lcad = float(far.mean()) if len(far) else float("nan")
    return auroc(-sure, new), auroc(-probe.energy(x[asked]), new), gain, harmonic, lcad
