"""Open set: does a probe notice a type that it was never shown?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from scarena.tasks.cell_task import CellTask, no_types

if TYPE_CHECKING:
    from scarena.metrics.measured import Measured, Undefined
    from scarena.tasks.cells import Cells
    from scarena.tasks.facts import Facts


class OpenSet(CellTask):
    """Types held out of a probe's learning, and cells of other donors asked."""

    name = "open-set"
    title = "Open set"
    question = "Does a probe notice cells of a type that it was never shown?"
    headline = "open_auroc"
    keys = (
        "open_auroc", "open_energy_auroc", "open_aupr_gain", "open_harmonic", "open_lcad", "open_random", "open_leak",
    )  # fmt: skip
    held_out = (
        "Types: .1, .3 and .5 of them, rounded, five times each; at least one is held out and at least two stay "
        "known. And donors, else batches: of five folds a probe learns from three, a fourth sets the threshold "
        "and the fifth is asked."
    )
    flaw = "Test cells at random, and a threshold, or even the score of novelty, chosen on them."

    def unanswerable(self, facts: Facts) -> str:
        """Return why nothing can be held out: it needs three types and three donors or batches."""
        if why := no_types(facts):
            return why
        if facts.n_types < 3:
            return "two types: two must stay known when one is held out"
        return "" if facts.n_groups > 2 else "two groups: to learn from, to ask and to set the threshold takes three"

    def measured(self, cells: Cells) -> Mapping[str, Measured | Undefined]:
        """Return the mean over trials of each score, and what random folds would have claimed."""
        from scarena.base.folds import random_folds
        from scarena.metrics.measured import Measured
        from scarena.metrics.probes.open_set import KEYS, open_set

        of = cells.probed
        rows = open_set(of.x, of.classes, of.groups, of.edges, seed=of.seed)
        random = open_set(of.x, of.classes, random_folds(of.classes, seed=of.seed), None, seed=of.seed)
        found = {key: _mean(rows[:, place]) for place, key in enumerate(KEYS)}
        own, other = found["open_auroc"], _mean(random[:, 0])
        if isinstance(own, Measured) and isinstance(other, Measured):
            return {
                **found, "open_random": Measured(other.value), "open_leak": Measured(other.value - own.value),
            }  # fmt: skip
        return {**found, "open_random": other, "open_leak": own if not isinstance(own, Measured) else other}


def _mean(values: np.ndarray) -> Measured | Undefined:
    """Return the mean over trials, with replicates over them; trials without an answer are counted."""
    from scarena.metrics.measured import Undefined
    from scarena.metrics.probes.scores import mean_of_units

    there = values[np.isfinite(values)]
    if not len(there):
        return Undefined("no trial has known and new cells, with a term where edges are asked for")
    lost = len(values) - len(there)
    note = f"{len(there)} trials" + (f"; {lost} more without an answer" if lost else "")
    return mean_of_units(there, note)
