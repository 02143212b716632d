"""Transfer: perturbations are known by what perturbing the same gene did in another screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scarena.base.errors import NotApplicable
from scarena.models.base import Context, ModelCard
from scarena.models.perturbations.bilinear_form import N_AXES, SETTINGS, OfBilinear
from scarena.models.perturbations.screens import Screen, other_screens
from scarena.models.perturbations.vectors import of_perturbations
from scarena.models.responses import targets_of

if TYPE_CHECKING:
    from scarena.models.perturbations.lessons import Lesson
    from scarena.models.responses import Seen


class OtherScreens(OfBilinear):
    """P from the screen at hand that knows most of the perturbed genes."""

    card = ModelCard(
        name="response-other-screens",
        title="Response: other screens",
        family="baseline",
        offers="response",
        uses_device=False,
        description="response-bilinear in which a perturbation is known by its scores on ten principal components of "
        "another screen, the one at hand that perturbed most of the same genes; none of the dataset's own studies",
        trains_on_target=True,
        source="doi:10.1101/2024.09.16.613342",
        licence="MIT",
        settings=SETTINGS,
    )

    def predict(self, seen: Seen, ask: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return what the screen predicts; no row for a gene that it did not perturb.

        Raises
        ------
        NotApplicable
            If no perturbation is of a gene, nobody says which studies the dataset is of, or no other screen perturbed
            any of these genes.
        """
        if not any(targets_of(ask)):
            raise NotApplicable("no perturbed gene is known", where=self.card.name, fix="none needed")
        if not seen.study:
            fix = "name the dataset's `study` on its card"
            raise NotApplicable("which screens are others is not known", where=self.card.name, fix=fix)
        self._screen = self._nearest(seen, ask, ctx)
        return super().predict(seen, ask, ctx)

    def _nearest(self, seen: Seen, ask: pd.DataFrame, ctx: Context) -> Screen:
        kept: dict[tuple[str, ...], tuple[Screen, ...]] = vars(self).setdefault("_kept", {})
        if seen.study not in kept:
            kept[seen.study] = other_screens(seen.study, N_AXES, ctx)
        genes = pd.Index(sorted({gene for each in (seen.items, ask) for told in targets_of(each) for gene in told}))
        known = {screen.name: int(genes.isin(screen.vectors.index).sum()) for screen in kept[seen.study]}
        best = max(kept[seen.study], key=lambda screen: known[screen.name], default=None)
        if best is None or not known[best.name]:
            fix = "none needed: it learns from other datasets of the same kind"
            raise NotApplicable("no other screen at hand perturbed any of these genes", where=self.card.name, fix=fix)
        if (line := f"learned from the screen {best.name}") not in ctx.notes:
            ctx.notes.append(line)
        return best

    def perturbations(
        self, lesson: Lesson, items: pd.DataFrame, own: pd.DataFrame, seen: Seen, ctx: Context
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the scores of the perturbed genes in the screen."""
        return of_perturbations(self._screen.vectors, items, summed=lesson.setting == "pair")

    def control(self, lesson: Lesson, own: pd.DataFrame, seen: Seen, ctx: Context) -> np.ndarray:
        """Return the score of the screen's control."""
        return self._screen.control
