"""board.csv: every number of a board in one long table, for spreadsheets and R: scores, and what the runs cost.

Missing values are empty, never zero, and have their state and reason. The same board gives the same bytes.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

from scarena.board.costs import timed_runs
from scarena.board.gate import shown_only
from scarena.board.ranked import absences, overall_of, plain, ranked_models

Json = dict[str, Any]

COLUMNS = (
    "scope", "dataset", "model", "title", "family", "seed", "metric", "value", "low", "high", "rank_low", "rank_high",
    "tie_group", "coverage", "state", "reason",
)  # fmt: skip
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
_GATED = "the metric fails the gate on most datasets, so not ranked"
_PART = "a mean over part of the datasets that count, so not ranked"


def board_csv(board: Json) -> str:
    """Return the table: a row a model and metric over all datasets, then one a dataset, model, seed and metric.

    A run without any score is one row without a metric. Last, in the scope ``cost``, what each timed run took: its
    wall seconds, its start-up, its cells a second start-up apart, its memory. Models come in the order of the ranking,
    datasets in that of the board, metrics by name.
    """
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    for row in (*_overall_rows(board), *_run_rows(board), *_cost_rows(board)):
        table.writerow([field(row.get(column)) for column in COLUMNS])
    return out.getvalue()


def field(value: object) -> str:
    """Return a field as it is written; a spreadsheet would compute what begins as a formula does.

    Examples
    --------
    >>> field("=1+1"), field("-0.5"), field(0.25), field(None)
    ("'=1+1", '-0.5', '0.25', '')
    """
    text = "" if value is None else repr(value) if isinstance(value, float) else plain(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) and not _NUMBER.fullmatch(text) else text


def _who(card: Json) -> Json:
    return {"model": card["name"], "title": card["title"], "family": card["family"]}


def _overall_rows(board: Json) -> Iterator[Json]:
    found = overall_of(board)
    metrics = sorted({metric for _, metric in found})
    why, out = absences(board), shown_only(board)
    for card in ranked_models(board):
        for metric in metrics:
            row = found.get((card["name"], metric))
            if row is None:
                continue
            state, reason = ("ok", "") if row["value"] is not None else why(card["name"], metric)
            reason = _GATED if row["value"] is not None and metric in out and card["family"] != "control" else reason
            reason = _PART if row["value"] is not None and row["coverage"] < 1 else reason
            yield {**row, **_who(card), "scope": "overall", "state": state, "reason": reason}


def _run_rows(board: Json) -> Iterator[Json]:
    runs = _runs_by(board, "dataset", "model")
    cards = ranked_models(board)
    for dataset in board["datasets"]:
        for card in cards:
            for cell in sorted(runs.get((dataset["dataset"], card["name"]), []), key=lambda cell: cell["seed"]):
                who = {"scope": "dataset", "dataset": dataset["dataset"], "seed": cell["seed"], **_who(card)}
                if not cell["scores"]:
                    yield {**who, "state": cell["state"], "reason": cell["reason"]}
                for metric, score in sorted(cell["scores"].items()):
                    yield {**score, **who, "metric": metric}


def _cost_rows(board: Json) -> Iterator[Json]:
    place = {entry["dataset"]: number for number, entry in enumerate(board["datasets"])}
    cards = {card["name"]: (number, card) for number, card in enumerate(ranked_models(board))}
    runs = [run for run in timed_runs(board) if run.model in cards]
    for run in sorted(runs, key=lambda run: (place[run.dataset], cards[run.model][0], run.seed or 0)):
        who = {"scope": "cost", "dataset": run.dataset, "seed": run.seed, "state": "ok", **_who(cards[run.model][1])}
        costs = {
            "cells_per_s": round(run.cells_per_s, 2), "peak_gib": round(run.peak_gib, 3),
            "seconds": run.wall_s, "startup_s": round(run.startup_s, 3),
        }  # fmt: skip
        yield from ({**who, "metric": metric, "value": value} for metric, value in costs.items())


def _runs_by(board: Json, *keys: str) -> dict[tuple[str, ...], list[Json]]:
    found: dict[tuple[str, ...], list[Json]] = {}
    for cell in board["cells"]:
        found.setdefault(tuple(cell[key] for key in keys), []).append(cell)
    return found
