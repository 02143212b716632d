"""The nearest neighbours of every cell as two arrays: what a search leaves and what metrics look at."""

from __future__ import annotations

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
    distances: NDArray[np.float32]

    def scib(self, k: int) -> Any:
        """Return the ``k`` nearest (the cell itself counts; fewer on a small dataset) as scib-metrics wants them."""
        from scarena.metrics.scib_library import scib_library

        width = min(k, self.indices.shape[1])
        # Contiguous copies: numba inside umap compiles a second version of its kernels for strided views.
        return scib_library().nearest_neighbors.NeighborsResults(
            indices=np.ascontiguousarray(self.indices[:, :width]),
            distances=np.ascontiguousarray(self.distances[:, :width]),
        )
