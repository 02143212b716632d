"""The bilinear form in which genes are noise: effects may go in ten directions that are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.models.base import Context, ModelCard
from scarena.models.perturbations.bilinear_form import N_AXES, SETTINGS, OfBilinear
from scarena.models.perturbations.lessons import generator

if TYPE_CHECKING:
    import pandas as pd

    from scarena.models.perturbations.lessons import Lesson


class BilinearRandomG(OfBilinear):
    """G is noise, drawn by the name of the gene."""

    card = ModelCard(
        name="response-bilinear-random-g",
        title="Response: bilinear, random genes",
        family="control",
        offers="response",
        control="negative",
        uses_device=False,
        description="response-bilinear with Gaussian noise in place of what genes are known by",
        trains_on_target=True,
        source="doi:10.1101/2024.09.16.613342",
        licence="MIT",
        settings=SETTINGS,
    )

    def genes(self, lesson: Lesson, own: pd.DataFrame, ctx: Context) -> np.ndarray:
        """Return noise, [G, 10]."""
        rows = [generator(self.card.name, ctx.seed, gene).normal(size=N_AXES) for gene in lesson.measured]
        return np.reshape(rows, (len(rows), N_AXES))
