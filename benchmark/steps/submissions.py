"""Embeddings that somebody else computed: kept in the board's results, joined by cell name, scored like any run.

``<results>/<board>/submissions/NAME/`` holds the card and one embedding a dataset. The board lists what is there; its
configuration says nothing of it, and removing the folder takes it off again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from scarena.base.errors import CardError, ConfigError, DataError
from scarena.base.files import sha256_of, write_text
from scarena.base.untrusted import read_object, read_yaml, reading
from scarena.base.validated import validated
from scarena.models.base import ModelCard
from scarena.steps.config import BoardConfig, datasets_of
from scarena.steps.states import read_state

CARD = "card.json"
"""Of a submission, written last."""


def folder_of(config: BoardConfig, name: str) -> Path:
    """Return where a board keeps the submission called `name`."""
    return config.folder / "submissions" / name


def submitted(config: BoardConfig) -> list[str]:
    """Return the names of a board's submissions, sorted; none that its configuration uses for a model."""
    found = sorted(path.parent.name for path in config.folder.glob(f"submissions/*/{CARD}"))
    return [name for name in found if name not in config.models]


def models_of(config: BoardConfig) -> list[str]:
    """Return the models of a board: those of its configuration, then what was submitted."""
    return [*config.models, *submitted(config)]


def seeds_of(config: BoardConfig, model: str) -> list[int]:
    """Return the seeds that a model runs with. A submission is one embedding, whatever seed it was made with."""
    return config.seeds[:1] if model in submitted(config) else config.seeds_for(model)


def runs_of(config: BoardConfig) -> list[tuple[str, str, int]]:
    """Return every run of a board as (dataset, model, seed), in the order of the board."""
    models = [(model, seed) for model in models_of(config) for seed in seeds_of(config, model)]
    return [(dataset, *each) for dataset in datasets_of(config) for each in models]


def submitted_card(config: BoardConfig, name: str) -> ModelCard:
    """Return the card of a submission.

    Raises
    ------
    DataError
        If the file was damaged since.
    """
    path, fix = folder_of(config, name) / CARD, "submit it again"
    with reading(path, what="not a model card", fix=fix):
        return ModelCard.model_validate(read_object(path, fix=fix))


def submission_fingerprint(config: BoardConfig, name: str) -> str:
    """Return a hash of a submission's card and embeddings, so that submitting again makes its runs stale."""
    import hashlib

    files = sorted(path for path in folder_of(config, name).iterdir() if path.suffix in (".json", ".npz"))
    return hashlib.sha256("".join(f"{path.name}{sha256_of(path)}" for path in files).encode()).hexdigest()[:16]


def read_submitted_card(path: Path, name: str | None = None) -> ModelCard:
    """Read the card that comes with an embedding; where a name is given, the card is that one's.

    Raises
    ------
    CardError
        If it is no model card, is that of a control, or leaves out where the model is from.
    """
    return checked_card(read_yaml(path, CardError, fix="give a YAML file"), path, name)


def checked_card(found: Any, path: Path, name: str | None = None) -> ModelCard:
    """Return the keys of a card that `path` gave as the card of a submission; see `read_submitted_card`."""
    fix = "correct these keys (see docs/plug-ins.md)"
    if name is not None and isinstance(found, dict) and found.setdefault("name", name) != name:
        what = f"is the card of {found['name']!r}, not of {name!r}"
        raise CardError(what, where=str(path), fix="give one name, or leave it out of the card")
    card = validated(ModelCard, found, CardError, where=str(path), fix=fix)
    if card.family == "control" or card.control:
        raise CardError("a control cannot be submitted", where=str(path), fix="say foundation or baseline")
    empty = [key for key in ("title", "description", "source", "licence") if not getattr(card, key).strip()]
    if empty:
        raise CardError(f"does not say: {', '.join(empty)}", where=str(path), fix="fill these in")
    return card


def submit(dataset: str, file: Path, card_file: Path, config: BoardConfig, key: str | None = None) -> Path:
    """Put a precomputed embedding on a board; return the file it is kept in.

    Parameters
    ----------
    dataset
        One of the board's, prepared.
    file
        Vectors by cell name: .npz, .csv, .parquet or .h5ad.
    card_file
        YAML with the keys of a model card.
    config
        The board.
    key
        Entry of ``obsm`` in an .h5ad that has several.

    Raises
    ------
    ConfigError, CardError, DataError, ModelError
        If the name is taken, the board has no such dataset, or the embedding is not one of exactly its cells; nothing
        is written then.
    """
    from scarena.models.embedding import check_embedding, write_embedding
    from scarena.steps.submitted_files import read_vectors, rows_of

    card = read_submitted_card(card_file)
    check_name(card.name, config, card_file)
    if dataset not in datasets_of(config):
        fix = f"one of: {', '.join(datasets_of(config))}"
        raise ConfigError(f"no dataset {dataset!r} on this board", where=f"board {config.board}", fix=fix)
    wanted = prepared_names(config.folder / dataset / "dataset.json", dataset)
    vectors, names = read_vectors(file, key)
    rows = rows_of(names, wanted, str(file))
    checked = check_embedding(vectors[rows], len(wanted), card.name)
    folder = folder_of(config, card.name)
    write_embedding(folder / f"{dataset}.npz", checked, wanted)
    # The card last: without one, nothing was submitted.
    write_text(folder / CARD, card.model_dump_json(indent=1) + "\n")
    return folder / f"{dataset}.npz"


def check_name(name: str, config: BoardConfig, where: Path) -> None:
    """Refuse a submission's name that is none, or a model's of scArena or of the board.

    Raises
    ------
    CardError
        If it is.
    """
    import re

    from scarena.models.registry import catalogue

    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name):
        raise CardError(f"{name!r} cannot be a model's name", where=str(where), fix="use a-z, 0-9, . and -")
    if name in config.models or name in {entry.name for entry in catalogue()}:
        raise CardError(f"scArena has a model called {name!r}", where=str(where), fix="choose another name")


def prepared_names(dataset_file: Path, dataset: str) -> np.ndarray:
    """Return the cell names of a board's prepared dataset.

    Raises
    ------
    DataError
        If it is not prepared.
    """
    from scarena.datasets.prepared import read_cells

    fix = "make the board first: `scarena run --config …`"
    if not dataset_file.exists() or read_state(dataset_file)["state"] != "ok":
        raise DataError("the dataset is not prepared", where=f"{dataset} ({dataset_file})", fix=fix)
    return np.asarray(read_cells(dataset_file.with_suffix(".h5ad")).index.to_numpy(), dtype=str)
