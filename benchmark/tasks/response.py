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
    """Responders against others; one of each held out at a time."""

    name = "response"
    title = "Drug response"
    question = "Can a probe tell from its cells whether a patient it has not seen responds?"
    headline = "response_auroc"
    keys = ("response_auroc", "response_cell_auroc", "response_random", "response_leak")
    held_out = (
        "Two patients at a time, one of each answer: all pairs, or 64 drawn at random, the same for all models. "
        "One patient at a time would not do: a probe that lacks a responder finds responders rarer than the next "
        "probe does, and vectors without information would come out below chance, even with weighted classes. "
        "Sets in which each answer is one sample (two time points of one cell line, say) are *not identifiable*: "
        "they are not scored."
    )
    flaw = (
        "Random splits of cells: scDrugMap has F1 .97 with them and about .77 with whole datasets held out. And "
        "scFM-Bench chose settings among 50 trials by the best test AUC, for the foundation models alone."
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
        from scarena.metrics.probes.patients import Patients

        of = cells.probed
        patients = Patients(of.x, of.known.targets["response"], of.groups, seed=of.seed)
        over, own = patients.held_out()
        other = patients.claimed()
        return {
            "response_auroc": over,
            "response_cell_auroc": own,
            "response_random": Measured(other),
            "response_leak": Measured(other - own.value),
        }
