"""What surrounds a cell in space: the types of its nearest cells, and blocks of space to hold out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

NEAREST = 20
BLOCKS = 3
"""Along either axis of a section."""


def composition(places: NDArray[np.floating], classes: NDArray[np.int64], sections: NDArray[np.int64]) -> Floats:
    """Return the share of each type among the 20 nearest cells of a cell's section ``[n_cells, n_types]``."""
    from scipy.spatial import cKDTree

    n_types = int(classes.max()) + 1
    found = np.zeros((len(classes), n_types))
    for section in np.unique(sections):
        rows = np.flatnonzero(sections == section)
        n = min(NEAREST, len(rows) - 1)
        if n < 1:
            continue
        near = rows[cKDTree(places[rows]).query(places[rows], k=n + 1)[1]]
        # Of cells at one place the tree may name another first, so the cell itself is looked for.
        around = classes[near]
        hot = np.eye(n_types)[around].sum(axis=1)
        itself = (near == rows[:, None]).any(axis=1, keepdims=True)
        hot -= np.eye(n_types)[classes[rows]] * itself
        found[rows] = hot / hot.sum(axis=1, keepdims=True)
    return found


def blocks(places: NDArray[np.floating], sections: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the block of each cell ``[n_cells]``: three columns of a section, each cut into three of equal numbers."""
    found = np.zeros(len(places), dtype=np.int64)
    for section in np.unique(sections):
        rows = np.flatnonzero(sections == section)
        column = _thirds(places[rows, 0])
        row = np.zeros(len(rows), dtype=np.int64)
        for number in range(BLOCKS):
            own = column == number
            row[own] = _thirds(places[rows[own], 1])
        found[rows] = (section * BLOCKS + column) * BLOCKS + row
    return found


def _thirds(values: NDArray[np.floating]) -> NDArray[np.int64]:
    rank = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    return rank * BLOCKS // max(len(values), 1)


def divergence(said: Floats, true: Floats) -> Floats:
    """Return the Jensen–Shannon divergence of each cell's shares in bits ``[n_cells]``; what is below 0 counts as 0."""
    from scipy.special import rel_entr

    p = np.maximum(said, 0.0)
    p = p / np.maximum(p.sum(axis=1, keepdims=True), 1e-12)
    middle = (p + true) / 2
    return np.asarray((rel_entr(p, middle) + rel_entr(true, middle)).sum(axis=1) / 2 / np.log(2))
