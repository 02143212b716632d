"""Datasets against models: a row a model, a column a dataset, one metric; the page's script shows any other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from scarena.board.gate import shown_only
from scarena.board.ranked import absences, headline_of, overall_of, ranked_models
from scarena.board.seeds import drawn_over
from scarena.report.page.gate import dataset_marks
from scarena.report.page.scores import Scores
from scarena.report.page.tables import Entry, directions, entry_of, grouped, heat, overall_entry

Json = dict[str, Any]
_PAIRS = 2_000


def matrix_of(board: Json, scores: Scores) -> list[Json]:
    """Return the rows by the metric that ranks the board: the mean over all datasets, then each dataset's score."""
    metric = headline_of(board)
    why, overall, drawn = absences(board), overall_of(board), drawn_over(board)
    datasets = [entry["dataset"] for entry in board["datasets"]]
    rows = [
        {
            "card": card,
            "entries": [
                overall_entry(
                    overall.get((card["name"], metric)), why(card["name"], metric), drawn=drawn[card["name"]]
                ),
                *(entry_of(scores.get((name, card["name"], metric))) for name in datasets),
            ],
        }
        for card in ranked_models(board)
    ]
    # A mean over part of the datasets may lie above all others and say nothing of them.
    whole = {model for (model, key), row in overall.items() if key == metric and row["coverage"] == 1}
    shut = [metric in shown_only(board), *(metric in dataset_marks(board, name) for name in datasets)]
    return grouped(_coloured(rows, metric, shut, whole))


def _coloured(rows: list[Json], metric: str, shut: list[bool], whole: set[str]) -> list[Json]:
    """Shade every column from its worst to its best, controls left aside; not where the metric ranks nothing.

    Of the first column, the means, those of the `whole` alone.
    """
    judged = [row for row in rows if row["card"]["family"] != "control"]
    (better,) = directions((metric,))

    def is_judged(row: Json, place: int) -> bool:
        return place > 0 or row["card"]["name"] in whole

    columns = [
        [float(row["entries"][place].sort) for row in judged if row["entries"][place].sort and is_judged(row, place)]
        for place in range(len(shut))
    ]

    def coloured(row: Json, place: int) -> Entry:
        entry: Entry = row["entries"][place]
        if shut[place]:
            return replace(entry, gated=True)
        return heat(entry, columns[place], better) if is_judged(row, place) else entry

    return [{**row, "entries": [coloured(row, place) for place in range(len(shut))]} for row in rows]


def shut_of(board: Json, metrics: tuple[str, ...]) -> list[list[int]]:
    """Return, by dataset, the places of the metrics that rank nothing there."""
    marks = [dataset_marks(board, entry["dataset"]) for entry in board["datasets"]]
    return [[place for place, metric in enumerate(metrics) if metric in mine] for mine in marks]


def pairs_of(board: Json, metrics: tuple[str, ...]) -> list[list[int | None]]:
    """Return the board's paired differences as places and millionths: [model, other, metric, difference, low, high].

    Those of the metric that ranks the board alone where there are too many for a page, and none of a larger board.
    """
    place = {card["name"]: number for number, card in enumerate(ranked_models(board))}
    rows = [row for row in board.get("differences", []) if row["metric"] in metrics and row["low"] is not None]
    if len(rows) > _PAIRS:
        rows = [row for row in rows if row["metric"] == headline_of(board)]
    if len(rows) > _PAIRS:
        return []
    return [
        [
            place[row["model_a"]], place[row["model_b"]], metrics.index(row["metric"]),
            *(None if row[key] is None else round(1e6 * row[key]) for key in ("difference", "low", "high")),
        ]
        for row in rows if {row["model_a"], row["model_b"]} <= place.keys()
    ]  # fmt: skip
