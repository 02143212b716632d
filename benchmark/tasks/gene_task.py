"""What the tasks on a gene's vector have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scarena.tasks.genes import Genes
from scarena.tasks.own_task import OwnTask

if TYPE_CHECKING:
    import numpy as np

    from scarena.metrics.genes.bias import Bias
    from scarena.metrics.scores import Scores

CONTROLS = ("gene-random", "gene-shuffled")


class GeneTask(OwnTask[Genes]):
    """A task that scores by itself what a probe reads from the vectors of genes."""

    product = "genes"
    controls = CONTROLS

    def score(self, given: Genes) -> Scores:
        """Return the scores of one run, on one thread: for thousands of small systems several only wait for each other.

        It also makes the last bits of a sum the same however many threads a run has.
        """
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1):
            return super().score(given)


def bias_of(genes: Genes, counts: np.ndarray | None = None) -> Bias:
    """Return what anybody may know of the genes of a dataset, and in how many of its sets each is.

    Parameters
    ----------
    genes
        The run.
    counts
        Sets of each gene ``[n_genes]``; none where they say nothing.
    """
    import numpy as np

    from scarena.metrics.genes.bias import Bias

    none = np.zeros(len(genes.truth.genes), np.int64)
    return Bias.made(genes.known_facts, none if counts is None else counts)
