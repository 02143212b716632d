"""The product `cells`: one run's vectors beside what is known of the cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scarena.tasks.facts import Facts

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
