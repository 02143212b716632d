"""Treated: can a probe tell the treated cells of a patient it has not seen?"""

from __future__ import annotations

from scarena.tasks.answered import AnsweredTask


class Treated(AnsweredTask):
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
    untold = "the dataset does not say which cells were treated"
