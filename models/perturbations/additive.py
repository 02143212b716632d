"""What two perturbations do together is what each does alone, added up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import NotApplicable
from scarena.models.base import Context, ModelCard
from scarena.models.of_responses import ResponseModel
from scarena.models.perturbations.lessons import answered
from scarena.models.responses import targets_of

if TYPE_CHECKING:
    import pandas as pd

    from scarena.models.perturbations.lessons import Lesson
    from scarena.models.responses import Seen


class Additive(ResponseModel):
    """Control and the sum of the single effects."""

    card = ModelCard(
        name="response-additive",
        title="Response: additive",
        family="baseline",
        offers="response",
        uses_device=False,
        description="the control and the sum over a pair's genes of what each does alone; says nothing of a pair one "
        "of whose genes was not seen alone",
        trains_on_target=True,
        source="models/perturbations",
        licence="MIT",
        settings={"unseen_gene": "no prediction"},
    )

    def predict(self, seen: Seen, ask: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return sums.

        Raises
        ------
        NotApplicable
            If no pair is asked about.
        """
        if not any(len(genes) > 1 for genes in targets_of(ask)):
            raise NotApplicable("no pair is asked about", where=self.card.name, fix="none needed: it adds up two")
        return answered(seen, ask, _sums)


def _sums(lesson: Lesson) -> dict[str, np.ndarray]:
    single = lesson.of_single
    rows = zip(lesson.ask.index, targets_of(lesson.ask), strict=True)
    return {
        name: np.sum([single[gene] for gene in genes], axis=0)
        for name, genes in rows if len(genes) > 1 and all(gene in single for gene in genes)
    }  # fmt: skip
