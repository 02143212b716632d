"""scArena-FM's responses by in-silico knock-out: how the decoded expression of cells changes without a gene's counts.

The transformer was trained on no perturbation. What it says is a direction; how far to go, a number for all genes and
perturbations, is learned from the training perturbations, and is below zero where genes were activated.

Shapes: n learned from, G genes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import NotApplicable
from scarena.models.base import Context, ModelCard
from scarena.models.foundation.checkpoint import SHIPPED, load, read_genes
from scarena.models.networks.of_transformer import CODE
from scarena.models.of_networks import drawn
from scarena.models.of_responses import ResponseModel
from scarena.models.perturbations.lessons import answered
from scarena.models.perturbations.vectors import of_perturbations
from scarena.models.responses import targets_of
from scarena.models.scarena_fm import settings_of, trained_on

if TYPE_CHECKING:
    import pandas as pd

    from scarena.models.perturbations.lessons import Lesson
    from scarena.models.responses import Seen

N_CELLS, N_KNOCKED_OUT = 1000, 16
"""Control cells that are read, and of those that express a gene how many it is taken from, at most."""


class KnockoutResponse(ResponseModel):
    """In-silico knock-out, on a scale that is fitted."""

    card = ModelCard(
        name="scarena-fm-knockout-response",
        title="scArena-FM (in-silico knock-out, response)",
        family="foundation",
        offers="response",
        description="in-house transformer: how the decoded log share of each gene changes in control cells without the "
        "perturbed gene's counts, about the mean training effect and times one number that is fitted on these",
        trains_on_target=True,
        settings=settings_of(SHIPPED, CODE, n_cells=N_CELLS, n_knocked_out=N_KNOCKED_OUT),
        **trained_on(SHIPPED),
    )

    def predict(self, seen: Seen, ask: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return shifted controls; no row for a gene that few control cells express, NaN for genes it does not know.

        Raises
        ------
        NotApplicable
            If no control cells are at hand, or no perturbed gene is known.
        """
        if seen.cells is None:
            raise NotApplicable("no control cells are at hand", where=self.card.name, fix="none needed")
        if not any(targets_of(ask)):
            raise NotApplicable("no perturbed gene is known", where=self.card.name, fix="none needed")
        every = {gene for items in (seen.items, ask) for genes in targets_of(items) for gene in genes}
        shifts = self._shifts(seen, sorted(every), ctx)
        return answered(seen, ask, lambda lesson: _scaled(lesson, shifts))

    def _shifts(self, seen: Seen, genes: list[str], ctx: Context) -> pd.DataFrame:
        """Return changes of log shares [perturbed, G], of genes not asked for before in this run computed now."""
        import pandas as pd
        import torch

        from scarena.models.foundation.regulator_scores import knockout_scores

        kept: dict[str, pd.Series] = vars(self).setdefault("_kept", {})
        new = [gene for gene in genes if gene not in kept]
        measured = seen.measured.sort_values()
        if new and seen.cells is not None:
            torch.set_num_threads(ctx.threads)
            some = seen.cells[drawn(seen.cells.n_obs, N_CELLS, ctx.seed)]
            found = knockout_scores(
                load(SHIPPED), some, read_genes(SHIPPED), new, ctx.device, n_cells=N_KNOCKED_OUT, seed=ctx.seed
            )
            kept |= {gene: found.loc[gene].reindex(measured) for gene in found.index}
        known = [gene for gene in genes if gene in kept and kept[gene].notna().any()]
        values = np.reshape([kept[gene] for gene in known], (len(known), len(measured)))
        return pd.DataFrame(values, index=pd.Index(known, dtype=object), columns=measured)


def _scaled(lesson: Lesson, shifts: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return effects: the mean one, and the shift less the mean shift, times what fits the training effects best."""
    rows, asked = _in_log1p(lesson, lesson.ask, shifts)
    learn, told = _in_log1p(lesson, lesson.items, shifts)
    if not len(lesson.items):
        found = asked
    elif not len(learn):
        found = lesson.mean + 0 * asked
    else:
        effects, centre = lesson.effects[learn], told.mean(axis=0)
        scale = fitted_scale(told - centre, effects - effects.mean(axis=0))
        found = effects.mean(axis=0) + scale * (asked - centre)
    return dict(zip(lesson.ask.index[rows], found, strict=True))


def fitted_scale(shifts: np.ndarray, effects: np.ndarray) -> float:
    """Return the number that shifts are to be multiplied by, in least squares; 0 where they are all alike."""
    square = float(np.nansum(shifts**2))
    return float(np.nansum(shifts * effects)) / square if square > 1e-12 else 0.0


def _in_log1p(lesson: Lesson, items: pd.DataFrame, shifts: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of items that have a shift, and the shifts as changes of log1p expression from the control's.

    The derivative of log(1 + x) by log x is x / (1 + x), which is 1 − exp(−log(1 + x)).
    """
    rows, values = of_perturbations(shifts, items, summed=lesson.setting == "pair")
    control = lesson.controls.loc[items["context"].iloc[rows]].to_numpy()
    return rows, values * (1 - np.exp(-control))
