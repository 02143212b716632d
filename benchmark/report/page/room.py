"""For how much of a board its page has room: guessed from the numbers of scores, then held to what the page weighs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from scarena.report.page.columns import shown_metrics, without_own_tasks
from scarena.report.page.task_sections import metrics_of_sections

Json = dict[str, Any]

# Scores of one table a dataset with their intervals, and of one with every metric: more make a page nobody can open.
_ROOMY, _EVERY = 9_000, 25_000


@dataclass(frozen=True, slots=True)
class Room:
    """What a page shows beside the ranking, its least needed part first.

    Parameters
    ----------
    all_metrics
        On each dataset a table of every metric.
    every
        Every metric in the tables that a choice of datasets ranks again.
    further
        The further metrics of every task.
    intervals
        The intervals of single datasets, and all pairs of models.
    """

    all_metrics: bool
    every: bool
    further: bool
    intervals: bool

    def smaller(self) -> Room | None:
        """Return the room without the least needed part that is left, or nothing where none is."""
        for part in ("all_metrics", "every", "further", "intervals"):
            if getattr(self, part):
                return replace(self, **{part: False})
        return None


def first_room(board: Json) -> Room:
    """Return the room that a board has by its number of runs and metrics."""
    runs, every = len(board["datasets"]) * len(board["models"]), every_metric(board)
    return Room(
        all_metrics=runs * len(without_own_tasks(board, every)) <= _EVERY,
        every=runs * len(every) <= _EVERY,
        further=runs * len(metrics_of_sections(board, whole=True)) <= _EVERY,
        intervals=runs * len(shown_metrics(board)) <= _ROOMY,
    )


def every_metric(board: Json) -> tuple[str, ...]:
    """Return every metric that the board has values of, in the registry's order."""
    from scarena.metrics.registry import METRICS

    known = {row["metric"] for row in board["overall"]}
    return tuple(key for key in METRICS if key in known)
