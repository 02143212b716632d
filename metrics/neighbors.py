"""Exact nearest neighbours of an embedding, computed once and shared by the metrics that look at neighbourhoods.

Exact rather than approximate: the search is not what takes the time at the sizes of a benchmark (seconds for 20,000
cells), and a score must not depend on the seed of an index.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Neighbors:
    """The nearest neighbours of every cell, itself first.

    Parameters
    ----------
    indices
        Row numbers ``[n_cells, k]``; column 0 is the cell itself.
    distances
        Euclidean distances ``[n_cells, k]``, ascending; column 0 is zero.
    """

    indices: NDArray[np.int64]
    distances: NDArray[np.float64]

    def scib(self, k: int) -> Any:
        """Return the ``k`` nearest (the cell itself counts; fewer on a small dataset) as scib-metrics wants them."""
        width = min(k, self.indices.shape[1])
        # Contiguous copies: numba inside umap compiles a second version of its kernels for strided views.
        return scib_library().nearest_neighbors.NeighborsResults(
            indices=np.ascontiguousarray(self.indices[:, :width]),
            distances=np.ascontiguousarray(self.distances[:, :width], dtype=np.float32),
        )


def scib_library() -> Any:
    """Return the module ``scib_metrics``, imported when first asked for (4 s, mostly jax and numba)."""
    with warnings.catch_warnings():
        # Said at import by umap, of which only the neighbour graph is used; where warnings are errors it ends the
        # import.
        warnings.filterwarnings("ignore", message="Tensorflow not installed", category=ImportWarning)
        import scib_metrics
    return scib_metrics


def nearest_neighbors(embedding: NDArray[np.floating], k: int, *, n_jobs: int = 1) -> Neighbors:
    """Find the exact Euclidean neighbours of every cell.

    Parameters
    ----------
    embedding
        Finite array ``[n_cells, d]``, at least two cells.
    k
        Neighbours a cell, itself included; at most ``n_cells`` are given.
    n_jobs
        Threads of the search in few dimensions (the brute-force search takes what the process may use).

    Returns
    -------
    Neighbors
        With the cell itself in column 0 even where duplicates lie at distance zero: LISI and kBET mask or count
        "self" by its row number, and a duplicate in its place would let a cell vote for itself.
    """
    from sklearn.neighbors import NearestNeighbors

    n_cells = len(embedding)
    index = NearestNeighbors(n_neighbors=min(k, n_cells) - 1, n_jobs=n_jobs).fit(embedding)
    indices = np.hstack([np.arange(n_cells)[:, None], index.kneighbors(return_distance=False)])
    return Neighbors(indices, _distances(embedding, indices))


def _distances(x_ND: NDArray[np.floating], indices_NK: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the distances to given neighbours from differences, in double precision.

    The search gets them from a matrix product, whose last digits differ between two runs on several threads.
    """
    x_ND = x_ND.astype(np.float64)
    rows = max(1, 2**22 // (indices_NK.shape[1] * x_ND.shape[1]))  # 32 MB of differences at a time
    parts = [
        np.sqrt(((x_ND[indices_NK[start : start + rows]] - x_ND[start : start + rows, None]) ** 2).sum(axis=2))
        for start in range(0, len(x_ND), rows)
    ]
    return np.concatenate(parts)
