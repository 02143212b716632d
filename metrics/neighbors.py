"""Exact nearest neighbours of an embedding, shared by the metrics that look at neighbourhoods.

Exact rather than approximate: ten seconds for 100,000 cells, and a score must not depend on the seed of an index.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.metrics.compiled import keep_compiled

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
    distances: NDArray[np.float32]

    def scib(self, k: int) -> Any:
        """Return the ``k`` nearest (the cell itself counts; fewer on a small dataset) as scib-metrics wants them."""
        width = min(k, self.indices.shape[1])
        # Contiguous copies: numba inside umap compiles a second version of its kernels for strided views.
        return scib_library().nearest_neighbors.NeighborsResults(
            indices=np.ascontiguousarray(self.indices[:, :width]),
            distances=np.ascontiguousarray(self.distances[:, :width]),
        )


def scib_library() -> Any:
    """Return the module ``scib_metrics``, imported when first asked for (4 s, mostly jax and numba)."""
    with warnings.catch_warnings():
        # Said at import by umap, of which only the neighbour graph is used; where warnings are errors it ends the
        # import.
        warnings.filterwarnings("ignore", message="Tensorflow not installed", category=ImportWarning)
        import scib_metrics
        import umap.umap_

    # Leiden's graph is built with it: 6 s of compilation for each embedding that is scored.
    keep_compiled(umap.umap_)
    return scib_metrics


def nearest_neighbors(embedding: NDArray[np.floating], k: int, *, n_jobs: int = 1) -> Neighbors:
    """Find the exact Euclidean neighbours of every cell.

    Parameters
    ----------
    embedding
        Finite array ``[n_cells, d]``.
    k
        Neighbours a cell, itself included; at most ``n_cells`` are given.
    n_jobs
        Threads; −1 for all.

    Returns
    -------
    Neighbors
        With the cell itself in column 0 even where duplicates lie at distance zero: LISI and kBET mask or count
        "self" by its row number, and a duplicate in its place would let a cell vote for itself.
    """
    from scarena.metrics.pairs import all_pairs

    one = np.zeros(len(embedding), np.int64)
    return all_pairs(embedding, one, one, k=k, n_jobs=n_jobs).near
