"""Negative control: noise as wide as the effects that were seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.models.base import Context, ModelCard
from scarena.models.of_responses import ResponseModel
from scarena.models.perturbations.lessons import answered, generator

if TYPE_CHECKING:
    import pandas as pd

    from scarena.models.perturbations.lessons import Lesson
    from scarena.models.responses import Seen


class RandomResponse(ResponseModel):
    """Independent noise for every gene."""

    card = ModelCard(
        name="response-random",
        title="Response: random",
        family="control",
        offers="response",
        control="negative",
        uses_device=False,
        description="the control and independent Gaussian noise, for each gene as wide as the training effects are",
        trains_on_target=True,
        source="models/perturbations",
        licence="MIT",
    )

    def predict(self, seen: Seen, ask: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return noise, drawn by the name of what is asked about."""

        def effects_of(lesson: Lesson) -> dict[str, np.ndarray]:
            n_genes = len(lesson.measured)
            spread = np.sqrt((lesson.effects**2).mean(axis=0)) if len(lesson.effects) else np.zeros(n_genes)
            noise = {name: generator(self.card.name, ctx.seed, name).normal(size=n_genes) for name in lesson.ask.index}
            return {name: spread * each for name, each in noise.items()}

        return answered(seen, ask, effects_of)
