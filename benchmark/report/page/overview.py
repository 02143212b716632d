"""What the page's script re-ranks with: every model's headline scores on every dataset, with their intervals."""

from __future__ import annotations

from typing import Any

from scarena.board.gate import shown_only
from scarena.board.ranked import counting, headline_of, ranked_models
from scarena.report.page.columns import shown_metrics
from scarena.report.page.facts import dataset_facts, model_facts
from scarena.report.page.matrix import pairs_of, shut_of
from scarena.report.page.scores import Score, Scores, is_twin
from scarena.report.page.tables import directions, entry_of, use_of
from scarena.report.page.task_sections import metrics_of_sections
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


def weighed(board: Json) -> tuple[str, ...]:
    """Return the metrics whose weights a reader may choose; none where the ranking has no total, which shows their sum.

    The headline of another task is one of them where it ranks the board.
    """
    first, shown = headline_of(board), shown_metrics(board)
    found = [key for key in WEIGHED if key in shown and "total" in shown]
    if not _is_preset(first):
        # Sums of what is better lower with what is better higher would mean nothing.
        found = [first, *found] if directions((first,)) == ["higher"] else []
    return tuple(found) if len(found) > 1 else ()


def presets(board: Json) -> dict[str, dict[str, float]]:
    """Return the weights that have a name, first those that rank the board where they are no task of PRESETS."""
    known = weighed(board)
    rest = dict.fromkeys(known, 0.0)
    found = {name: rest | each for name, each in PRESETS.items() if {key for key in each if each[key]} <= {*known}}
    if known and not _is_preset(first := headline_of(board)):
        return {"headline": {**rest, first: 1.0}, **found}
    return found


def default_of(board: Json) -> dict[str, float]:
    """Return the weights that a page opens with: those that rank the board."""
    first = headline_of(board)
    return next((weights for weights in presets(board).values() if weights.get(first) == 1.0), DEFAULT)


def _is_preset(metric: str) -> bool:
    return metric == "total" or any(weights.get(metric) == 1.0 for weights in PRESETS.values())


def tissues(board: Json) -> list[str]:
    """Return the tissues of the board's datasets, in order."""
    return sorted({entry["card"].get("tissue") or "not given" for entry in board["datasets"]})


def data_of(board: Json, scores: Scores, *, whole: bool = True, every: tuple[str, ...] = ()) -> Json:
    """Return what the script needs; scores in millionths: whole numbers take the least room in a page.

    `whole` says whether the tasks' further metrics are shown; `every` are all that the page has room for.
    """
    from scarena.metrics.registry import METRICS

    datasets, shown = [entry["dataset"] for entry in board["datasets"]], shown_metrics(board)
    by_task = [column.metric for column in tasks_table(board)["columns"]]
    # Those of the ranking come first, one a column; then what only the tables of tasks have.
    metrics = tuple(dict.fromkeys((*shown, *by_task, *metrics_of_sections(board, whole=whole), *every)))
    reasons = Reasons()
    headline = headline_of(board)
    return {
        "metrics": list(metrics),
        "better": directions(metrics),
        "ranking": len(shown),
        "headline": metrics.index(headline) if headline in metrics else 0,
        "gated": [metrics.index(metric) for metric in sorted(shown_only(board) & set(metrics))],
        "weighed": list(weighed(board)),
        "tasks": presets(board),
        "default": default_of(board),
        "titles": [METRICS[metric].title if metric in METRICS else metric for metric in metrics],
        "shut": shut_of(board, metrics),
        "pairs": pairs_of(board, metrics),
        "datasets": [dataset_facts(entry) for entry in board["datasets"]],
        "counting": [[datasets.index(name) for name in counting(board, metric)] for metric in metrics],
        "models": [
            {
                "name": card["name"], "title": card["title"], "family": card["family"], "use": use_of(card),
                "twin": is_twin(card), **model_facts(board, card),
                "scores": [_row(scores, name, card["name"], metrics, reasons) for name in datasets],
            }
            for card in ranked_models(board)
        ],
        "reasons": reasons.told,
    }  # fmt: skip


class Reasons:
    """Why scores are missing, each once: [what stands in a table, the reason, its state]."""

    def __init__(self) -> None:
        self.told: list[list[str]] = []

    def number(self, score: Score | None) -> int:
        """Return the place of a missing score's reason, which is kept."""
        entry = entry_of(score)
        reason = [entry.text, entry.note, entry.state]
        if reason not in self.told:
            self.told.append(reason)
        return self.told.index(reason)


def _row(
    scores: Scores, dataset: str, model: str, metrics: tuple[str, ...], reasons: Reasons
) -> list[list[int | None] | int]:
    """Return [value, low − value, high − value] of each metric in millionths, the number of a reason for none."""
    row: list[list[int | None] | int] = []
    for metric in metrics:
        score = scores.get((dataset, model, metric))
        if score is None or score.value is None:
            row.append(reasons.number(score))
            continue
        ends = [None if end is None else round(1e6 * (end - score.value)) for end in (score.low, score.high)]
        row.append([round(1e6 * score.value), *ends])
    return row
