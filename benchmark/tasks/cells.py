"""The product `cells`: one run's vectors beside what is known of the cells, and their scores by the tasks asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scarena.tasks.task import Facts, Task

if TYPE_CHECKING:
    import numpy as np

    from scarena.metrics.scores import Scores
    from scarena.tasks.dataset_reference import Annotated


@dataclass(frozen=True, slots=True)
class Cells:
    """What a task on cells is given.

    Parameters
    ----------
    vectors
        One row a cell ``[n_cells, d]``, in the order of `known`.
    known
        The dataset as its scores see it.
    seed
        Of everything that draws.
    n_jobs
        Threads.
    """

    vectors: np.ndarray
    known: Annotated
    seed: int
    n_jobs: int

    @property
    def facts(self) -> Facts:
        """What decides which tasks the dataset can answer."""
        known = self.known
        sizes = len(known.names), len(set(known.labels.tolist())), len(set(known.batch.tolist()))
        return Facts(*sizes, known.reference.not_applicable)

    def scored(self, metrics: str | Sequence[str]) -> Scores:
        """Return the scores of some metrics, or of ``"all"``, with the replicates and details behind them."""
        from scarena.metrics import score_embedding

        return score_embedding(
            self.vectors, batch=self.known.batch, labels=self.known.labels, reference=self.known.reference,
            ontology=self.known.ontology, metrics=metrics, seed=self.seed, n_jobs=self.n_jobs,
        )  # fmt: skip


def score_tasks(tasks: Iterable[Task], cells: Cells) -> Scores:
    """Return the scores of all metrics that some tasks ask for, in the order of the board.

    What tasks share is computed once: those that do not score by themselves are scored in one pass.
    """
    from scarena.metrics.registry import METRICS
    from scarena.metrics.scores import Scores

    together = [task for task in tasks if type(task).score is Task.score]
    asked = {key for task in together for key in task.metrics()}
    wanted = "all" if asked >= METRICS.keys() else [key for key in METRICS if key in asked]
    parts = [cells.scored(wanted)] if together else []
    parts += [task.score(cells) for task in tasks if task not in together]
    if len(parts) == 1:
        return parts[0]
    details = next((part.details for part in parts if part.details is not None), None)
    scores = {key: score for part in parts for key, score in part.items()}
    replicates = {key: rows for part in parts for key, rows in part.replicates.items()}
    return Scores({key: scores[key] for key in [*METRICS, *scores] if key in scores}, replicates, details)
