"""What the metrics need to know of a dataset, whatever the embedding: computed once, shared by all models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import DataError
from scarena.metrics.measured import Undefined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from scarena.metrics.lcad import LcadTable
    from scarena.metrics.ontology_graph import OntologyEmbedding
    from scarena.metrics.scgraph import ScGraphReference

NEAR_BEFORE = 16


@dataclass(frozen=True, slots=True)
class DatasetReference:
    """The data before integration.

    Parameters
    ----------
    pre_pca
        Principal components of all cells ``[n_cells, d_pre]``.
    near
        The nearest cells in them ``[n_cells, 16]``, the cell itself first.
    scgraph
        Distances between cell types within the batches.
    phase_scores
        S and G2M score of each cell ``[n_cells, 2]``.
    not_applicable
        Group (``batch``, ``bio``, ``ontology``, ``labels``) or metric key → why the dataset cannot answer it. With
        ``batch`` ruled out, label transfer takes the dataset as one batch.
    """

    pre_pca: NDArray[np.floating] | None = None
    near: NDArray[np.integer] | None = None
    scgraph: ScGraphReference | None = None
    phase_scores: NDArray[np.floating] | None = None
    not_applicable: Mapping[str, str] = field(default_factory=dict)

    def of_cells(self, kept: NDArray[np.bool_], n_jobs: int = -1) -> DatasetReference:
        """Return what is known of some cells ``[n_cells]`` alone; their nearest cells are looked for again."""
        from scarena.metrics.neighbors import nearest_neighbors

        pca = None if self.pre_pca is None else self.pre_pca[kept]
        near = None if self.near is None or pca is None else nearest_neighbors(pca, NEAR_BEFORE, n_jobs=n_jobs).indices
        phases = None if self.phase_scores is None else self.phase_scores[kept]
        return DatasetReference(pca, near, self.scgraph, phases, self.not_applicable)


@dataclass(frozen=True, slots=True)
class OntologyReference:
    """The Cell Ontology as far as a dataset's cell types go.

    Parameters
    ----------
    term_ids
        Term of each cell ``[n_cells]``, "" where there is none.
    terms
        The ``k`` terms among them, sorted.
    distances
        Distances ``[k, k]`` of the terms by random walk with restart.
    lca
        Distances by lowest common ancestors.
    """

    term_ids: NDArray[np.str_]
    terms: tuple[str, ...]
    distances: NDArray[np.float64]
    lca: LcadTable

    def of_cells(self, kept: NDArray[np.bool_]) -> OntologyReference:
        """Return the same of some cells ``[n_cells]`` alone."""
        return OntologyReference(self.term_ids[kept], self.terms, self.distances, self.lca)


def dataset_reference(
    pre_pca: NDArray[np.floating] | None = None,
    *,
    batch_pcas: Sequence[tuple[NDArray[np.floating], NDArray[np.str_]]] | None = None,
    phase_scores: NDArray[np.floating] | None = None,
    not_applicable: Mapping[str, str] | None = None,
    n_jobs: int = -1,
) -> DatasetReference:
    """Compute what the metrics share of the data before integration.

    Parameters
    ----------
    pre_pca
        PCA of all cells ``[n_cells, d_pre]``; PCR, cell cycle and the preservation of neighbours and distances need it.
    batch_pcas
        PCA of each batch's own expression with the labels of its cells; scGraph needs them
        (:func:`~scarena.metrics.scgraph.scgraph_consensus`).
    phase_scores
        S and G2M score of each cell ``[n_cells, 2]`` (:func:`~scarena.metrics.cell_cycle.phase_scores`).
    not_applicable
        Group or metric key → why the dataset cannot answer it.
    n_jobs
        Threads; −1 for all.
    """
    from scarena.metrics.neighbors import nearest_neighbors
    from scarena.metrics.scgraph import KEYS as SCGRAPH_KEYS
    from scarena.metrics.scgraph import scgraph_consensus

    near = None
    if pre_pca is not None:
        near = nearest_neighbors(pre_pca, NEAR_BEFORE, n_jobs=n_jobs).indices
    excluded, consensus = dict(not_applicable or {}), None
    try:
        consensus = scgraph_consensus(batch_pcas) if batch_pcas else None
    except Undefined as why:
        excluded = {**dict.fromkeys(SCGRAPH_KEYS, str(why)), **excluded}
    return DatasetReference(pre_pca, near, consensus, phase_scores, excluded)


def ontology_reference(
    term_ids: ArrayLike, parents: Mapping[str, Sequence[str]], embedding: OntologyEmbedding | None = None
) -> OntologyReference:
    """Compute the distances between a dataset's cell types in an ontology.

    Parameters
    ----------
    term_ids
        Term of each cell ``[n_cells]``, "" where there is none.
    parents
        Every term of the ontology with its is_a parents.
    embedding
        ``ontology_embedding(parents)``, where it is at hand: it takes 5 s and depends on the release only.

    Raises
    ------
    OntologyError
        If the ontology lacks a term.
    DataError
        If no cell has a term.
    """
    from scarena.metrics.lcad import lca_distances
    from scarena.metrics.ontology_graph import distances_between, ontology_embedding

    ids = np.asarray(term_ids).astype(str)
    terms = tuple(str(term) for term in np.unique(ids) if term)
    if not terms:
        raise DataError("no cell has a term", where="term_ids", fix="map the labels to the Cell Ontology")
    table = lca_distances(parents, terms)
    distances = distances_between(embedding or ontology_embedding(parents), terms)
    return OntologyReference(ids, terms, distances, table)
