"""What perturbations did to cells, and the prepared form of it: mean profiles, the splits, and who may see what.

Everything that a score must not share with a model lies apart from the first: controls and perturbed cells are divided
once, one half for the scorer and one for models.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.base.advice import made_again
from scarena.base.errors import DataError
from scarena.base.files import replacing
from scarena.base.untrusted import reading
from scarena.datasets.response_learned import write_learned
from scarena.datasets.response_rule import Setting as Setting
from scarena.datasets.response_split import Split as Split

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

KEY = "response"
LEARNED = "cells_to_learn_from"
"""In ``further``: how many cells lie beside the dataset for models to learn from."""
_OPTIONAL = ("duplicate", "strength", "doubt")


@dataclass(frozen=True, slots=True, eq=False)
class ResponseTruth:
    """What one dataset knows of responses.

    Shapes: P profiles (a perturbation in a context), C contexts, G measured genes. All profiles are means of
    log-normalised expression.

    Parameters
    ----------
    setting
        What is unseen.
    profiles
        By name [P]: ``perturbation`` and ``context``; ``targets``, the Ensembl ids of the perturbed genes joined by
        ``+``, empty where it is none (a compound) or not known; ``n_cells``, 0 where nobody says;
        ``reproducibility``, the correlation of two halves' effects, Spearman-Brown corrected, NaN without cells.
    contexts
        Names [C].
    measured
        Ensembl ids of the columns [G].
    genes
        By Ensembl id, of measured and perturbed genes: ``symbol`` and `scarena.datasets.gene_facts.FACTS`.
    observed
        float32 [P, G], what predictions are scored against: the first half of the cells, or all where no cells are at
        hand.
    whole
        float32 [P, G], what models see of a profile they may learn from: the mean over all its cells.
    control_scored, control_shown
        float32 [C, G], of two halves of the control's cells: the scorer's and the models'. The same where no cells are
        at hand (`shared_control`).
    splits
        Who learns from what.
    duplicate
        float32 [P, G], the second half of the cells: what a replicate experiment would have shown. None without cells.
    strength
        float32 [P, G], |t| of the second half against the cells of all other perturbations of its context.
    doubt
        float32 [P, G], the adjusted p value of this.
    shared_control
        Whether scorer and models have the same control, whose noise is then in both.
    card
        The dataset's card as JSON.
    notes
        What was lost, dropped or found, a line each.
    """

    setting: Setting
    profiles: pd.DataFrame
    contexts: tuple[str, ...]
    measured: tuple[str, ...]
    genes: pd.DataFrame
    observed: np.ndarray
    whole: np.ndarray
    control_scored: np.ndarray
    control_shown: np.ndarray
    splits: tuple[Split, ...]
    duplicate: np.ndarray | None = None
    strength: np.ndarray | None = None
    doubt: np.ndarray | None = None
    shared_control: bool = False
    card: str = "{}"
    notes: tuple[str, ...] = ()
    learned: AnnData | None = None
    """Cells that models may learn from (`scarena.datasets.response_learned.write_learned`), while it is prepared; None
    where no cells are at hand, and of one that was read."""
    further: dict[str, Any] = field(default_factory=dict)
    """Hashes of the sources and of the splits, and what else a prepared dataset says of itself."""

    @property
    def targets(self) -> frozenset[str]:
        """What it knows: ``response``, and ``replicates`` where there are cells to make a second half of."""
        return frozenset({"response"} if self.duplicate is None else {"response", "replicates"})


def write_response_truth(truth: ResponseTruth, cells: AnnData | None, path: Path) -> None:
    """Write the prepared form as a whole or not at all.

    Parameters
    ----------
    truth
        What the scorer reads.
    cells
        The control's cells that models are shown: counts, Ensembl ids as ``var_names``, ``obs["batch"]`` and
        ``obs["context"]``. None where no cells are at hand.
    path
        The h5ad to write.
    """
    from anndata import AnnData

    data = AnnData(shape=(0, len(truth.measured))) if cells is None else cells.copy()
    if cells is None:
        data.var_names = list(truth.measured)
    told: dict[str, Any] = {
        "setting": truth.setting, "profiles": truth.profiles, "contexts": list(truth.contexts),
        "measured": list(truth.measured), "genes": truth.genes, "shared_control": truth.shared_control,
        "splits": json.dumps([[s.name, s.kind, s.training, s.asked] for s in truth.splits]),
    }  # fmt: skip
    arrays = ("observed", "whole", "control_scored", "control_shown", *_OPTIONAL)
    told |= {name: np.asarray(each, np.float32) for name in arrays if (each := getattr(truth, name)) is not None}
    data.uns[KEY] = told
    n_learned = {} if truth.learned is None else {LEARNED: truth.learned.n_obs}
    data.uns.update(card=truth.card, notes=list(truth.notes), further=truth.further | n_learned)
    write_learned(truth.learned, path)
    with replacing(path) as part:
        data.write_h5ad(part)


def read_response_truth(path: Path) -> ResponseTruth:
    """Read what `write_response_truth` wrote, without the cells.

    Raises
    ------
    DataError
        If the file is missing or damaged, or of no perturbations.
    """
    import h5py
    from anndata.io import read_elem

    from scarena.datasets.stores.hdf5 import check_hdf5

    fix = made_again(path, "dataset.h5ad", "dataset.json")
    with reading(path, what="no readable dataset of perturbations", fix=fix):
        check_hdf5(path, matrices=False)
        with h5py.File(path, "r") as file:
            told = read_elem(file["uns"][KEY]) if KEY in file["uns"] else {}
            card, notes, further = (read_elem(file["uns"][key]) for key in ("card", "notes", "further"))
    if not told:
        raise DataError("no dataset of perturbations", where=str(path), fix=fix)
    with reading(path, what="no readable dataset of perturbations", fix=fix):
        splits = tuple(Split(name, kind, tuple(t), tuple(a)) for name, kind, t, a in json.loads(str(told["splits"])))
        arrays = {name: np.asarray(told[name], np.float32) for name in told if getattr(told[name], "ndim", 0) == 2
                  and name not in ("profiles", "genes")}  # fmt: skip
        truth = ResponseTruth(
            told["setting"], _text(told["profiles"], "perturbation", "context", "targets"),
            tuple(map(str, told["contexts"])), tuple(map(str, told["measured"])), _text(told["genes"], "symbol"),
            splits=splits, shared_control=bool(told["shared_control"]), card=str(card),
            notes=tuple(map(str, notes)), further=dict(further), **arrays,
        )  # fmt: skip
    _check(truth, path, fix)
    return truth


def read_response_cells(path: Path) -> AnnData | None:
    """Return the control's cells that models are shown; None where no cells are at hand."""
    import anndata

    fix = made_again(path, "dataset.h5ad", "dataset.json")
    with reading(path, what="no readable dataset of perturbations", fix=fix):
        data = anndata.read_h5ad(path)
    if not data.n_obs:
        return None
    data.uns = {}
    return data


def _text(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    table = table.copy()
    table.index = table.index.astype(str)
    table[list(columns)] = table[list(columns)].astype(str)
    return table


def _check(truth: ResponseTruth, path: Path, fix: str) -> None:
    """Refuse arrays of other shapes than their names, and splits of profiles that are not there."""
    rows, columns = len(truth.profiles), len(truth.measured)
    for name in ("observed", "whole", *_OPTIONAL):
        if (each := getattr(truth, name)) is not None and each.shape != (rows, columns):
            raise DataError(f"{name} has shape {each.shape} and not {(rows, columns)}", where=str(path), fix=fix)
    for name in ("control_scored", "control_shown"):
        if getattr(truth, name).shape != (len(truth.contexts), columns):
            raise DataError(f"{name} is not of these contexts and genes", where=str(path), fix=fix)
    named = {name for split in truth.splits for name in (*split.training, *split.asked)}
    if lost := sorted(named - set(truth.profiles.index)):
        raise DataError(f"a split names a profile that is not there: {lost[0]}", where=str(path), fix=fix)
