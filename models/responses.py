"""What a model that predicts responses is told, and what it is asked.

Every model is told so, by its base class too: nothing here may import a model.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from scarena.datasets.response_learned import read_learned
from scarena.datasets.response_truth import LEARNED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pandas as pd
    from anndata import AnnData

    from scarena.datasets.response_truth import ResponseTruth, Setting, Split

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
    training_cells
        Reads the cells behind ``profiles``, and the models' half of the control: log-normalised expression of the
        measured genes on the scale of ``profiles``, ``obs["profile"]`` (empty for the control) and ``obs["context"]``.
        None where no cells are at hand.
    """

    setting: Setting
    profiles: pd.DataFrame
    items: pd.DataFrame
    controls: pd.DataFrame
    genes: pd.DataFrame
    cells: AnnData | None = None
    study: tuple[str, ...] = ()
    duplicates: pd.DataFrame | None = None
    training_cells: Callable[[], AnnData] | None = None

    @property
    def measured(self) -> pd.Index:
        """Ensembl ids of the columns."""
        return self.controls.columns


def targets_of(items: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return the Ensembl ids of the genes that each perturbation is of; none for a compound."""
    named: Sequence[str] = items["targets"].astype(str).tolist()
    return [tuple(part for part in each.split("+") if part) for each in named]


def seen_of(
    truth: ResponseTruth, split: Split, cells: AnnData | None, *, positive: bool = False, path: Path | None = None
) -> Seen:  # fmt: skip
    """Return what a model may learn from in one split.

    Parameters
    ----------
    truth, cells
        A prepared dataset.
    split
        One of its splits.
    positive
        Whether the model is a control that holds the truth, and is handed the other half of the cells.
    path
        The file of the prepared dataset, for the cells beside it; None for none.
    """
    place = {name: row for row, name in enumerate(truth.profiles.index)}
    rows = [place[name] for name in split.training]
    duplicates = None
    if positive and truth.duplicate is not None:
        asked = [place[name] for name in split.asked]
        duplicates = _table(truth.duplicate[asked], split.asked, truth.measured)
    learn = None
    if path is not None and int(truth.further.get(LEARNED, 0)):
        learn = partial(read_learned, path, split)
    return Seen(
        truth.setting, _table(truth.whole[rows], split.training, truth.measured),
        truth.profiles.loc[list(split.training), ASKED].copy(),
        _table(truth.control_shown, truth.contexts, truth.measured), truth.genes.copy(),
        None if cells is None else cells.copy(), tuple(json.loads(truth.card).get("study", ())), duplicates,
        learn,
    )  # fmt: skip


def _table(values: np.ndarray, names: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(values.astype("float64"), index=list(names), columns=list(columns))
