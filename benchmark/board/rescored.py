"""The scores of a submission, computed again from its vectors and the published datasets.

Two values are the same up to 10⁻⁶. They agree where they are no further apart than the end of the new score's 95 %
interval is from the new score, or than .0001. The intervals that a submission claims are not asked: a wide one would
excuse anything.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scarena.base.errors import ScarenaError
from scarena.base.files import sha256_of, write_text
from scarena.base.progress import tell
from scarena.base.untrusted import check_regular
from scarena.board.submission import VECTORS, Submission, SubmittedRun, read_submission
from scarena.board.verify import Compared, compare
from scarena.metrics.registry import METRICS
from scarena.steps.config import BoardConfig, parse_config
from scarena.steps.sequence import dataset_steps, run_steps
from scarena.steps.states import kind_of, read_state
from scarena.steps.submissions import CARD, folder_of
from scarena.steps.submitted_runs import columns_hash, sent_file

_CONTROLS = ("random-64", "random-2")
"""A board has to list a model: one of these, which is not run."""


def check_submission(folder: Path, vectors: Path | None = None, *, cache: Path = Path(".cache")) -> Iterator[Compared]:
    """Compute the scores of a submission again and yield how each run compares.

    Parameters
    ----------
    folder
        Of the submission.
    vectors
        Where its vectors are; its own folder of them if None. A file is `DATASET.SEED.npz`.
    cache
        Where pulled files are kept.

    Raises
    ------
    DataError
        If there is no submission in the folder, or it is damaged.
    """
    submission = read_submission(folder)
    place = vectors or folder / VECTORS
    with tempfile.TemporaryDirectory(prefix="submission-") as results:
        config = _board(submission, Path(results), cache)
        ready: dict[str, dict[str, Any]] = {}
        for done, run in enumerate(submission.runs):
            tell("computing again", done, len(submission.runs), "runs", f"{run.dataset}, seed {run.seed}")
            who = (run.dataset, submission.model, run.seed)
            if why := _not_to_be_scored(run, place):
                yield Compared(*who, *why)
                continue
            if run.dataset not in ready:
                ready[run.dataset] = _last(dataset_steps(run.dataset, config))
            again = ready[run.dataset]
            if again["state"] == "ok":
                if wrong := _of_other_columns(run, config):
                    yield Compared(*who, "differs", wrong)
                    continue
                again = _scored(submission, run, place / run.file, config)
            yield _compared(who, run, again)


def _board(submission: Submission, results: Path, cache: Path) -> BoardConfig:
    """Return a board for the runs: of the submission only names, tasks and how many cells are scored."""
    datasets = list(dict.fromkeys(run.dataset for run in submission.runs))
    told = {
        "board": "check", "datasets": datasets, "tasks": submission.tasks, "scored_cells": submission.scored_cells,
        "models": [next(name for name in _CONTROLS if name != submission.model)],
        "results": str(results), "cache": str(cache), "user_cards": str(results / "none"),
    }  # fmt: skip
    return parse_config(told, f"submission of {submission.model}")


def _not_to_be_scored(run: SubmittedRun, place: Path) -> tuple[Any, str] | None:
    """Return verdict and reason of a run whose scores are not computed; None where they can be."""
    if run.state != "ok":
        # It claims no score: there is nothing to check.
        return ("differs", "claims scores of a run that failed") if run.scores else ("same", run.state)
    if not run.scores or run.embedding_sha256 is None:
        return "differs", "says that it ended well, and has no scores or no hash of its vectors"
    file = place / run.file
    if not file.exists():
        return "not recomputed", f"no vectors: {file} is not there"
    try:
        check_regular(file, fix="give the file of vectors itself")
    except ScarenaError as error:
        return "differs", str(error)
    if sha256_of(file) != run.embedding_sha256:
        return "differs", f"{run.file} is not the file whose SHA-256 the submission names"
    return None


def _of_other_columns(run: SubmittedRun, config: BoardConfig) -> str:
    """Return what is wrong with the columns that a run names; empty where they are those of the dataset."""
    here = columns_hash(config.folder / run.dataset / "dataset.json")
    if run.columns_sha256 == here:
        return ""
    return "does not name its columns" if run.columns_sha256 is None else "its columns are not the genes of the dataset"


def _compared(who: tuple[str, str, int], run: SubmittedRun, again: dict[str, Any]) -> Compared:
    """Compare what a run claims with the same computed again."""
    claimed = {key: _around(score.model_dump(), again["scores"].get(key, {})) for key, score in run.scores.items()}
    found = compare({"dataset": who[0], "model": who[1], "seed": who[2], "scores": claimed}, again)
    hidden = sorted(set(again["scores"]) & set(METRICS) - set(claimed))
    if hidden and found.verdict in ("same", "within noise"):
        return Compared(*who, "differs", f"{len(hidden)} metrics are not in the submission, as {hidden[0]}")
    return found


def _around(claimed: dict[str, Any], again: dict[str, Any]) -> dict[str, Any]:
    """Return a claimed score with an interval as wide, to either side, as that of the score computed again."""
    ends = dict.fromkeys(("low", "high"))
    if None not in (claimed["value"], again.get("value"), again.get("low"), again.get("high")):
        ends = {end: claimed["value"] + again[end] - again["value"] for end in ends}
    return {**claimed, **ends}


def _scored(submission: Submission, run: SubmittedRun, file: Path, config: BoardConfig) -> dict[str, Any]:
    """Return ``scores.json`` of a run's vectors, taken as a submission to a board of its own."""
    kept, of_cells = folder_of(config, submission.model), _is_of_cells(run, config)
    kept.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, kept / f"{run.dataset}.npz" if of_cells else sent_file(config, submission.model, run.dataset))
    write_text(kept / CARD, submission.card.model_dump_json() + "\n")
    return _last(run_steps(run.dataset, submission.model, run.seed, config))


def _is_of_cells(run: SubmittedRun, config: BoardConfig) -> bool:
    return kind_of(read_state(config.folder / run.dataset / "dataset.json")) == "cells"


def _last(taken: list[Any]) -> dict[str, Any]:
    """Take all steps; return what the last one says, which repeats what ended an earlier one."""
    answers = [run() for _, run in taken]
    return dict(answers[-1])
