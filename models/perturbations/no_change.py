"""Nothing happens: the control that is shown, which whoever subtracts the same control scores by its noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.models.base import Context, ModelCard
from scarena.models.of_responses import ResponseModel
from scarena.models.perturbations.lessons import answered

if TYPE_CHECKING:
    import pandas as pd

    from scarena.models.responses import Seen


class NoChange(ResponseModel):
    """The control of the context."""

    card = ModelCard(
        name="response-no-change",
        title="Response: no change",
        family="control",
        offers="response",
        control="negative",
        uses_device=False,
        description="the mean of the control cells of the context that is asked about, whatever the perturbation",
        source="models/perturbations",
        licence="MIT",
    )

    def predict(self, seen: Seen, ask: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return the control for everything."""
        return answered(seen, ask, lambda lesson: dict.fromkeys(lesson.ask.index, np.zeros(len(lesson.measured))))
