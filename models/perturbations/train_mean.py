"""The mean of what was seen, whatever is asked: what published models must be above, and often are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scarena.models.base import Context, ModelCard
from scarena.models.of_responses import ResponseModel
from scarena.models.perturbations.lessons import answered

if TYPE_CHECKING:
    from scarena.models.perturbations.lessons import Lesson
    from scarena.models.responses import Seen


class TrainMean(ResponseModel):
    """The mean over training perturbations; where a context is held out, of the same perturbation elsewhere."""

    card = ModelCard(
        name="response-train-mean",
        title="Response: training mean",
        family="baseline",
        offers="response",
        uses_device=False,
        description="the mean over training perturbations, each once; where a context is held out, the mean over the "
        "treated profiles of the same perturbation in the others, as published: no control enters it",
        trains_on_target=True,
        source="models/perturbations",
        licence="MIT",
        settings={"weights": "each perturbation once"},
    )

    def predict(self, seen: Seen, ask: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return means; the control where nothing was seen."""
        if seen.setting == "context" and len(seen.profiles):
            return _of_treated(seen, ask)
        return answered(seen, ask, _mean)


def _mean(lesson: Lesson) -> dict[str, np.ndarray]:
    return dict.fromkeys(lesson.ask.index, lesson.mean)


def _of_treated(seen: Seen, ask: pd.DataFrame) -> pd.DataFrame:
    """Return the mean treated profile of the same perturbation, or of all where it was not seen."""
    profiles = seen.profiles.sort_index()[seen.measured]
    means = profiles.groupby(seen.items.loc[profiles.index, "perturbation"].to_numpy()).mean()
    overall = means.mean()
    rows = [means.loc[each] if each in means.index else overall for each in ask["perturbation"]]
    return pd.DataFrame(np.array(rows, np.float64), index=ask.index, columns=seen.measured)
