"""Datasets against models: a row a model, a column a dataset, one metric; the page's script shows any other."""

from __future__ import annotations

from typing import Any

from scarena.board.gate import shown_only
from scarena.board.ranked import absences, headline_of, overall_of, ranked_models
from scarena.board.seeds import drawn_over
from scarena.report.page.gate import dataset_marks
from scarena.report.page.scores import Scores
from scarena.report.page.tables import coloured, directions, entry_of, grouped, overall_entry

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
    return grouped(
        coloured(
            rows, directions((metric,)) * len(shut), shut, lambda row, place: place > 0 or row["card"]["name"] in whole
        )
    )


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
