"""Scores of one run by the tasks that a board asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scarena.tasks.task import Task

if TYPE_CHECKING:
    from scarena.metrics.scores import Scores
    from scarena.tasks.cells import Cells


NO_VECTORS = "the model predicts types and has no vectors"


def score_tasks(tasks: Sequence[Task], cells: Cells) -> Scores:
    """Return the scores of all metrics that some tasks ask for, in the order of the board.

    What tasks share is computed once: those that do not score by themselves are scored in one pass. Of a model that
    predicts types, tasks that read vectors are not asked.
    """
    from scarena.metrics.registry import METRICS, OF_EMBEDDING
    from scarena.metrics.scores import Score, Scores

    able = [task for task in tasks if cells.offers == "vectors" or task.accepts_labels]
    none = {key: Score.not_applicable(NO_VECTORS) for task in tasks if task not in able for key in task.metrics()}
    together = [task for task in able if type(task).score is Task.score]
    asked = {key for task in together for key in task.metrics()}
    wanted = "all" if asked >= OF_EMBEDDING.keys() else [key for key in OF_EMBEDDING if key in asked]
    parts = [cells.scored(wanted)] if together else []
    parts += [task.score(cells) for task in able if task not in together]
    parts += [Scores(none)] if none else []
    if len(parts) == 1:
        return parts[0]
    details = next((part.details for part in parts if part.details is not None), None)
    scores = {key: score for part in parts for key, score in part.items()}
    replicates = {key: rows for part in parts for key, rows in part.replicates.items()}
    return Scores({key: scores[key] for key in [*METRICS, *scores] if key in scores}, replicates, details)
