"""Granularity: is the probe right if an answer below the truth in the ontology counts?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from scarena.tasks.cell_task import CellTask, no_types

if TYPE_CHECKING:
    from scarena.metrics.measured import Measured, Undefined
    from scarena.tasks.cells import Cells
    from scarena.tasks.facts import Facts


class Granularity(CellTask):
    """The probe's predictions, a descendant of the true type counting as right, an ancestor as wrong (scTab's rule)."""

    name = "granularity"
    title = "Granularity"
    question = "Is the predicted type the true one, or a finer one below it?"
    headline = "granular_macro_f1"
    keys = ("granular_macro_f1", "granular_gain")
    held_out = "As for the type probe, whose predictions it takes."
    flaw = "Flat accuracy counts a T cell that is called CD8 T cell as wrong, though it may be right."

    accepts_labels = True

    def unanswerable(self, facts: Facts) -> str:
        """Return why there is no probe, or no ontology."""
        return facts.excluded.get("ontology", "") or no_types(facts)

    def measured(self, cells: Cells) -> Mapping[str, Measured | Undefined]:
        """Return macro F1 with finer answers counted as right.

        Raises
        ------
        Undefined
            If no type of the dataset lies below another: nothing could change.
        """
        from scarena.metrics.measured import Measured, Undefined
        from scarena.metrics.probes.scores import confusion, drawn_confusions, macro_f1

        of = cells.probed
        below = np.zeros((len(of.types),) * 2, bool) if of.edges is None else of.edges == 0
        if not (below & ~np.eye(len(of.types), dtype=bool)).any():
            raise Undefined("no type of the dataset lies below another in the ontology")
        said = of.of_types.predicted
        finer = np.where(below[of.classes, said], of.classes, said)
        flat = macro_f1(confusion(of.classes, said, len(of.types)))
        value = macro_f1(confusion(of.classes, finer, len(of.types)))
        drawn = macro_f1(drawn_confusions(of.classes, finer, len(of.types), of.draws))
        return {
            "granular_macro_f1": Measured(float(value), drawn, of.of_types.note),
            "granular_gain": Measured(float(value - flat)),
        }
