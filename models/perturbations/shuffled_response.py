"""Negative control: a real effect, of another perturbation."""

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


class ShuffledResponse(ResponseModel):
    """The training effect of a perturbation that is drawn, and is not the one asked about."""

    card = ModelCard(
        name="response-shuffled",
        title="Response: shuffled",
        family="control",
        offers="response",
        control="negative",
        uses_device=False,
        description="the control and what another perturbation did that was seen, drawn for each that is asked about",
        trains_on_target=True,
        source="models/perturbations",
        licence="MIT",
    )

    def predict(self, seen: Seen, ask: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return others' effects; the control where no other was seen."""

        def effects_of(lesson: Lesson) -> dict[str, np.ndarray]:
            own = lesson.of_perturbation
            found = {}
            for name, what in zip(lesson.ask.index, lesson.ask["perturbation"].astype(str), strict=True):
                others = [effect for each, effect in own.items() if each != what]
                drawn = generator(self.card.name, ctx.seed, name).integers(max(len(others), 1))
                found[name] = others[drawn] if others else np.zeros(len(lesson.measured))
            return found

        return answered(seen, ask, effects_of)
