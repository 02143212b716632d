"""How many labelled cells a probe needs: k cells of each type from some groups, asked about the cells of others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scarena.base.folds import grouped_folds
from scarena.metrics.probes import linear
from scarena.metrics.probes.scores import confusion, macro_f1

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SHOTS = (1, 5, 10, 50)
DRAWS = 10
STRENGTH = 100.0
"""C of every probe: so few cells leave none to choose it by."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Macro F1 by the number of labelled cells a type.

    Parameters
    ----------
    probe, centroid
        Of a logistic probe, and of the nearest class mean ``[n_draws, n_shots]``.
    """

    probe: Floats
    centroid: Floats


def curve(x: Floats, classes: NDArray[np.int64], groups: NDArray[np.int64], *, seed: int = 0) -> Curve:
    """Return macro F1 of ten draws: each takes k cells a type from all folds of groups but one, which is asked.

    A type with fewer than k cells there gives all it has; types with none cannot be right.

    Parameters
    ----------
    x
        Vectors ``[n_cells, d]``, from :func:`~scarena.metrics.probes.linear.axes_of`.
    classes, groups
        Codes from 0 ``[n_cells]``; at least two of each.
    seed
        Of the draws, which are the same for every model.
    """
    folds = grouped_folds(classes, groups, seed=seed)
    n_folds, n_classes = int(folds.max()) + 1, int(classes.max()) + 1
    found = Curve(np.zeros((DRAWS, len(SHOTS))), np.zeros((DRAWS, len(SHOTS))))
    for draw in range(DRAWS):
        asked = np.flatnonzero(folds == draw % n_folds)
        order = np.random.default_rng([seed, draw]).permutation(np.flatnonzero(folds != draw % n_folds))
        for place, shots in enumerate(SHOTS):
            shown = _first_of_each(order, classes, shots)
            probe = linear.fit(x[shown], classes[shown], STRENGTH, exact=linear.ROUGH)
            said = probe.probabilities(x[asked], n_classes).argmax(axis=1)
            found.probe[draw, place] = macro_f1(confusion(classes[asked], said, n_classes))
            near = _nearest_mean(x[shown], classes[shown], x[asked])
            found.centroid[draw, place] = macro_f1(confusion(classes[asked], near, n_classes))
    return found


def _first_of_each(order: NDArray[np.int64], classes: NDArray[np.int64], shots: int) -> NDArray[np.int64]:
    """Return the first `shots` cells of each class in an order, so that fewer are always among more."""
    own = classes[order]
    by_class = np.argsort(own, kind="stable")
    starts = np.searchsorted(own[by_class], own[by_class])
    return order[by_class[np.arange(len(order)) - starts < shots]]


def _nearest_mean(x: Floats, classes: NDArray[np.int64], asked: Floats) -> NDArray[np.int64]:
    known = np.unique(classes)
    means = np.stack([x[classes == one].mean(axis=0) for one in known])
    far = np.square(means).sum(axis=1) - 2 * asked @ means.T
    return np.asarray(known[far.argmin(axis=1)])


def area(values: Floats) -> Floats:
    """Return the area under each draw's curve over log k, as a share of the whole ``[n_draws]``: 1 is always right."""
    at = np.log(SHOTS)
    width = np.diff(at)
    return np.asarray(((values[:, 1:] + values[:, :-1]) / 2 * width).sum(axis=1) / (at[-1] - at[0]))
