"""Graph connectivity: does each label hang together in the graph of nearest neighbours?

As scib-metrics 0.5.10, the graph is the directed one of 15 neighbours (itself included) and components are *strongly*
connected: a cell that none of its label points back to is a component of its own. It is not symmetrised, which the
graph of scIB was; so values lie below those of scIB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.metrics.measured import Measured

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scarena.metrics.neighbor_lists import Neighbors
    from scarena.metrics.resampling import Resampling

N_NEIGHBORS = 15


def graph_connectivity(near: Neighbors, labels: NDArray[np.integer], resampling: Resampling | None = None) -> Measured:
    """Return the mean over labels of the share of cells in the label's largest strongly connected component.

    Parameters
    ----------
    near
        At least 15 exact neighbours of each cell, itself included; of fewer (a small dataset) all are used.
    labels
        Label codes ``[n_cells]``, from 0 without gaps.
    resampling
        For replicates: which cells are in the largest component of their label is held fixed.

    Returns
    -------
    Measured
        In (0, 1], higher is better; a label with one cell has 1.

    References
    ----------
    Luecken et al. 2022, doi 10.1038/s41592-021-01336-8.
    """
    inside = _in_largest_component(near, labels).astype(np.float64)
    value = (np.bincount(labels, weights=inside) / np.bincount(labels)).mean()
    replicates = None if resampling is None else resampling.label_means(inside, labels).mean(axis=1)
    return Measured(float(value), replicates)


def _in_largest_component(near: Neighbors, labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Return which cells ``[n_cells]`` are in the largest component of their label (the first one of equals)."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    neighbor = near.indices[:, :N_NEIGHBORS]
    within = labels[neighbor] == labels[:, None]
    # Without edges across labels one call finds the components of all labels, each within its label.
    starts = np.concatenate([[0], np.cumsum(within.sum(axis=1))])
    ends = neighbor[within]
    graph = csr_matrix((np.ones(len(ends), dtype=np.float32), ends, starts), shape=(len(labels), len(labels)))
    component = connected_components(graph, directed=True, connection="strong")[1]
    sizes = np.bincount(component)
    label_of = np.empty(len(sizes), dtype=np.int64)
    label_of[component] = labels
    ranked = np.lexsort((-sizes, label_of))
    largest = ranked[np.unique(label_of[ranked], return_index=True)[1]]
    return component == largest[labels]
