"""The mean of a combination's single perturbations (Systema's baseline, Viñas Torné and others 2025)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.models.base import Context, ModelCard
from scarena.models.of_responses import ResponseModel
from scarena.models.perturbations.lessons import answered
from scarena.models.responses import targets_of

if TYPE_CHECKING:
    import pandas as pd

    from scarena.models.perturbations.lessons import Lesson
    from scarena.models.responses import Seen


class MatchingMean(ResponseModel):
    """The mean over a perturbation's genes of what each does alone; of one that was not seen, the overall mean."""

    card = ModelCard(
        name="response-matching-mean",
        title="Response: matching mean",
        family="baseline",
        offers="response",
        uses_device=False,
        description="the mean over the genes of a combination of their training singles; for a gene that is none, the "
        "mean over all training perturbations",
        trains_on_target=True,
        source="github:mlbio-epfl/systema",
        licence="MIT",
        settings={"unseen_gene": "overall mean"},
    )

    def predict(self, seen: Seen, ask: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return means of singles."""
        return answered(seen, ask, _matching)


def _matching(lesson: Lesson) -> dict[str, np.ndarray]:
    single, mean = lesson.of_single, lesson.mean
    rows = zip(lesson.ask.index, targets_of(lesson.ask), strict=True)
    return {name: np.mean([single.get(gene, mean) for gene in genes] or [mean], axis=0) for name, genes in rows}
