"""Probe: can a linear classifier read the type of a cell of a donor that it has not seen?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from scarena.tasks.cell_task import CellTask, no_types
from scarena.tasks.own_task import or_undefined

if TYPE_CHECKING:
    from scarena.metrics.measured import Measured, Undefined
    from scarena.tasks.cells import Cells
    from scarena.tasks.facts import Facts
    from scarena.tasks.probed import Probed


class Probe(CellTask):
    """Cell types by logistic regression, donors held out, its penalty chosen by further donors held out."""

    name = "probe"
    title = "Type probe"
    question = "Can a linear probe read the type of a cell of a donor it has not seen?"
    headline = "probe_macro_f1"
    keys = ("probe_macro_f1", "probe_balanced_accuracy", "probe_ece", "probe_lcad", "probe_random", "probe_leak")
    held_out = (
        "Donors where all cells have one and there are several, else batches: five folds of them. The penalty is "
        "chosen by macro F1 from C = 0.1, 1, 10 and 100, for each fold by the other folds: a probe that has seen "
        "neither of two folds serves in the choice for both."
    )
    flaw = (
        "The cz-benchmarks suite splits cells at random, so that every donor is on both sides, and reports the "
        "mean of three classifiers."
    )

    accepts_labels = True

    def unanswerable(self, facts: Facts) -> str:
        """Return why there is no probe: it needs several types, and several donors or batches."""
        return no_types(facts)

    def measured(self, cells: Cells) -> Mapping[str, Measured | Undefined]:
        """Return how right the probe is, and what random folds would have claimed."""
        from scarena.metrics.measured import Measured
        from scarena.metrics.probes.scores import (
            balanced_accuracy,
            calibration_error,
            confusion,
            drawn_confusions,
            macro_f1,
        )

        of = cells.probed
        held, n_types = of.of_types, len(of.types)
        table = confusion(of.classes, held.predicted, n_types)
        tables = drawn_confusions(of.classes, held.predicted, n_types, of.draws)
        sure = held.probabilities.max(axis=1)
        note = "; ".join(filter(None, (f"replicates over {of.draws.what}", held.note)))
        return {
            "probe_macro_f1": Measured(float(macro_f1(table)), macro_f1(tables), note),
            "probe_balanced_accuracy": Measured(float(balanced_accuracy(table)), balanced_accuracy(tables), note),
            "probe_ece": calibration_error(held.predicted == of.classes, sure, of.draws),
            "probe_lcad": _distance(of),
            "probe_random": or_undefined(lambda: _claimed(of)),
            "probe_leak": or_undefined(lambda: Measured(_claimed(of).value - float(macro_f1(table)))),
        }


def _claimed(of: Probed) -> Measured:
    """Return macro F1 under random folds of cells."""
    from scarena.metrics.measured import Measured
    from scarena.metrics.probes.scores import confusion, macro_f1

    return Measured(float(macro_f1(confusion(of.classes, of.claimed_types.predicted, len(of.types)))))


def _distance(of: Probed) -> Measured | Undefined:
    """Return the mean edges up from the truth, 0 for right cells, over those that have a distance."""
    from scarena.metrics.measured import Measured, Undefined

    if of.edges is None:
        return Undefined("no type has a term of the Cell Ontology")
    said = of.of_types.predicted
    far = np.where(said == of.classes, 0.0, of.edges[of.classes, said])
    there = np.isfinite(far) & np.isfinite(np.diagonal(of.edges)[of.classes])
    if not there.any():
        return Undefined("no type has a term of the Cell Ontology")
    sums = np.zeros((of.draws.counts.shape[1], 2))
    np.add.at(sums, of.draws.units[there], np.column_stack([far[there], np.ones(int(there.sum()))]))
    drawn = of.draws.counts.astype(np.float64) @ sums
    note = f"{int((~there).sum())} cells without a term left out" if not there.all() else ""
    return Measured(float(far[there].mean()), drawn[:, 0] / np.maximum(drawn[:, 1], 1), note)
