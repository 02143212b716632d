"""Scores of one run by the tasks that a board asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scarena.tasks.cells import Cells
from scarena.tasks.product import Run
from scarena.tasks.task import Task

if TYPE_CHECKING:
    from scarena.metrics.scores import Scores


NO_VECTORS = "the model predicts types and has no vectors"


def not_asked(task: Task, given: Run) -> str:
    """Return why a run is not asked by a task; empty where it is."""
    if task.product != given.product:
        return f"the dataset asks about {given.product}"
    predicted = isinstance(given, Cells) and given.offers != "vectors"
    return NO_VECTORS if predicted and not task.accepts_labels else ""


def score_tasks(tasks: Sequence[Task], given: Run) -> Scores:
    """Return the scores of all metrics that some tasks ask for, in the order of the board.

    What tasks share is computed once: those that do not score by themselves are scored in one pass. Of a dataset of
    genes, tasks on cells are not asked, nor the other way round; of a model that predicts types, none that reads
    vectors.
    """
    from scarena.metrics.registry import METRICS, OF_EMBEDDING
    from scarena.metrics.scores import Score, Scores

    reasons = {task.name: not_asked(task, given) for task in tasks}
    able = [task for task in tasks if not reasons[task.name]]
    none = {
        key: Score.not_applicable(reasons[task.name]) for task in tasks if task not in able for key in task.metrics()
    }
    together = [task for task in able if type(task).score is Task.score]
    parts = [task.score(given) for task in able if task not in together]
    if together and isinstance(given, Cells):
        asked = {key for task in together for key in task.metrics()}
        wanted = "all" if asked >= OF_EMBEDDING.keys() else [key for key in OF_EMBEDDING if key in asked]
        parts = [given.scored(wanted), *parts]
    parts += [Scores(none)] if none else []
    if len(parts) == 1:
        return parts[0]
    details = next((part.details for part in parts if part.details is not None), None)
    scores = {key: score for part in parts for key, score in part.items()}
    replicates = {key: rows for part in parts for key, rows in part.replicates.items()}
    return Scores({key: scores[key] for key in [*METRICS, *scores] if key in scores}, replicates, details)
