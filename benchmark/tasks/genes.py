"""The product `genes`: one run's vectors of genes beside what is known of the genes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from scarena.tasks.facts import Facts
from scarena.tasks.product import Product

if TYPE_CHECKING:
    import numpy as np

    from scarena.datasets.gene_truth import GeneTruth
    from scarena.metrics.genes.area import Drawn
    from scarena.metrics.measured import Measured

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
    """

    product: ClassVar[Product] = "genes"
    vectors: np.ndarray
    rows: np.ndarray
    truth: GeneTruth
    seed: int

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
    def families(self) -> np.ndarray:
        """Family of each gene of the dataset as a code from 0, int64 [n_genes]."""
        import numpy as np

        return np.unique(self.truth.genes["family"].to_numpy(str), return_inverse=True)[1].astype(np.int64)

    @cached_property
    def folds(self) -> np.ndarray:
        """Fold of each gene of the dataset, whole families, int64 [n_genes]."""
        from scarena.metrics.genes.family import family_folds

        return family_folds(self.families, seed=self.seed)

    @cached_property
    def random_folds(self) -> np.ndarray:
        """Fold of each gene, dealt out by itself: a gene's relatives are learned from. Int64 [n_genes]."""
        import numpy as np

        from scarena.base.folds import random_folds

        return random_folds(np.zeros(len(self.truth.genes), np.int64), seed=self.seed)

    @cached_property
    def drawn(self) -> Drawn:
        """How often each gene counts in each replicate."""
        from scarena.metrics.genes.area import Drawn

        return Drawn.of(self.families)

    @cached_property
    def known_facts(self) -> np.ndarray:
        """What anybody may know of each gene, NaN where nobody does, float64 [n_genes, len(FACTS)]."""
        import numpy as np

        from scarena.datasets.gene_facts import FACTS

        return self.truth.genes.reindex(columns=list(FACTS)).to_numpy(np.float64)

    def coverage(self, asked: np.ndarray) -> Measured:
        """Return the share of some genes, places in the dataset, that the model knows."""
        from scarena.metrics.measured import Measured

        known = self.known[asked]
        return Measured(float(known.mean()), None, f"{int(known.sum())} of {len(known)} genes")

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
