"""Predicted responses that somebody else computed: kept for one dataset of a board, joined by names, scored like any.

A table has a row a profile that a split asks about, named as the dataset names it or by the perturbation alone, and a
column a gene. Predictions say nothing of what they were learned from: that is the card's to say.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import ConfigError, DataError, ModelError
from scarena.base.files import write_text
from scarena.base.untrusted import check_names
from scarena.steps.config import BoardConfig, datasets_of
from scarena.steps.states import kind_of, read_state
from scarena.steps.submissions import CARD, check_name, folder_of, read_submitted_card
from scarena.steps.submitted_files import read_table
from scarena.steps.submitted_genes import Kept

if TYPE_CHECKING:
    import pandas as pd

    from scarena.datasets.response_truth import ResponseTruth
    from scarena.models.base import ModelCard

_SHOWN = 3


def submit_response(dataset: str, file: Path, card_file: Path, config: BoardConfig) -> Kept:
    """Put predicted responses on a board; return where they are kept, and what was lost on the way.

    Parameters
    ----------
    dataset
        One of the board's, prepared, of kind ``response``.
    file
        What `read_table` reads: means of log-normalised expression on the dataset's scale.
    card_file
        YAML with the keys of a model card.
    config
        The board.

    Raises
    ------
    ConfigError, CardError, DataError, ModelError
        If the name is taken, the board has no such dataset, or the table is no prediction of its profiles; nothing is
        written then.
    """
    return put_responses(dataset, file, read_submitted_card(card_file), card_file, config)


def put_responses(
    dataset: str, file: Path, card: ModelCard, told_by: Path, config: BoardConfig, *, suffix: str = ""
) -> Kept:
    """Do what `submit_response` does with a card that was read from `told_by`; `suffix` tells the kind of file."""
    from scarena.models.embedding import write_embedding
    from scarena.models.response_table import checked_responses

    check_name(card.name, config, told_by)
    truth = truth_of(dataset, config)
    asked = asked_of(truth)
    table, notes = _named(read_table(file, suffix), truth, config.cache, str(file))
    try:
        found = checked_responses(table, asked, list(truth.measured), str(file))
    except ModelError as why:
        raise DataError(why.what, where=str(file), fix=why.fix) from None
    told = np.isfinite(found)
    rows = told.any(axis=1)
    n_genes = int(told[rows].any(axis=0).sum())
    said = f"{int(rows.sum())} of {len(asked)} profiles that are asked about; {n_genes:,} of {found.shape[1]:,} genes"
    folder = folder_of(config, card.name)
    kept = folder / f"{dataset}.npz"
    write_embedding(kept, found, np.asarray(asked))
    # The card last: without one, nothing was submitted.
    write_text(folder / CARD, card.model_dump_json(indent=1) + "\n")
    return Kept(kept, (said, *notes))


def truth_of(dataset: str, config: BoardConfig) -> ResponseTruth:
    """Return a board's prepared dataset of perturbations.

    Raises
    ------
    ConfigError
        If the board has no such dataset, or it is of another kind.
    DataError
        If it is not prepared.
    """
    from scarena.datasets.response_truth import read_response_truth

    if dataset not in datasets_of(config):
        fix = f"one of: {', '.join(datasets_of(config))}"
        raise ConfigError(f"no dataset {dataset!r} on this board", where=f"board {config.board}", fix=fix)
    path = config.folder / dataset / "dataset.json"
    if not path.exists() or read_state(path)["state"] != "ok":
        fix = "make the board first: `scarena run --config …`"
        raise DataError("the dataset is not prepared", where=f"{dataset} ({path})", fix=fix)
    if kind_of(read_state(path)) != "response":
        fix = "name a dataset of perturbations; `scarena submit` takes vectors of cells"
        raise ConfigError(f"{dataset!r} asks about no perturbations", where=f"board {config.board}", fix=fix)
    return read_response_truth(path.with_suffix(".h5ad"))


def asked_of(truth: ResponseTruth) -> list[str]:
    """Return the profiles that splits ask about, but for those of the learning curve, which needs training anew."""
    return sorted({name for split in truth.splits if split.kind != "reveal" for name in split.asked})


def joined(kept: np.ndarray, names: np.ndarray, truth: ResponseTruth) -> np.ndarray:
    """Return what was submitted in the rows of every split, float32 [n_rows, G]; NaN on the learning curve."""
    row_of = {str(name): row for row, name in enumerate(names)}
    found = []
    for split in truth.splits:
        part = np.full((len(split.asked), len(truth.measured)), np.nan, np.float32)
        for place, name in enumerate(split.asked if split.kind != "reveal" else ()):
            if name in row_of:
                part[place] = kept[row_of[name]]
        found.append(part)
    return np.concatenate(found)


def _named(table: pd.DataFrame, truth: ResponseTruth, cache: Path, where: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return a table by the dataset's own names of profiles and genes; and what was lost, a line each."""
    from scarena.datasets.gene_names import named_genes
    from scarena.datasets.genes import gene_table

    names = [str(name) for name in table.index]
    check_names(names, where)
    if twice := sorted(name for name, n in Counter(names).items() if n > 1):
        raise DataError(f"the row {twice[0]!r} stands twice", where=where, fix="give one row a profile")
    by_name = _profiles_by_name(truth)
    known = [by_name.get(name) for name in names]
    if twice := sorted(name for name, n in Counter(filter(None, known)).items() if n > 1):
        raise DataError(f"two rows are of the profile {twice[0]!r}", where=where, fix="give one row a profile")
    if not any(known):
        some = ", ".join(sorted(by_name)[:_SHOWN])
        fix = f"name rows as the dataset does ({some} …)"
        raise DataError(f"none of the {len(names)} rows is a profile of the dataset", where=where, fix=fix)
    genes = named_genes([str(name) for name in table.columns], gene_table(cache=cache), where)
    rows = [row for row, profile in enumerate(known) if profile is not None]
    kept = table.iloc[rows, genes.rows].set_axis([known[row] for row in rows], axis=0).set_axis(genes.ids, axis=1)
    unknown = [name for name, profile in zip(names, known, strict=True) if profile is None]
    lost = (f"{len(unknown)} rows are no profile of the dataset ({', '.join(unknown[:_SHOWN])})",) if unknown else ()
    return kept, (*lost, *genes.notes)


def _profiles_by_name(truth: ResponseTruth) -> dict[str, str]:
    """Return each profile by its own name, and by its perturbation's where that is in one context alone."""
    perturbations = truth.profiles["perturbation"]
    alone = Counter(perturbations)
    named = {str(what): str(profile) for profile, what in perturbations.items() if alone[what] == 1}
    return named | {str(profile): str(profile) for profile in truth.profiles.index}
