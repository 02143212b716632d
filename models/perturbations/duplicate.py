"""Positive control: what a replicate experiment saw of the very perturbations that are asked about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scarena.base.errors import NotApplicable
from scarena.models.base import Context, ModelCard
from scarena.models.of_responses import ResponseModel

if TYPE_CHECKING:
    import pandas as pd

    from scarena.models.responses import Seen


class Duplicate(ResponseModel):
    """The other half of the cells."""

    card = ModelCard(
        name="response-duplicate",
        title="Response: replicate experiment",
        family="control",
        offers="response",
        control="positive",
        holds=("target",),
        uses_device=False,
        description="the mean of that half of a perturbation's cells which is not scored: what a replicate experiment "
        "would have predicted",
        uses_labels=True,
        source="models/perturbations",
        licence="MIT",
    )

    def predict(self, seen: Seen, ask: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return the replicates.

        Raises
        ------
        NotApplicable
            If there are none, as where no cells are at hand.
        """
        if seen.duplicates is None:
            raise NotApplicable("no cells are at hand to make a replicate of", where=self.card.name, fix="none needed")
        return seen.duplicates.loc[ask.index.intersection(seen.duplicates.index, sort=False)]
