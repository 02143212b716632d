"""The board: every run's states and scores joined into one table, and the overall values with their coverage.

A pure function of the files the steps left. Missing is never zero: a mean over an incomplete row carries its coverage
and gets no rank.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scarena.base.advice import made_again
from scarena.base.errors import DataError
from scarena.base.files import replacing, write_json
from scarena.base.untrusted import read_object
from scarena.board.controls import control_checks, control_scaled
from scarena.board.file import read_scores
from scarena.board.gate import gate, not_ranked
from scarena.board.kept import write_kept
from scarena.board.ranking import differences, front, overall, standings
from scarena.board.samples import Replicates, per_dataset, run_of, samples_of
from scarena.metrics.details import Details
from scarena.steps.config import BoardConfig, datasets_of
from scarena.steps.record import Record, metrics_fingerprint
from scarena.steps.states import read_record, read_state
from scarena.steps.submissions import models_of, runs_of
from scarena.tasks.details import read_details
from scarena.tasks.mistakes import Run, all_mistakes
from scarena.tasks.ontology_reference import read_reference
from scarena.tasks.registry import find_tasks
from scarena.tasks.replicates import read_replicates

SCHEMA = 1
TOTAL = "total"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Runs:
    """All that the steps of one board left, in a fixed order."""

    datasets: list[Json]
    records: list[Record]
    scores: list[Json]
    replicates: dict[Run, Replicates]
    details: dict[Run, Details]


def read_runs(config: BoardConfig) -> Runs:
    """Read every dataset.json, record.json and scores.json of a board.

    Raises
    ------
    DataError
        If a file is missing or damaged: the board is made once all steps have ended, whatever their states. A run
        without replicates.npz or details.npz is no error; its scores have no intervals, or it says no mistakes.
    """
    folder = config.folder
    runs = [folder / dataset / model / str(seed) for dataset, model, seed in runs_of(config)]
    wanted = [folder / name / "dataset.json" for name in datasets_of(config)]
    wanted += [run / name for run in runs for name in ("record.json", "scores.json")]
    if missing := [path for path in wanted if not path.exists()]:
        fix = "`scarena run` makes what is missing"
        raise DataError("a step has not ended", where=str(missing[0]), fix=fix)
    datasets = [read_state(folder / name / "dataset.json", "dataset") for name in datasets_of(config)]
    records = [read_record(run / "record.json") for run in runs]
    scores = [read_scores(run / "scores.json") for run in runs]
    # What an earlier, better run left beside a failure is not this run's.
    scored = {run_of(score): run for run, score in zip(runs, scores, strict=True) if score["state"] == "ok"}
    replicates: dict[Run, Replicates] = {key: read_replicates(run / "replicates.npz") for key, run in scored.items()}
    told = {key: read_details(run / "details.npz") for key, run in scored.items()}
    return Runs(datasets, records, scores, replicates, {key: each for key, each in told.items() if each is not None})


def cells_of(runs: Runs, ontology: Path) -> list[Json]:
    """Return one cell a run: its state, its reason, its scores with their states, and its mistakes where it has some.

    The file of the ontology is not needed where no type has a term.
    """
    keys = ("dataset", "model", "seed", "state", "reason", "scores")
    has_terms = any(term for each in runs.details.values() for term in each.terms)
    mistakes = all_mistakes(runs.details, read_reference(ontology).parents if has_terms else {})
    told = {run: {"mistakes": each} for run, each in mistakes.items()}
    notes = {(each.dataset, each.model, each.seed): {"notes": list(each.notes)} for each in runs.records if each.notes}
    runs_of = ((score, run_of(score)) for score in runs.scores)
    return [{key: score[key] for key in keys} | notes.get(run, {}) | told.get(run, {}) for score, run in runs_of]


def timings(runs: Runs) -> list[Json]:
    """Return what every step of every run cost: the part of the board that no two runs share."""
    table = []
    for record, score in zip(runs.records, runs.scores, strict=True):
        who = {"dataset": record.dataset, "model": record.model, "seed": record.seed}
        steps = (("embed", record.cost.model_dump() if record.cost else None), ("score", score.get("cost")))
        table += [{**who, "step": step, **cost} for step, cost in steps if cost]
    for dataset in runs.datasets:
        if dataset.get("cost"):
            table.append(
                {"dataset": dataset["dataset"], "model": None, "seed": None, "step": "prepare", **dataset["cost"]}
            )
    return table


def _dataset_entry(dataset: Json, folder: Path, n_scored: int) -> Json:
    from scarena.datasets.card import load_card

    told = folder / dataset["dataset"] / "sources.json"
    sources = read_object(told, fix=made_again(told, told.name))
    hashes = {key: file["sha256"] for key, file in sources.get("files", {}).items()}
    entry = {key: value for key, value in dataset.items() if key != "cost"}
    if "card" not in entry:
        own = folder / "config.json"
        cards = (
            Path(read_object(own, "user_cards", fix="`scarena run` writes it again")["user_cards"])
            if own.exists()
            else None
        )
        entry["card"] = load_card(dataset["dataset"], cards).model_dump(mode="json")
    if dataset.get("summary", {}).get("n_cells", 0) > n_scored:
        entry["summary"] = {**entry["summary"], "n_scored": n_scored}
    return {**entry, "sources": hashes}


def contamination(models: list[Json], datasets: list[Json]) -> list[Json]:
    """Return, for each foundation model and dataset, what their cards say of the one having been trained on the other.

    ``cells``, ``study``, ``clean`` or ``unknown``; `scarena corpus audit` compares the cells themselves. Of genes any
    model that is no control is asked, and ``study`` says too that it was made from what holds the answer.
    """
    from scarena.models.foundation.corpus.audit import studies_of

    found = []
    for model in models:
        corpus = model.get("training_corpus", [])
        told = (corpus, studies_of(corpus))
        for dataset in datasets:
            of_genes = dataset["card"].get("kind", "cells") == "genes" and model.get("family") != "control"
            if of_genes or model.get("family") == "foundation":
                state = _verdict_of(model, told, dataset)
                found.append({"model": model["name"], "dataset": dataset["dataset"], "state": state})
    return found


def _verdict_of(model: Json, told: tuple[Sequence[str], Sequence[str]], dataset: Json) -> str:
    """Return what the cards of a model and a dataset say; `told` is the model's corpus with the studies of its sets."""
    from scarena.models.foundation.corpus.verdict import same_names, verdict

    card = dataset["card"]
    if same_names(card.get("answered_by", []), model.get("gene_knowledge", [])):
        return "study"
    # Of a random twin's weights nothing was trained on anything, nor of a baseline's that names no corpus.
    if model.get("parameters") == 0 or not (model.get("family") == "foundation" or told[0]):
        return "clean"
    complete = model.get("lists_all_studies", True)
    return verdict(*told, dataset["dataset"], card.get("study", []), complete=complete)


