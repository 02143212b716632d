"""Which model for which task: a column a task with its headline, a row a model. Tasks are what the registry says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from scarena.board.gate import shown_only
from scarena.board.ranked import absences, has_order, letter, overall_of, rank_text, ranked_models
from scarena.board.seeds import drawn_over
from scarena.report.page.tables import Entry, grouped, marks, overall_entry, seen_datasets

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One task of a board: its name, its title, and the metric that ranks models by it.

    `ranked` says whether that metric ranks on this board; by the metric gate it may be shown only.
    """

    name: str
    title: str
    question: str
    metric: str
    metric_title: str
    better: str
    ranked: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """How one model answers one task: its value, its rank with the letter of its group, whether it leads."""

    entry: Entry
    rank: str = ""
    group: str = ""
    best: bool = False


def tasks_of(board: Json) -> tuple[str, ...]:
    """Return the tasks that a board asks, in its order; of a merged one those of its parts.

    One that says nothing of tasks asks the default ones.
    """
    from scarena.tasks.registry import DEFAULT

    told = board["provenance"]
    configs = [told.get("config"), *(origin.get("config") for origin in told.get("merged", []))]
    asked = [task for config in configs if config for task in (config.get("tasks") or DEFAULT)]
    return tuple(dict.fromkeys(asked)) or DEFAULT


def columns(board: Json) -> list[Column]:
    """Return the tasks of a board that this release knows; of one that does not say, those that it has a value of."""
    from scarena.metrics.registry import METRICS
    from scarena.tasks.registry import catalogue

    known = {entry.name: entry.task for entry in catalogue() if entry.task is not None}
    out, valued = shown_only(board), {row["metric"] for row in board["overall"]}
    says = board["provenance"].get("config", {}) or {}
    found = []
    for name in tasks_of(board):
        task = known.get(name)
        if task is None or task.headline not in METRICS or not ("tasks" in says or task.headline in valued):
            continue
        info = METRICS[task.headline]
        found.append(Column(name, task.title, task.question, info.key, info.title, info.better, info.key not in out))
    return found


def tasks_table(board: Json) -> Json:
    """Return ``columns`` and ``rows`` of the table; both empty where a board asks no more than one task.

    Rows come in the order of the first task, models without a rank after those with one, controls last.
    """
    asked = columns(board)
    if len(asked) < 2:
        return {"columns": [], "rows": []}
    found, why = overall_of(board), absences(board)
    seen, drawn = seen_datasets(board), drawn_over(board)
    ordered = {column.metric for column in asked if has_order(board, column.metric)}
    rows = []
    for card in ranked_models(board, asked[0].metric):
        name, answers = card["name"], []
        for column in asked:
            entry = overall_entry(found.get((name, column.metric)), why(name, column.metric), drawn=drawn[name])
            row = found.get((name, column.metric))
            answers.append(answer_of(row, entry, ranked=column.ranked, ordered=column.metric in ordered))
        rows.append({"card": card, "marks": marks(card, seen), "answers": answers})
    return {"columns": asked, "rows": grouped(rows)}


def answer_of(row: Json | None, entry: Entry, *, ranked: bool, ordered: bool) -> Answer:
    """Return how a model answers a task by its headline: `row` is its overall row, `entry` what that shows.

    `ranked` says whether the headline ranks by the metric gate, `ordered` whether two models have a rank by it.
    """
    if not ranked:
        return Answer(replace(entry, gated=True))
    if row is None or row["rank_low"] is None or not ordered:
        return Answer(entry)
    return Answer(entry, rank_text(row), letter(row["tie_group"]), row["tie_group"] == 1)
