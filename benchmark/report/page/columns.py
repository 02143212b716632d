"""Which metrics stand in the ranking and in the tables of single datasets: not all that a board of many tasks knows."""

from __future__ import annotations

from typing import Any

from scarena.board.published import is_published, shown_columns
from scarena.board.ranked import headline_of
from scarena.report.page.scores import HEADLINE
from scarena.report.page.tasks_table import columns, tasks_of
from scarena.tasks.own_task import OwnTask
from scarena.tasks.task import Task

Json = dict[str, Any]

# What stands above neighbouring columns; any other metric is the headline of a task.
_ABOVE = {
    "total": "Overall", "bio": "scIB", "batch": "scIB", "onto_rwr": "Ontology", "lcad_all": "Ontology",
    "knn_accuracy": "Annotation", "knn_macro_f1": "Annotation",
    "openproblems_mean": "openproblems",
}  # fmt: skip


def asked_tasks(board: Json) -> list[Task]:
    """Return the tasks that a board asks, of those that this release knows."""
    from scarena.tasks.registry import catalogue

    known = {entry.name: entry.task for entry in catalogue()}
    return [task for name in tasks_of(board) if (task := known.get(name)) is not None]


def shown_metrics(board: Json) -> tuple[str, ...]:
    """Return the metrics of the ranking: those of integration and annotation, as far as asked, with the headline.

    Where neither is asked, the headlines of the tasks that are, the one that ranks the board first.
    """
    from scarena.metrics.registry import METRICS

    if published := shown_columns(board):
        return published
    has = {key for task in asked_tasks(board) if not isinstance(task, OwnTask) for key in task.metrics()}
    kept = [key for key in HEADLINE if key in has] or [column.metric for column in columns(board)]
    headline = headline_of(board)
    first = [headline] if headline in METRICS and headline not in kept else []
    return (*first, *kept) or HEADLINE


def groups(board: Json) -> list[tuple[str, int]]:
    """Return what stands above the columns of the ranking: (title, over how many columns)."""
    found: list[tuple[str, int]] = []
    for key in shown_metrics(board):
        title = _ABOVE.get(key, "Published" if is_published(board) else "Tasks")
        if found and found[-1][0] == title:
            found[-1] = (title, found[-1][1] + 1)
        else:
            found.append((title, 1))
    return found


def without_own_tasks(board: Json, every: tuple[str, ...]) -> tuple[str, ...]:
    """Return the metrics of the full table of a dataset: those of tasks with a section have tables of their own.

    All of them on a board that asks nothing else.
    """
    shown = shown_metrics(board)
    apart = {key for task in asked_tasks(board) if isinstance(task, OwnTask) for key in task.keys} - {*shown}
    return every if apart >= {*every} - {*shown} else tuple(key for key in every if key not in apart)