def _model_entry(record: Record) -> Json:
    entry = {**record.card, "fingerprint": record.fingerprint}
    return {**entry, "submitted": True} if record.submitted else entry


def compared(
    cells: list[Json], models: list[Json], replicates: Mapping[tuple[str, str, int], Replicates], *, scaled: bool,
    headline: str = TOTAL,
) -> Json:  # fmt: skip
    """Return what a board says of its runs together, by the keys of board.json.

    Parameters
    ----------
    cells
        The board's cells, one a run.
    models
        The models' cards.
    replicates
        By dataset, model and seed; a run without any leaves intervals out wherever it counts.
    scaled
        Whether scores between noise and the labels are asked for.
    headline
        The metric that ranks the models.
    """
    samples = samples_of(cells, replicates)
    checks = control_checks(cells, models, samples)
    judged = gate(cells, models, checks)
    shown_only = not_ranked(cells, judged) - {headline}
    table = standings(cells, models, samples, shown_only)
    # Noise may well lead in batch correction alone. The front reads it beside bio conservation, where noise is last.
    both = standings(cells, models, samples, shown_only - {"batch"}) if "batch" in shown_only else table
    return {
        "per_dataset": per_dataset(samples),
        "overall": overall(table),
        "differences": differences(table, headline),
        "pareto": front(both),
        "controls": checks,
        "gate": judged,
        "control_scaled": control_scaled(table, samples, checks, models) if scaled else [],
    }


