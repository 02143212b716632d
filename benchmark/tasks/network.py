"""The product `network`: how strongly one model believes each regulator to act on each gene, beside what is true."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from scarena.tasks.facts import Facts

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from scarena.datasets.network_truth import NetworkTruth
    from scarena.metrics.measured import Measured, Undefined
    from scarena.tasks.product import Product


@dataclass(frozen=True, eq=False)  # what tasks share is kept on it
class Network:
    """What a task on networks is given.

    Parameters
    ----------
    matrix
        float32 [n_regulators, n_genes], NaN where the model says nothing (`scarena.models.network_table`).
    regulators, genes
        Ensembl ids of its rows and columns, those of `truth` in any order.
    truth
        The dataset.
    seed
        Of everything that draws.
    """

    product: ClassVar[Product] = "network"

    matrix: np.ndarray
    regulators: tuple[str, ...]
    genes: tuple[str, ...]
    truth: NetworkTruth
    seed: int

    @cached_property
    def facts(self) -> Facts:
        """What decides which tasks the dataset can answer."""
        return Facts(len(self.truth.regulators), len(self.truth.genes), 0, targets=self.truth.targets)

    @cached_property
    def aligned(self) -> np.ndarray:
        """The matrix in the order of the truth [n_regulators, n_genes], NaN where it has no such row or column."""
        import pandas as pd

        table = pd.DataFrame(self.matrix, index=list(self.regulators), columns=list(self.genes))
        return table.reindex(index=list(self.truth.regulators), columns=list(self.truth.genes)).to_numpy()

    @cached_property
    def found(self) -> Mapping[str, Measured | Undefined]:
        """All scores, computed once."""
        from scarena.metrics.networks.scored import Known, scored

        truth = self.truth
        return scored(self.aligned, Known(truth.edges, truth.asked, truth.measured, truth.distance))
