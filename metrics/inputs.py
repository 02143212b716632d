"""What the metrics of one embedding share: each computed when first asked for, and once."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from scarena.metrics.measured import Undefined
from scarena.metrics.resampling import Resampling

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scarena.metrics.label_transfer import Transfer
    from scarena.metrics.pairs import Pairs
    from scarena.metrics.reference import DatasetReference, OntologyReference


class Inputs:
    """An embedding with its annotation and everything derived from the two.

    Parameters
    ----------
    x
        The embedding ``[n_cells, d]``.
    batch, labels
        Integer codes ``[n_cells]``, from 0 without gaps.
    names
        The labels themselves, by code.
    reference, ontology
        What is known of the dataset; ``ontology`` is ``None`` where the dataset has no terms.
    n_replicates
        Bootstrap replicates; 0 for none.
    seed
        Of everything that draws.
    n_jobs
        Threads.
    """

    def __init__(
        self, x: NDArray[np.floating], batch: NDArray[np.int64], labels: NDArray[np.int64], names: NDArray[np.str_],
        reference: DatasetReference, ontology: OntologyReference | None, *, n_replicates: int, seed: int, n_jobs: int,
    ) -> None:  # fmt: skip
        self.x, self.batch, self.labels, self.names = x, batch, labels, names
        self.reference, self.ontology = reference, ontology
        self.n_replicates, self.seed, self.n_jobs = n_replicates, seed, n_jobs
        # What scGraph found on its way, for who keeps it (`details`): sorting the cells again would take as long.
        self.type_distances: NDArray[np.float64] | None = None

    @cached_property
    def resampling(self) -> Resampling | None:
        """The draws of cells, stratified by label and batch; the same for every embedding of the dataset."""
        if not self.n_replicates:
            return None
        strata = self.labels * (int(self.batch.max()) + 1) + self.batch
        # Not the metrics' seed: runs that differ in theirs are compared cell by cell too.
        return Resampling.stratified(strata, n_replicates=self.n_replicates, seed=0)

    @cached_property
    def pairs(self) -> Pairs:
        """Neighbours and sums of distances."""
        from scarena.metrics.pairs import all_pairs

        return all_pairs(self.x, self.labels, self.batch, n_jobs=self.n_jobs)

    @cached_property
    def bandwidths(self) -> NDArray[np.float64]:
        """Kernel width of each cell for both LISI."""
        from scarena.metrics.lisi import bandwidths

        return bandwidths(self.pairs.near)

    @cached_property
    def kmeans(self) -> NDArray[np.int64]:
        """As many k-means clusters as there are labels."""
        from scarena.metrics.clustering import kmeans_clusters

        return kmeans_clusters(self.x, int(self.labels.max()) + 1, self.seed)

    @cached_property
    def leiden(self) -> NDArray[np.int64]:
        """Leiden clusters at every resolution."""
        from scarena.metrics.clustering import leiden_clusters
        from scarena.metrics.graph import fuzzy_graph

        return leiden_clusters(fuzzy_graph(self.pairs.near, 15), seed=self.seed, n_jobs=self.n_jobs)

    @cached_property
    def transfer(self) -> Transfer:
        """Labels predicted from the other batches."""
        from scarena.metrics.label_transfer import transfer_labels

        one_batch = "batch" in self.reference.not_applicable or self.batch.max() == 0
        return transfer_labels(
            self.x, batch=np.zeros(len(self.x)) if one_batch else self.batch, labels=self.names[self.labels],
            seed=self.seed, n_jobs=self.n_jobs, foreign=None if one_batch else self.pairs.foreign,
        )  # fmt: skip

    @property
    def transferred(self) -> Transfer | None:
        """What :attr:`transfer` is, if some metric has asked for it; it is not computed here."""
        return vars(self).get("transfer")

    @property
    def terms(self) -> OntologyReference:
        """The ontology of the dataset's types.

        Raises
        ------
        Undefined
            If there is none.
        """
        if self.ontology is None:
            raise Undefined("no Cell Ontology terms were given")
        return self.ontology

    @property
    def pre_pca(self) -> NDArray[np.floating]:
        """The principal components before integration.

        Raises
        ------
        Undefined
            If there are none.
        """
        if self.reference.pre_pca is None:
            raise Undefined("no PCA of the data before integration was given")
        return self.reference.pre_pca
