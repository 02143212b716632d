"""The bilinear form in which perturbations are noise: what the form gets without knowing what was perturbed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.models.base import Context, ModelCard
from scarena.models.perturbations.bilinear_form import N_AXES, SETTINGS, OfBilinear
from scarena.models.perturbations.lessons import generator

if TYPE_CHECKING:
    import pandas as pd

    from scarena.models.perturbations.lessons import Lesson
    from scarena.models.responses import Seen


class BilinearRandomP(OfBilinear):
    """P is noise, drawn by the name of the perturbation."""

    of_genes_alone = False
    card = ModelCard(
        name="response-bilinear-random-p",
        title="Response: bilinear, random perturbations",
        family="control",
        offers="response",
        control="negative",
        uses_device=False,
        description="response-bilinear with Gaussian noise in place of what perturbations are known by",
        trains_on_target=True,
        source="doi:10.1101/2024.09.16.613342",
        licence="MIT",
        settings=SETTINGS,
    )

    def perturbations(
        self, lesson: Lesson, items: pd.DataFrame, own: pd.DataFrame, seen: Seen, ctx: Context
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return noise for every row, [n, 10]."""
        rows = [self._noise("perturbation", name, ctx) for name in items["perturbation"].astype(str)]
        return np.arange(len(items)), np.reshape(rows, (len(items), N_AXES))

    def control(self, lesson: Lesson, own: pd.DataFrame, seen: Seen, ctx: Context) -> np.ndarray:
        """Return noise, [10]."""
        return self._noise("control", "", ctx)

    def _noise(self, kind: str, name: str, ctx: Context) -> np.ndarray:
        return generator(self.card.name, ctx.seed, kind, name).normal(size=N_AXES)
