"""Yes or no of each cell, asked of donors that the probe has not seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.metrics.measured import Measured, Undefined
from scarena.metrics.probes.held_out import HeldOut, claimed, held_out
from scarena.metrics.probes.scores import auroc, average_precision, mean_over_groups, times_drawn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def answered(
    told: NDArray[np.str_], groups: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64]]:  # fmt: skip
    """Return the rows of cells with an answer, which of them have yes, and their groups as codes without gaps.

    Parameters
    ----------
    told
        ``yes``, ``no`` or "" of each cell ``[n_cells]``.
    groups
        Codes ``[n_cells]``.
    """
    rows = np.flatnonzero((told == "yes") | (told == "no"))
    return rows, told[rows] == "yes", np.unique(groups[rows], return_inverse=True)[1].astype(np.int64)


class Asked:
    """Cells with a yes or no, and what probes say of them with their donor held out.

    Parameters
    ----------
    x
        Vectors ``[n_cells, d]``, from :func:`~scarena.metrics.probes.linear.axes_of`.
    told
        ``yes``, ``no`` or "" of each cell ``[n_cells]``; cells without an answer are left out.
    groups
        Donor of each cell as a code ``[n_cells]``.
    seed
        Of the folds.

    Raises
    ------
    Undefined
        If a probe of some donor could not have seen both answers.
    """

    def __init__(self, x: Floats, told: NDArray[np.str_], groups: NDArray[np.int64], *, seed: int = 0) -> None:
        self.rows, self.yes, self.groups = answered(told, groups)
        self.x, self.seed = x[self.rows], seed
        for answer, name in ((self.yes, "yes"), (~self.yes, "no")):
            if len(np.unique(self.groups[answer])) < 2:
                raise Undefined(f"fewer than two donors have cells with {name!r}: with one held out none is left")
        self.held = self.held_by(self.groups)

    @property
    def note(self) -> str:
        """How many cells and donors were asked, and what the probes have to say."""
        said = f"{len(self.rows)} cells of {int(self.groups.max()) + 1} donors"
        return "; ".join(filter(None, (said, self.held.note)))

    def held_by(self, groups: NDArray[np.int64]) -> HeldOut:
        """Return what probes say that saw no cell of a group, one group at a time."""
        answers = self.yes.astype(np.int64)
        return held_out(self.x, answers, groups, one_by_one=True, balanced=True, seed=self.seed)

    def other_folds(self) -> HeldOut:
        """Return what random folds of cells would have said."""
        return claimed(self.x, self.yes.astype(np.int64), self.held, balanced=True, seed=self.seed)

    def by_group(self, held: HeldOut) -> tuple[Measured, Measured]:
        """Return AUROC and average precision as means over donors that have both answers.

        Raises
        ------
        Undefined
            If none has both.
        """
        score = held.probabilities[:, 1]
        parts = [np.flatnonzero(self.groups == group) for group in range(int(self.groups.max()) + 1)]
        areas = np.array([auroc(score[part], self.yes[part]) for part in parts])
        both = [part for part, area in zip(parts, areas, strict=True) if np.isfinite(area)]
        precision = np.array([average_precision(score[part], self.yes[part]) for part in both])
        area = mean_over_groups(areas, note=self.note)
        if area.replicates is None:
            # Too few donors to draw from: cells are drawn instead, within each donor and answer.
            drawn = np.mean([_drawn_areas(score[part], self.yes[part]) for part in both], axis=0)
            area = Measured(area.value, drawn, f"{area.note}; replicates over cells")
        chance = float(np.mean([self.yes[part].mean() for part in both]))
        return area, mean_over_groups(precision, note=f"chance is {chance:.3f}, the mean share of yes")


def _drawn_areas(score: Floats, yes: NDArray[np.bool_]) -> Floats:
    """Return the AUROC in each replicate of a donor's cells, drawn within each answer ``[n_replicates]``."""
    above, below = score[yes], score[~yes]
    wins = (above[:, None] > below) + 0.5 * (above[:, None] == below)
    rng = np.random.default_rng(0)
    times = [times_drawn(len(part), rng) for part in (above, below)]
    return np.asarray(((times[0] @ wins) * times[1]).sum(axis=1) / (len(above) * len(below)))
