"""The board: every run's states and scores joined into one table, and the overall values with their coverage.

A pure function of the files the steps left. Missing is never zero: a mean over an incomplete row carries its coverage
and gets no rank.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from scarena.config import BoardConfig, datasets_of
from scarena.errors import DataError
from scarena.files import read_json, replacing, write_json
from scarena.record import Record

SCHEMA = 1
_TIED = 1e-9

Json = dict[str, Any]
# dataset, model, metric -> values over the seeds that have one
Values = dict[tuple[str, str, str], list[float]]


@dataclass(frozen=True, slots=True)
class Runs:
    """All that the steps of one board left, in a fixed order."""

    datasets: list[Json]
    records: list[Record]
    scores: list[Json]


def read_runs(config: BoardConfig) -> Runs:
    """Read every dataset.json, record.json and scores.json of a board.

    Raises
    ------
    DataError
        If a file is missing: the board is made once all steps have ended, whatever their states.
    """
    folder = config.folder
    try:
        datasets = [read_json(folder / name / "dataset.json") for name in datasets_of(config)]
        runs = [folder / d["dataset"] / m / str(s) for d in datasets for m in config.models for s in config.seeds]
        records = [Record.model_validate(read_json(run / "record.json")) for run in runs]
        return Runs(datasets, records, [read_json(run / "scores.json") for run in runs])
    except FileNotFoundError as error:
        fix = "`scarena run` makes what is missing"
        raise DataError("a step has not ended", where=str(error.filename), fix=fix) from None


def cells_of(runs: Runs) -> list[Json]:
    """Return one cell a run: its state, its reason, and its scores with their states."""
    keys = ("dataset", "model", "seed", "state", "reason", "scores")
    return [{key: score[key] for key in keys} for score in runs.scores]


def values_of(cells: Iterable[Json]) -> Values:
    """Return the values that exist, by dataset, model and metric."""
    values: Values = defaultdict(list)
    for cell in cells:
        for metric, score in cell["scores"].items():
            if score["state"] == "ok":
                values[cell["dataset"], cell["model"], metric].append(score["value"])
    return values


def applicable(cells: Iterable[Json]) -> dict[str, set[str]]:
    """Return, by metric, the datasets on which it means something: some run there has a value, or failed to get one."""
    found: dict[str, set[str]] = defaultdict(set)
    for cell in cells:
        for metric, score in cell["scores"].items():
            if score["state"] != "not applicable":
                found[metric].add(cell["dataset"])
    return found


def _overall_row(model: str, metric: str, wanted: set[str], values: Values, n_seeds: int) -> Json:
    per_dataset = {d: values[d, model, metric] for d in sorted(wanted) if values.get((d, model, metric))}
    row: Json = {"model": model, "metric": metric, "value": None, "low": None, "high": None}
    row["coverage"] = len(per_dataset) / len(wanted) if wanted else 0.0
    row |= {"rank_low": None, "rank_high": None, "tie_group": None}
    if per_dataset:
        row["value"] = fmean(fmean(v) for v in per_dataset.values())
        if n_seeds > 1:
            # The range over seeds: what one more seed could have shown. Intervals over cells are another matter.
            row["low"] = fmean(min(v) for v in per_dataset.values())
            row["high"] = fmean(max(v) for v in per_dataset.values())
    return row


def _rank(rows: list[Json], higher_is_better: bool) -> None:
    """Give rank ranges and tie groups to rows of one metric: two rows tie where their ranges over seeds overlap."""
    sign = 1 if higher_is_better else -1
    spans = []
    for row in rows:
        ends = [sign * (row[end] if row[end] is not None else row["value"]) for end in ("low", "high")]
        spans.append((min(ends), max(ends)))
    order = sorted(range(len(rows)), key=lambda i: (-spans[i][1], rows[i]["model"]))
    group, floor = 0, math.inf
    for i in order:
        low, high = spans[i]
        if high < floor - _TIED:
            group += 1
        floor = min(floor, low) if high >= floor - _TIED else low
        rows[i]["rank_low"] = 1 + sum(other[0] > high + _TIED for other in spans)
        rows[i]["rank_high"] = len(rows) - sum(other[1] < low - _TIED for other in spans)
        rows[i]["tie_group"] = group


def overall(cells: list[Json], models: list[Json], n_seeds: int) -> list[Json]:
    """Return every model's mean over datasets of its mean over seeds, by metric, with coverage and rank range.

    Controls get values but no ranks, and neither does a model without a value on every dataset the metric applies to.
    """
    from scarena.metrics.registry import METRICS

    values, where = values_of(cells), applicable(cells)
    table = []
    for metric in sorted(where):
        rows = [_overall_row(card["name"], metric, where[metric], values, n_seeds) for card in models]
        controls = {card["name"] for card in models if card["family"] == "control"}
        ranked = [row for row in rows if row["model"] not in controls and row["coverage"] == 1.0]
        _rank(ranked, METRICS[metric].better != "lower")
        table += rows
    return table


def control_checks(cells: list[Json], models: list[Json]) -> list[Json]:
    """Return, by dataset and metric, whether the exact labels score better than the best negative control.

    Where they do not, the metric cannot tell truth from noise on that dataset, and the board says so beside it.
    """
    from scarena.metrics.registry import METRICS

    values, table = values_of(cells), []
    negatives = [card["name"] for card in models if card.get("control") == "negative"]
    for metric, datasets in sorted(applicable(cells).items()):
        if METRICS[metric].better == "none":
            continue
        sign = -1 if METRICS[metric].better == "lower" else 1
        for dataset in sorted(datasets):
            against = [sign * fmean(values[dataset, n, metric]) for n in negatives if values.get((dataset, n, metric))]
            truth = values.get((dataset, "labels", metric))
            if against and truth:
                positive = sign * fmean(truth)
                row = {"positive": sign * positive, "negative": sign * max(against)}
                table.append({"dataset": dataset, "metric": metric, **row, "discriminates": positive > max(against)})
    return table


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


def _dataset_entry(dataset: Json, folder: Path) -> Json:
    from scarena.datasets.card import load_card

    sources = read_json(folder / dataset["dataset"] / "sources.json")
    hashes = {key: file["sha256"] for key, file in sources.get("files", {}).items()}
    entry = {key: value for key, value in dataset.items() if key != "cost"}
    if "card" not in entry:
        own = folder / "config.json"
        cards = Path(read_json(own)["user_cards"]) if own.exists() else None
        entry["card"] = load_card(dataset["dataset"], cards).model_dump(mode="json")
    return {**entry, "sources": hashes}


def make_board(config: BoardConfig) -> Json:
    """Return the board of a finished set of runs; see docs for its keys."""
    runs = read_runs(config)
    cells = cells_of(runs)
    cards = {record.model: {**record.card, "fingerprint": record.fingerprint} for record in runs.records}
    models = [cards[name] for name in config.models]
    first = runs.records[0]
    releases = sorted({d["cl_release"] for d in runs.datasets if d.get("cl_release")})
    return {
        "schema": SCHEMA,
        "board": config.board,
        "title": config.title or config.board,
        "datasets": [_dataset_entry(dataset, config.folder) for dataset in runs.datasets],
        "models": models,
        "cells": cells,
        "overall": overall(cells, models, len(config.seeds)),
        "controls": control_checks(cells, models),
        "provenance": {
            "versions": first.versions,
            "commits": sorted({record.commit for record in runs.records}),
            "seeds": config.seeds,
            "cl_release": ", ".join(releases),
            "device": config.device,
            "hardware": first.hardware,
        },
        "timings": timings(runs),
    }


def write_board(board: Json, path: Path) -> None:
    """Write board.json and, beside it, board.parquet: one row a run and metric."""
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
    with replacing(path.with_suffix(".parquet")) as part:
        pd.DataFrame(rows).astype({"value": "float64"}).to_parquet(part, index=False)
    write_json(path, board)


def shortfalls(board: Json) -> list[tuple[str, str]]:
    """Return (state, line) for each dataset, run or score that is missing for another reason than its meaning.

    A dataset that is missing is one line, not one for each of its runs.
    """
    lost = {d["dataset"]: d for d in board["datasets"] if d["state"] not in ("ok", "not applicable")}
    found = [(d["state"], f"{name}: {d['state']}: {d['reason']}") for name, d in lost.items()]
    for cell in board["cells"]:
        who = f"{cell['dataset']} · {cell['model']} · seed {cell['seed']}"
        if cell["state"] not in ("ok", "not applicable") and cell["dataset"] not in lost:
            found.append((cell["state"], f"{who}: {cell['state']}: {cell['reason']}"))
        for metric, score in cell["scores"].items():
            if score["state"] == "failed":
                found.append(("failed", f"{who} · {metric}: failed: {score['reason']}"))
    return found
