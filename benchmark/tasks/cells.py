"""The product `cells`: one run's vectors beside what is known of the cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from scarena.tasks.facts import Facts
from scarena.tasks.product import Product

if TYPE_CHECKING:
    import numpy as np

    from scarena.metrics.scores import Scores
    from scarena.models.base import Offers
    from scarena.tasks.dataset_reference import Annotated
    from scarena.tasks.probed import Probed


@dataclass(frozen=True, eq=False)  # what tasks share is kept on it
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
    offers
        What the rows of `vectors` are: a vector each, or what the model predicts of a cell whose donor it was told no
        type of, the probability of each type of the dataset.
    """

    product: ClassVar[Product] = "cells"
    vectors: np.ndarray
    known: Annotated
    seed: int
    n_jobs: int
    offers: Offers = "vectors"

    @cached_property
    def groups(self) -> np.ndarray:
        """What is held out together ``[n_cells]``: donors where they are known and several, else batches."""
        from scarena.base.folds import held_out_together

        return held_out_together(self.known.donor, self.known.batch)

    @cached_property
    def facts(self) -> Facts:
        """What decides which tasks the dataset can answer."""
        import numpy as np

        known = self.known
        sizes = len(known.names), len(np.unique(known.labels)), len(np.unique(known.batch))
        told = frozenset({*known.targets, *known.matrices})
        n_groups = len(np.unique(self.groups))
        return Facts(*sizes, known.reference.not_applicable, n_groups, told, known.not_identifiable)

    @cached_property
    def probed(self) -> Probed:
        """What tasks that probe the vectors share: nothing is fitted twice."""
        from scarena.tasks.probed import Probed

        return Probed(self.vectors, self.known, self.groups, self.seed, self.offers)

    def scored(self, metrics: str | Sequence[str]) -> Scores:
        """Return the scores of some metrics, or of ``"all"``, with the replicates and details behind them."""
        from scarena.metrics import score_embedding

        return score_embedding(
            self.vectors, batch=self.known.batch, labels=self.known.labels, reference=self.known.reference,
            ontology=self.known.ontology, metrics=metrics, seed=self.seed, n_jobs=self.n_jobs,
        )  # fmt: skip
