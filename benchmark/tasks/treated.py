"""Treated: can a probe tell the treated cells of a patient it has not seen?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from scarena.tasks.cell_task import CellTask, one_group

if TYPE_CHECKING:
    from scarena.metrics.measured import Measured, Undefined
    from scarena.tasks.cells import Cells
    from scarena.tasks.facts import Facts


class Treated(CellTask):
    """Cells that were given a drug against their own patient's control, one patient held out at a time."""

    name = "treated"
    title = "Treated cells"
    question = "Can a probe tell which cells of a patient it has not seen were given the drug?"
    headline = "treated_auroc"
    keys = ("treated_auroc", "treated_auprc", "treated_random", "treated_leak")
    held_out = (
        "One patient at a time, each of whom has treated and untreated cells. C is chosen as for malignant cells."
    )
    flaw = (
        "Random splits of cells over all samples: a sample is treated or not as a whole, so that knowing the "
        "sample is enough."
    )

    def unanswerable(self, facts: Facts) -> str:
        """Return why it cannot be asked."""
        if "treated" not in facts.targets:
            return "the dataset does not say which cells were treated"
        return facts.not_identifiable.get("treated", "") or one_group(facts)

    def measured(self, cells: Cells) -> Mapping[str, Measured | Undefined]:
        """Return AUROC and AUPRC by patient, and what random folds would have claimed."""
        from scarena.metrics.measured import Measured
        from scarena.metrics.probes.binary import Asked

        of = cells.probed
        asked = Asked(of.x, of.known.targets["treated"], of.groups, seed=of.seed)
        area, precision = asked.by_group(asked.held)
        other = asked.by_group(asked.other_folds())[0].value
        return {
            "treated_auroc": area,
            "treated_auprc": precision,
            "treated_random": Measured(other),
            "treated_leak": Measured(other - area.value),
        }
