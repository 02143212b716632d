"""The mean effect on top of the control: what a held-out context is told by the others, and all that a board needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.models.base import Context, ModelCard
from scarena.models.of_responses import ResponseModel
from scarena.models.perturbations.lessons import answered

if TYPE_CHECKING:
    import pandas as pd

    from scarena.models.perturbations.lessons import Lesson
    from scarena.models.responses import Seen


class MeanShift(ResponseModel):
    """Control and the mean of (treated − control)."""

    card = ModelCard(
        name="response-mean-shift",
        title="Response: mean shift",
        family="baseline",
        offers="response",
        uses_device=False,
        description="the control and the mean over training contexts of treated less control of the same perturbation; "
        "of all perturbations where it was not seen",
        trains_on_target=True,
        source="models/perturbations",
        licence="MIT",
        settings={"weights": "each context once"},
    )

    def predict(self, seen: Seen, ask: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return the shifted control."""
        return answered(seen, ask, _shift)


def _shift(lesson: Lesson) -> dict[str, np.ndarray]:
    own, mean = lesson.of_perturbation, lesson.mean
    asked = lesson.ask["perturbation"].astype(str)
    return {name: own.get(what, mean) for name, what in zip(asked.index, asked, strict=True)}
