"""Species: does a probe that learned from one species name the cells of another?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from scarena.tasks.cell_task import CellTask

if TYPE_CHECKING:
    from scarena.metrics.measured import Measured, Undefined
    from scarena.tasks.cells import Cells
    from scarena.tasks.facts import Facts


class Species(CellTask):
    """Types that both species have, learned from one and asked of the other, over orthologues."""

    name = "species"
    title = "Across species"
    question = "Does a probe that learned from one species name the cells of another?"
    headline = "species_macro_f1"
    keys = ("species_macro_f1", "species_worst", "species_random", "species_leak")
    held_out = (
        "One species: the probe learns from the other one, both ways, over the types that both have (by name). "
        "Mouse genes are carried over to their one-to-one human orthologues (MGI's table, from scdrs 1.0.2) "
        "before any model sees them."
    )
    flaw = (
        "Each model is scored over the labels that it can give, and macro F1 over fewer labels is higher: in "
        "VCBench .166 and .497 for the same vectors."
    )

    def unanswerable(self, facts: Facts) -> str:
        """Return why it cannot be asked."""
        if "labels" in facts.excluded:
            return facts.excluded["labels"]
        return "" if "species" in facts.targets else "cells of one species"

    def measured(self, cells: Cells) -> Mapping[str, Measured | Undefined]:
        """Return macro F1 over common types, both directions.

        Raises
        ------
        Undefined
            With one species, or fewer than two types in common.
        """
        from scarena.metrics.measured import Measured, Undefined
        from scarena.metrics.probes.held_out import claimed, predicted_by
        from scarena.metrics.probes.linear import USUAL
        from scarena.metrics.probes.scores import confusion, drawn_confusions, draws, macro_f1

        of = cells.probed
        names, species = np.unique(of.known.targets["species"], return_inverse=True)
        if len(names) < 2:
            raise Undefined("cells of one species")
        shared = [t for t in range(len(of.types)) if len(np.unique(species[of.classes == t])) == len(names)]
        if len(shared) < 2:
            raise Undefined(f"{len(shared)} types in common: there is nothing to tell apart")
        rows = np.flatnonzero(np.isin(of.classes, shared))
        classes, held = np.searchsorted(shared, of.classes[rows]), species[rows].astype(np.int64)
        # One species is learned from, so none is left to choose C by.
        found = predicted_by(of.x[rows], classes, held, [USUAL] * len(names))
        drawn = draws(classes, held)
        values, replicates = [], []
        for number in range(len(names)):
            part = held == number
            values.append(float(macro_f1(confusion(classes[part], found.predicted[part], len(shared)))))
            outside = np.where(part[drawn.units], drawn.counts, 0)
            own = type(drawn)(drawn.units, outside, drawn.what)
            replicates.append(macro_f1(drawn_confusions(classes, found.predicted, len(shared), own)))
        random = claimed(of.x[rows], classes, found, seed=of.seed)
        other = float(macro_f1(confusion(classes, random.predicted, len(shared))))
        value, worst = float(np.mean(values)), int(np.argmin(values))
        left_out = len(of.classes) - len(rows)
        note = f"{len(shared)} types in common, {left_out} cells of others left out; C is {USUAL:g}"
        return {
            "species_macro_f1": Measured(value, np.mean(replicates, axis=0), note),
            "species_worst": Measured(values[worst], replicates[worst], f"asked of {names[worst]}"),
            "species_random": Measured(other),
            "species_leak": Measured(other - value),
        }
