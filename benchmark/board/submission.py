"""A result that can be checked by others, as a folder: card, hashes of the vectors, scores and environment.

``submission.json`` is written last: without it there is no submission. What is in such a folder comes from anybody, so
reading one takes nothing from it but names, numbers and texts; `scarena.board.rescored` computes its scores again.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from scarena.base.errors import CardError, ConfigError, DataError, ScarenaError
from scarena.base.files import check_output, write_json, write_text
from scarena.base.untrusted import read_object, reading
from scarena.board.crate import LOCK, lock
from scarena.board.verify import board_at, config_of
from scarena.datasets.card import load_card
from scarena.models.base import ModelCard
from scarena.steps.config import BoardConfig, ModelName, Name
from scarena.steps.states import read_record
from scarena.steps.submitted_runs import columns_hash

Json = dict[str, Any]

NAME, VECTORS = "submission.json", "vectors"
"""The file that says what is in the folder, and the folder of vectors in it."""
_PATTERN = r"^[0-9a-f]{64}$"


class SubmittedScore(BaseModel):
    """A score as its submitter computed it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: float | None = Field(None, allow_inf_nan=False)
    state: str
    reason: str = ""
    low: float | None = Field(None, allow_inf_nan=False)
    high: float | None = Field(None, allow_inf_nan=False)


class SubmittedRun(BaseModel):
    """One run: the vectors by their hash, and their scores; or why there are none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: Name
    seed: int = Field(ge=0)
    state: str
    reason: str = ""
    n_cells: int | None = None
    dimension: int | None = None
    embedding_sha256: str | None = Field(None, pattern=_PATTERN)
    columns_sha256: str | None = Field(None, pattern=_PATTERN)
    """Of the genes that the columns of a network or of responses are; vectors have none."""
    scores: dict[str, SubmittedScore] = {}

    @property
    def file(self) -> str:
        """The name of the file of vectors."""
        return f"{self.dataset}.{self.seed}.npz"


class Submission(BaseModel):
    """What ``submission.json`` says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    model: ModelName
    card: ModelCard
    tasks: list[Name] = Field(min_length=1)
    scored_cells: int = Field(ge=1000)
    cl_release: str
    versions: dict[str, str]
    commits: list[str]
    hardware: dict[str, Any]
    runs: list[SubmittedRun] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Packaged:
    """A folder that was made, and what is not in it."""

    folder: Path
    submission: Submission
    left_out: tuple[str, ...]


def package_submission(place: Path, model: str, out: Path, *, vectors: bool = False) -> Packaged:
    """Make a folder of one model's runs on a finished board, to be sent to others.

    Parameters
    ----------
    place
        The board's folder.
    model
        One of the board's models, submitted ones included.
    out
        Folder to make; one that holds a submission already is refused.
    vectors
        Whether to copy the vectors too, without which only who has the model can check it.

    Raises
    ------
    CardError
        If the model is a control.
    ConfigError
        If the board has no such model, or `out` is there already.
    DataError
        If there is no board, or none of the model's runs can be checked by others.
    """
    board = board_at(place)
    config = config_of(board, place)
    cells = [cell for cell in board["cells"] if cell["model"] == model]
    if not cells:
        fix = f"one of: {', '.join(entry['name'] for entry in board['models'])}"
        raise ConfigError(f"no model {model!r} on this board", where=str(place), fix=fix)
    if (out / NAME).exists():
        raise ConfigError("holds a submission already", where=str(out), fix="give the name of a new folder")
    check_output(out, folder=True)
    runs, left_out = _runs(cells, place, config)
    if not runs:
        raise DataError(f"nothing to submit: {left_out[0]}", where=str(place), fix="run it on a published dataset")
    card = _card(board, model)
    submission = _submission(board, config, model, card, runs)
    for run in runs if vectors else ():
        if run.embedding_sha256:
            target = out / VECTORS / run.file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(place / run.dataset / model / str(run.seed) / "embedding.npz", target)
    installed = (place / LOCK).read_text(encoding="utf-8") if (place / LOCK).exists() else lock()
    write_text(out / LOCK, installed)
    write_text(out / "card.json", card.model_dump_json(indent=1) + "\n")
    write_json(out / NAME, submission.model_dump(mode="json"))
    return Packaged(out, submission, tuple(left_out))


def _card(board: Json, model: str) -> ModelCard:
    """Return the card of a model on a board; controls are refused."""
    entry = next(entry for entry in board["models"] if entry["name"] == model)
    card = ModelCard.model_validate({key: entry[key] for key in ModelCard.model_fields if key in entry})
    if card.family == "control" or card.control:
        raise CardError("a control is no result", where=model, fix="submit a foundation model or a baseline")
    return card


def _submission(board: Json, config: BoardConfig, model: str, card: ModelCard, runs: list[SubmittedRun]) -> Submission:
    said = board["provenance"]
    return Submission(
        model=model, card=card, tasks=config.tasks, scored_cells=config.scored_cells, cl_release=said["cl_release"],
        versions=said["versions"], commits=said["commits"], hardware=said["hardware"], runs=runs,
    )  # fmt: skip


def _runs(cells: list[Json], place: Path, config: BoardConfig) -> tuple[list[SubmittedRun], list[str]]:
    """Return the runs that others can check, failed ones included, and a line for each dataset that is left out."""
    runs, left_out = list[SubmittedRun](), dict[str, str]()
    for cell in cells:
        dataset, seed = cell["dataset"], cell["seed"]
        if why := left_out.get(dataset) or _unpublished(dataset, config):
            left_out[dataset] = why
            continue
        told: Json = {"dataset": dataset, "seed": seed, "state": cell["state"], "reason": cell.get("reason", "")}
        if cell["state"] == "ok":
            record = read_record(place / dataset / cell["model"] / str(seed) / "record.json")
            told |= {key: getattr(record, key) for key in ("n_cells", "dimension", "embedding_sha256")}
            kept = SubmittedScore.model_fields
            told["columns_sha256"] = columns_hash(place / dataset / "dataset.json")
            told["scores"] = {
                key: {name: score[name] for name in kept if name in score} for key, score in cell["scores"].items()
            }
        runs.append(SubmittedRun.model_validate(told))
    return runs, [f"{dataset}: {why}" for dataset, why in left_out.items()]


def _unpublished(dataset: str, config: BoardConfig) -> str:
    """Return why others cannot compute scores on a dataset; empty where they can."""
    try:
        card = load_card(dataset, config.user_cards)
    except ScarenaError as error:
        return f"its card is not at hand ({error.what})"
    if any(file.url.startswith("file:") for file in card.files):
        return "its files are on this machine alone"
    return ""


def read_submission(folder: Path) -> Submission:
    """Return what a folder submits.

    Raises
    ------
    DataError
        If there is no submission in it, or it is not one.
    """
    path, fix = folder / NAME, "`scarena package-submission` makes such a folder"
    if not path.exists():
        raise DataError("no submission", where=str(path), fix=fix)
    with reading(path, what="not a submission", fix=fix):
        found = Submission.model_validate(read_object(path, fix=fix))
    runs = [(run.dataset, run.seed) for run in found.runs]
    if len(set(runs)) < len(runs):
        raise DataError("a run stands twice", where=str(path), fix="make it again")
    if found.card.name != found.model or found.card.control or found.card.family == "control":
        raise DataError("its card is another model's, or a control's", where=str(path), fix="make it again")
    return found
