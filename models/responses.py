"""What a model that predicts responses is told, and what it is asked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import NotApplicable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from anndata import AnnData

    from scarena.datasets.response_truth import ResponseTruth, Setting, Split
    from scarena.models.base import Context, Model

ASKED = ["perturbation", "context", "targets"]
"""Columns of what is asked about."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What a model may learn from. All profiles are means of log-normalised expression, on one scale.

    Parameters
    ----------
    setting
        What it will be asked about: an unseen perturbation (``gene``), an unseen ``pair``, or an unseen ``context``.
    profiles
        A row a profile (a perturbation in a context) it may learn from, a column a measured gene by Ensembl id; float.
        May have no rows.
    items
        By the same names: ``perturbation``, ``context``, and ``targets``, the Ensembl ids of the perturbed genes joined
        by ``+`` (empty for a compound).
    controls
        A row a context, those that are held out too: the mean of cells to which nothing was done. Not the scorer's.
    genes
        By Ensembl id, of measured and perturbed genes: ``symbol`` and `scarena.datasets.gene_facts.FACTS`, NaN where
        nobody knows.
    cells
        Cells to which nothing was done: counts, ``obs["context"]``. None where none are at hand.
    study
        Names or accessions of the studies that the dataset is from: who learns from other screens leaves these out.
    duplicates
        What a replicate experiment saw of the profiles asked about; for positive controls alone, else None.
    """

    setting: Setting
    profiles: pd.DataFrame
    items: pd.DataFrame
    controls: pd.DataFrame
    genes: pd.DataFrame
    cells: AnnData | None = None
    study: tuple[str, ...] = ()
    duplicates: pd.DataFrame | None = None

    @property
    def measured(self) -> pd.Index:
        """Ensembl ids of the columns."""
        return self.controls.columns


def targets_of(items: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return the Ensembl ids of the genes that each perturbation is of; none for a compound."""
    named: Sequence[str] = items["targets"].astype(str).tolist()
    return [tuple(part for part in each.split("+") if part) for each in named]


def seen_of(truth: ResponseTruth, split: Split, cells: AnnData | None, *, positive: bool = False) -> Seen:
    """Return what a model may learn from in one split.

    Parameters
    ----------
    truth, cells
        A prepared dataset.
    split
        One of its splits.
    positive
        Whether the model is a control that holds the truth, and is handed the other half of the cells.
    """
    rows = truth.profiles.index.get_indexer(list(split.training))
    duplicates = None
    if positive and truth.duplicate is not None:
        asked = truth.profiles.index.get_indexer(list(split.asked))
        duplicates = _table(truth.duplicate[asked], split.asked, truth.measured)
    return Seen(
        truth.setting, _table(truth.whole[rows], split.training, truth.measured),
        truth.profiles.loc[list(split.training), ASKED].copy(),
        _table(truth.control_shown, truth.contexts, truth.measured), truth.genes.copy(),
        None if cells is None else cells.copy(), tuple(json.loads(truth.card).get("study", ())), duplicates,
    )  # fmt: skip


def predictions(model: Model, truth: ResponseTruth, cells: AnnData | None, ctx: Context) -> np.ndarray:
    """Return what one model predicts in every split, one after the other: float32 [n_asked, G], NaN where nothing.

    Raises
    ------
    NotApplicable
        If it has nothing to say in any split; a split of which it says so has NaN.
    ModelError
        If what it returns is no table of numbers on the scale of the profiles.
    """
    from scarena.models.response_table import checked_responses

    found, reasons, name = list[np.ndarray](), list[NotApplicable](), model.card.name
    for split in truth.splits:
        asked = list(split.asked)
        seen = seen_of(truth, split, cells, positive=model.card.control == "positive")
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


def _table(values: np.ndarray, names: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(values.astype("float64"), index=list(names), columns=list(columns))