def make_board(config: BoardConfig, runs: Runs | None = None) -> Json:
    """Return the board of a finished set of runs, read anew where none are given; see docs for its keys."""
    runs = runs or read_runs(config)
    cells = cells_of(runs, config.folder / "ontology.npz")
    cards = {record.model: _model_entry(record) for record in runs.records}
    models = [cards[name] for name in models_of(config)]
    # What the board itself ran with: a model with an environment of its own has other versions, on its record.
    computed = [record for record in runs.records if not (record.submitted or record.card.get("environment"))]
    first = (computed or runs.records)[0]
    releases = sorted({d["cl_release"] for d in runs.datasets if d.get("cl_release")})
    datasets = [_dataset_entry(dataset, config.folder, config.scored_cells) for dataset in runs.datasets]
    headline = find_tasks(config.tasks)[0].headline
    return {
        "schema": SCHEMA,
        "board": config.board,
        "title": config.title or config.board,
        # Said where it is not the total, which a board that says nothing is ranked by.
        **({} if headline == TOTAL else {"headline": headline}),
        "datasets": datasets,
        "models": models,
        "contamination": contamination(models, datasets),
        "cells": cells,
        **compared(cells, models, runs.replicates, scaled=config.control_scaled, headline=headline),
        "provenance": {
            "versions": first.versions,
            "commits": sorted({record.commit for record in runs.records}),
            "seeds": list(dict.fromkeys(record.seed for record in runs.records)),
            **{key: getattr(config, key) for key in ("version", "date") if getattr(config, key)},
            "config": config.model_dump(mode="json", exclude={"results", "cache"}),
            "cl_release": ", ".join(releases),
            "device": config.device,
            "hardware": first.hardware,
            "metrics": metrics_fingerprint(),
        },
        "timings": timings(runs),
    }


def parquet_bytes(board: Json) -> bytes:
    """Return the board's scores as a parquet file: one row a run and metric."""
    import io

    import pandas as pd

    rows = [
        {
            **{key: cell[key] for key in ("dataset", "model", "seed")},
            "run_state": cell["state"],
            "metric": metric,
            **score,
        }
        for cell in board["cells"]
        for metric, score in (
            cell["scores"] or {None: {"value": None, "state": cell["state"], "reason": cell["reason"]}}
        ).items()
    ]
    frame = pd.DataFrame(rows)
    # A column without one number would be written with a type of its own.
    numbers = {key: "float64" for key in ("value", "low", "high") if key in frame}
    file = io.BytesIO()
    frame.astype(numbers).to_parquet(file, index=False)
    return file.getvalue()


def write_board(board: Json, path: Path, replicates: Mapping[Run, Replicates] | None = None) -> None:
    """Write board.json and, beside it, board.parquet and, where replicates are given, board.npz."""
    if replicates is not None:
        write_kept(path.with_suffix(".npz"), board, replicates)
    with replacing(path.with_suffix(".parquet")) as part:
        part.write_bytes(parquet_bytes(board))
    write_json(path, board)


def shortfalls(board: Json) -> list[tuple[str, str]]:
    """Return (state, line) for each dataset, run or score that is missing for another reason than its meaning.

    A dataset that is missing is one line, not one for each of its runs.
    """
    lost = {d["dataset"]: d for d in board["datasets"] if d["state"] not in ("ok", "not applicable")}
    found = [(d["state"], f"{name}: {d['state']}: {d['reason']}") for name, d in lost.items()]
    for cell in board["cells"]:
        if cell["state"] not in ("ok", "not applicable") and cell["dataset"] not in lost:
            found.append((cell["state"], f"{who(cell)}: {cell['state']}: {cell['reason']}"))
        for metric, score in cell["scores"].items():
            if score["state"] == "failed":
                found.append(("failed", f"{who(cell)} · {metric}: failed: {score['reason']}"))
    return found


def who(cell: Json) -> str:
    """Return a run's name."""
    return f"{cell['dataset']} · {cell['model']} · seed {cell['seed']}"
