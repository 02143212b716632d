"""What the page's script re-ranks with: every model's headline scores on every dataset, with their intervals."""

from __future__ import annotations

from typing import Any

from scarena.board.gate import shown_only
from scarena.board.ranked import counting, headline_of, ranked_models
from scarena.report.page.scores import HEADLINE, Scores, is_twin
from scarena.report.page.tables import directions, use_of
from scarena.report.page.tasks_table import tasks_table

Json = dict[str, Any]
# What a total can be made of: all are better when higher and lie between 0 and 1.
WEIGHED = ("bio", "batch", "onto_rwr", "knn_macro_f1")
DEFAULT = {"bio": 0.6, "batch": 0.4, "onto_rwr": 0.0, "knn_macro_f1": 0.0}
PRESETS = {
    "integration": DEFAULT,
    "annotation": {**dict.fromkeys(WEIGHED, 0.0), "knn_macro_f1": 1.0},
    "ontology": {**dict.fromkeys(WEIGHED, 0.0), "onto_rwr": 1.0},
}


def default_of(board: Json) -> dict[str, float]:
    """Return the weights that a page opens with: those that rank the board."""
    return next((weights for weights in PRESETS.values() if weights.get(headline_of(board)) == 1.0), DEFAULT)


def tissues(board: Json) -> list[str]:
    """Return the tissues of the board's datasets, in order."""
    return sorted({entry["card"].get("tissue") or "not given" for entry in board["datasets"]})


def data_of(board: Json, scores: Scores) -> Json:
    """Return what the script needs; scores in millionths: whole numbers take the least room in a page."""
    datasets = [entry["dataset"] for entry in board["datasets"]]
    by_task = [column.metric for column in tasks_table(board)["columns"]]
    # Those of the ranking come first, one a column; then what only the table of tasks has.
    metrics = tuple(dict.fromkeys((*HEADLINE, *by_task)))
    return {
        "metrics": list(metrics),
        "better": directions(metrics),
        "ranking": len(HEADLINE),
        "by_task": [metrics.index(metric) for metric in by_task],
        "gated": [metrics.index(metric) for metric in sorted(shown_only(board) & set(metrics))],
        "weighed": list(WEIGHED),
        "tasks": PRESETS,
        "datasets": [
            {"name": entry["dataset"], "tissue": entry["card"].get("tissue") or "not given"}
            for entry in board["datasets"]
        ],
        "counting": [[datasets.index(name) for name in counting(board, metric)] for metric in metrics],
        "models": [
            {
                "name": card["name"], "title": card["title"], "family": card["family"], "use": use_of(card),
                "twin": is_twin(card), "scores": [_row(scores, name, card["name"], metrics) for name in datasets],
            }
            for card in ranked_models(board)
        ],
    }  # fmt: skip


def _row(scores: Scores, dataset: str, model: str, metrics: tuple[str, ...]) -> list[list[int | None] | int]:
    """Return [value, low − value, high − value] of each metric in millionths, 0 where there is none."""
    row: list[list[int | None] | int] = []
    for metric in metrics:
        score = scores.get((dataset, model, metric))
        if score is None or score.value is None:
            row.append(0)
            continue
        ends = [None if end is None else round(1e6 * (end - score.value)) for end in (score.low, score.high)]
        row.append([round(1e6 * score.value), *ends])
    return row
