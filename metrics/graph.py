"""UMAP's neighbour graph, which Leiden clusters and on which kBET walks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    from scarena.metrics.neighbor_lists import Neighbors


def fuzzy_graph(near: Neighbors, k: int, within: NDArray[np.integer] | None = None) -> csr_matrix:
    """Return the symmetric graph of the ``k`` nearest cells, the cell itself counted, weighted as UMAP does.

    Parameters
    ----------
    near
        Neighbours, at least ``k`` or all there are.
    k
        Neighbours a cell.
    within
        Integer codes ``[n_cells]``; edges between cells of different codes are left out.

    Returns
    -------
    csr_matrix
        Weights in (0, 1] ``[n_cells, n_cells]``: w + wᵀ − w·wᵀ of the kernel weights w.

    References
    ----------
    McInnes, Healy & Melville 2018, arXiv 1802.03426; equal to ``umap.umap_.fuzzy_simplicial_set``.
    """
    from scipy.sparse import csr_matrix

    from scarena.metrics.graph_kernels import edge_weights

    n_cells, width = len(near.indices), min(k, near.indices.shape[1])
    indices = np.ascontiguousarray(near.indices[:, :width])
    weights = edge_weights(np.ascontiguousarray(near.distances[:, :width], dtype=np.float32))
    if within is not None:
        weights[within[indices] != within[:, None]] = 0
    ends = np.arange(0, n_cells * width + 1, width)
    graph = csr_matrix((weights.ravel(), indices.ravel(), ends), shape=(n_cells, n_cells))
    graph.eliminate_zeros()
    graph.sort_indices()
    back = graph.T.tocsr()
    return graph + back - graph.multiply(back)
