"""Malignant: can a probe tell malignant cells of a donor, or of a cancer, that it has not seen?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from scarena.tasks.answered import AnsweredTask
from scarena.tasks.own_task import or_undefined

if TYPE_CHECKING:
    from scarena.metrics.measured import Measured, Undefined
    from scarena.metrics.probes.binary import Asked
    from scarena.tasks.cells import Cells


class Malignant(AnsweredTask):
    """Malignant against normal cells, one donor held out at a time; and one cancer, where there are several."""

    name = "malignant"
    title = "Malignant cells"
    question = "Can a probe tell the malignant cells of a donor it has not seen?"
    headline = "malignant_auroc"
    keys = (
        "malignant_auroc", "malignant_auprc", "malignant_cancer_auroc", "malignant_random", "malignant_leak",
    )  # fmt: skip
    held_out = (
        "One donor at a time; where a dataset has several cancers, also one cancer at a time. Cells of no clear "
        "answer are left out; donors with one answer are learned from and not scored. C is chosen by macro F1 on "
        "five folds of the donors, for a donor by the folds it is not in."
    )
    flaw = (
        "The protocol of SequencingCancerFinder, which scFM-Bench uses, keeps the epoch with the best AUROC on "
        "the test tissue; in its own tutorial that is worth .06 to .08. And one AUROC over the cells of all "
        "donors is high for a model that knows donors and nothing else."
    )
    untold = "the dataset does not say which cells are malignant"

    def more(self, cells: Cells, asked: Asked) -> Mapping[str, Measured | Undefined]:
        """Return AUROC with whole cancers held out."""
        return {"malignant_cancer_auroc": or_undefined(lambda: _by_cancer(cells, asked))}


def _by_cancer(cells: Cells, asked: Asked) -> Measured | Undefined:
    """Return the mean over donors of AUROC with their whole cancer held out."""
    from scarena.metrics.measured import Undefined

    cancer = cells.known.targets.get("cancer", np.zeros(0, np.str_))
    if not len(cancer) or len(names := np.unique(cancer[asked.rows])) < 2:
        return Undefined("cells of one cancer")
    codes = np.searchsorted(names, cancer[asked.rows])
    return asked.by_group(asked.held_by(codes))[0]
