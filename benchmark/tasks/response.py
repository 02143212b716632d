"""Response: can a probe tell from its cells whether a patient it has not seen will respond?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from scarena.tasks.cell_task import CellTask, one_group

if TYPE_CHECKING:
    from scarena.metrics.measured import Measured, Undefined
    from scarena.tasks.cells import Cells
    from scarena.tasks.facts import Facts


class Response(CellTask):
    """Responders against others; the unit is the patient, one held out at a time."""

    name = "response"
    title = "Drug response"
    question = "Can a probe tell from its cells whether a patient it has not seen responds?"
    headline = "response_auroc"
    keys = ("response_auroc", "response_cell_auroc", "response_random", "response_leak")
    held_out = (
        "One patient at a time; the unit is the patient. Sets in which a response is one sample (two lines, two "
        "time points) are *not identifiable*: they are not scored."
    )
    flaw = (
        "Random splits of cells (F1 .97 in one benchmark, about .77 when whole datasets are held out); and "
        "settings of 50 trials chosen by the best test AUC for the foundation models alone."
    )

    def unanswerable(self, facts: Facts) -> str:
        """Return why it cannot be asked: above all where the label is the sample itself."""
        if "response" not in facts.targets:
            return "the dataset does not say which patients responded"
        if why := facts.not_identifiable.get("response"):
            return f"not identifiable: {why}"
        return one_group(facts)

    def measured(self, cells: Cells) -> Mapping[str, Measured | Undefined]:
        """Return AUROC over patients and over cells, and what random folds would have claimed of the cells."""
        from scarena.metrics.measured import Measured
        from scarena.metrics.probes.binary import Asked, over_patients
        from scarena.metrics.probes.scores import auroc

        of = cells.probed
        asked = Asked(of.x, of.known.targets["response"], of.groups, seed=of.seed)
        own = auroc(asked.held.probabilities[:, 1], asked.yes)
        other = auroc(asked.other_folds().probabilities[:, 1], asked.yes)
        return {
            "response_auroc": over_patients(asked),
            "response_cell_auroc": Measured(own),
            "response_random": Measured(other),
            "response_leak": Measured(other - own),
        }
