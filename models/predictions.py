"""Asking one model about every split of a dataset of perturbations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import NotApplicable
from scarena.models.response_table import checked_responses
from scarena.models.responses import ASKED, seen_of

if TYPE_CHECKING:
    from pathlib import Path

    from anndata import AnnData

    from scarena.datasets.response_truth import ResponseTruth
    from scarena.models.base import Context, Model


def predictions(
    model: Model, truth: ResponseTruth, cells: AnnData | None, ctx: Context, path: Path | None = None
) -> np.ndarray:  # fmt: skip
    """Return what one model predicts in every split, one after the other: float32 [n_asked, G], NaN where nothing.

    Parameters
    ----------
    model, ctx
        Who is asked, and by what run.
    truth, cells
        A prepared dataset.
    path
        Its file, for the cells of training perturbations that lie beside it; None for none.

    Raises
    ------
    NotApplicable
        If it has nothing to say in any split; a split of which it says so has NaN.
    ModelError
        If what it returns is no table of numbers on the scale of the profiles.
    """
    found, reasons, name = list[np.ndarray](), list[NotApplicable](), model.card.name
    for split in truth.splits:
        asked = list(split.asked)
        seen = seen_of(truth, split, cells, positive=model.card.control == "positive", path=path)
        try:
            table = model.predict(seen, truth.profiles.loc[asked, ASKED].copy(), ctx)
        except NotApplicable as why:
            reasons.append(why)
            found.append(np.full((len(asked), len(truth.measured)), np.nan, np.float32))
            continue
        found.append(checked_responses(table, asked, list(truth.measured), name))
    if len(reasons) == len(truth.splits):
        raise reasons[0]
    ctx.notes.extend(f"nothing is predicted in some splits: {why}" for why in dict.fromkeys(map(str, reasons)))
    return np.concatenate(found)
