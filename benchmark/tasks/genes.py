"""The product `genes`: one run's vectors of genes beside what is known of the genes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from scarena.tasks.facts import Facts

if TYPE_CHECKING:
    import numpy as np

    from scarena.datasets.gene_truth import GeneTruth

N_AXES = 128
"""Principal axes that a probe reads of vectors, at most: wider vectors must not win by their width."""


@dataclass(frozen=True, eq=False)  # what tasks share is kept on it
class Genes:
    """What a task on genes is given.

    Parameters
    ----------
    vectors
        One row a gene that the model knows ``[n_known, d]``.
    rows
        Place in `truth` of each of them ``[n_known]``, rising.
    truth
        The dataset.
    seed
        Of everything that draws.
    n_jobs
        Threads.
    """

    vectors: np.ndarray
    rows: np.ndarray
    truth: GeneTruth
    seed: int
    n_jobs: int

    @cached_property
    def facts(self) -> Facts:
        """What decides which tasks the dataset can answer."""
        return Facts(len(self.truth.genes), len(self.truth.set_names), 0, targets=self.truth.targets)

    @cached_property
    def known(self) -> np.ndarray:
        """Whether the model knows each gene of the dataset, bool [n_genes]."""
        import numpy as np

        found = np.zeros(len(self.truth.genes), bool)
        found[self.rows] = True
        return found

    @cached_property
    def x(self) -> np.ndarray:
        """Vectors of all genes of the dataset along their principal axes, float64 [n_genes, ≤ 128].

        The axes are those of the genes that the model knows, each coordinate as long as it is there. A gene that it
        does not know has their mean, which is zero: nothing can be read from it, and it counts.
        """
        import numpy as np

        from scarena.metrics.probes.linear import axes_of

        axes = axes_of(self.vectors)[:, :N_AXES]
        found = np.zeros((len(self.truth.genes), axes.shape[1]))
        found[self.rows] = axes
        return found
