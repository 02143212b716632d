"""The bilinear form of Ahlmann-Eltze, Huber and Anders (doi:10.1101/2024.09.16.613342).

Y ≈ G W Pᵀ + b: effects of perturbations on genes, by vectors G of the genes and P of the perturbations. Beside the
training perturbations the control is learned from: its effect is none.

Shapes: n learned from (controls too), m asked about, G genes, K dimensions of a gene, L of a perturbation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scarena.base.errors import NotApplicable
from scarena.models.base import Context
from scarena.models.of_responses import ResponseModel
from scarena.models.perturbations.axes import scores
from scarena.models.perturbations.lessons import answered
from scarena.models.perturbations.vectors import of_perturbations
from scarena.models.responses import targets_of

if TYPE_CHECKING:
    from scarena.models.perturbations.lessons import Lesson
    from scarena.models.responses import Seen

N_AXES, PENALTY = 10, 0.1
"""As published."""
SETTINGS: dict[str, str | int | float | bool | None] = {"axes": N_AXES, "penalty": PENALTY}


def bilinear(
    g_GK: np.ndarray, p_nL: np.ndarray, y_nG: np.ndarray, p_mL: np.ndarray, penalty: float = PENALTY
) -> np.ndarray:  # fmt: skip
    """Return predicted effects, float64 [m, G].

    W = (GᵀG + λI)⁻¹ Gᵀ (Y − b) P (PᵀP + λI)⁻¹, with b the mean effect of what is learned from.
    """
    mean_G = y_nG.mean(axis=0)
    left = g_GK.T @ g_GK + penalty * np.eye(g_GK.shape[1])
    right = p_nL.T @ p_nL + penalty * np.eye(p_nL.shape[1])
    w_KL = np.linalg.solve(left, np.linalg.solve(right, p_nL.T @ (y_nG - mean_G) @ g_GK).T)
    return np.asarray(mean_G + p_mL @ w_KL.T @ g_GK.T)


def own_scores(lesson: Lesson) -> pd.DataFrame:
    """Return the genes along ten components of what is learned from, controls included, by Ensembl id, [G, ≤ 10].

    Genes are the observations, and profiles what is centred.
    """
    context = lesson.items["context"]
    treated = lesson.effects + lesson.controls.loc[context].to_numpy()
    every = np.concatenate([treated, lesson.controls.loc[sorted(set(context))].to_numpy()])
    return pd.DataFrame(scores(every.T, N_AXES), index=lesson.measured)


class OfBilinear(ResponseModel):
    """The bilinear form. A subclass a file, which changes what genes or perturbations are known by."""

    of_genes_alone = True
    """Whether perturbations are known by their genes, so that compounds are not."""

    def predict(self, seen: Seen, ask: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return G W p and the mean effect on top of the control; no row where a perturbation has no vector.

        Raises
        ------
        NotApplicable
            If no perturbation is of a gene, and genes are what they are known by.
        """
        if self.of_genes_alone and not any(targets_of(ask)):
            raise NotApplicable("no perturbed gene is known", where=self.card.name, fix="none needed")
        return answered(seen, ask, lambda lesson: self._effects(lesson, seen, ctx))

    def genes(self, lesson: Lesson, own: pd.DataFrame, ctx: Context) -> np.ndarray:
        """Return what genes are known by, [G, K]; here their scores on what is learned from."""
        return own.to_numpy()

    def perturbations(
        self, lesson: Lesson, items: pd.DataFrame, own: pd.DataFrame, seen: Seen, ctx: Context
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return rows of items that have a vector, and the vectors; here the scores of the perturbed genes."""
        return of_perturbations(own, items, summed=lesson.setting == "pair")

    def control(self, lesson: Lesson, own: pd.DataFrame, seen: Seen, ctx: Context) -> np.ndarray:
        """Return what the control is known by, [L]; here nothing."""
        return np.zeros(own.shape[1])

    def _effects(self, lesson: Lesson, seen: Seen, ctx: Context) -> dict[str, np.ndarray]:
        own = (
            own_scores(lesson)
            if len(lesson.items)
            else pd.DataFrame(np.zeros((len(lesson.measured), 1)), lesson.measured)
        )
        rows, p_mL = self.perturbations(lesson, lesson.ask, own, seen, ctx)
        learn, p_nL = self.perturbations(lesson, lesson.items, own, seen, ctx)
        found = np.broadcast_to(lesson.mean, (len(rows), len(lesson.measured)))
        if len(rows) and len(learn):
            n_controls = lesson.items["context"].nunique()
            none = np.zeros((n_controls, len(lesson.measured)))
            nothing = np.repeat(self.control(lesson, own, seen, ctx)[None], n_controls, axis=0)
            y_nG, p_nL = np.concatenate([lesson.effects[learn], none]), np.concatenate([p_nL, nothing])
            found = bilinear(self.genes(lesson, own, ctx), p_nL, y_nG, p_mL)
        return dict(zip(lesson.ask.index[rows], found, strict=True))
