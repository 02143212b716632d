"""Bootstrap over cells by counting: a replicate is how often each cell was drawn, never a new set of arrays.

Neighbours, distances and clusters are computed once; a metric turns the counts into the value it would have had. For a
mean that is exact; a metric that is no mean of its cells says in its docstring what it holds fixed.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_REPLICATES = 200
_CELLS_AT_ONCE = 1 << 16
ENDS = (0.025, 0.975)


@dataclass(frozen=True, slots=True)
class Resampling:
    """How often each cell is drawn in each replicate.

    Parameters
    ----------
    counts
        Array ``[n_replicates, n_cells]``; the draws of each stratum sum to its size in every replicate.
    """

    counts: NDArray[np.uint8]

    @classmethod
    def stratified(cls, strata: NDArray[np.integer], *, n_replicates: int = N_REPLICATES, seed: int = 0) -> Resampling:
        """Draw with replacement within each stratum.

        Parameters
        ----------
        strata
            Integer codes ``[n_cells]``, in practice one for each label in each batch. The same strata and seed give
            the same draws, so the replicates of two embeddings of one dataset are paired.
        n_replicates
            Number of replicates.
        seed
            Of the draws.
        """
        order = np.argsort(strata, kind="stable")
        sizes = np.unique(strata, return_counts=True)[1]
        size_of = np.repeat(sizes, sizes)
        start_of = np.repeat(np.cumsum(sizes) - sizes, sizes)
        rng = np.random.default_rng(seed)
        counts = np.empty((n_replicates, len(strata)), dtype=np.uint8)
        for row in counts:
            drawn = start_of + (rng.random(len(strata)) * size_of).astype(np.int64)
            times = np.bincount(drawn, minlength=len(strata))
            if times.max() > np.iinfo(counts.dtype).max:  # with an honest generator once in 10^507 draws
                raise OverflowError(f"a cell was drawn {times.max()} times")
            row[order] = times
        return cls(counts)

    def at(self, rows: NDArray[np.integer]) -> Resampling:
        """Return the counts of some cells."""
        return Resampling(self.counts[:, rows])

    def sums(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return Σ countᵢ·valueᵢ in every replicate: ``[n_replicates]`` of ``[n_cells]``, ``[…, m]`` of ``[…, m]``."""
        total = np.zeros((len(self.counts), *values.shape[1:]))
        # In pieces: as float64 the counts of a million cells would take 1.6 GB.
        for start in range(0, len(values), _CELLS_AT_ONCE):
            piece = slice(start, start + _CELLS_AT_ONCE)
            total += self.counts[:, piece].astype(np.float64) @ values[piece].astype(np.float64)
        return total

    def means(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the mean over the cells drawn, in every replicate."""
        return self.sums(values) / len(values)

    def label_means(self, values: NDArray[np.floating], labels: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return the mean over each label's cells ``[n_replicates, n_labels]``; labels are codes from 0, none empty.

        Strata never cross labels, so a label has its own number of cells in every replicate.
        """
        n_labels = int(labels.max()) + 1
        total = np.zeros((len(self.counts), n_labels))
        for label in range(n_labels):
            rows = np.flatnonzero(labels == label)
            total[:, label] = self.at(rows).means(values[rows])
        return total


def interval(
    value: float, replicates: NDArray[np.floating], low: float = -inf, high: float = inf
) -> tuple[float, float]:
    """Return the ends of the centred percentile 95 % interval: the value plus the quantiles of replicates − their mean.

    Centred because replicates of many metrics are biased (a cell drawn twice is its own neighbour): their spread is
    that of the score, their level is not.

    Parameters
    ----------
    value
        The score on all cells; always inside the interval.
    replicates
        Finite array ``[n_replicates]``.
    low, high
        The metric's range, which the interval does not leave.
    """
    ends = value + np.quantile(replicates - replicates.mean(), ENDS)
    return min(value, max(low, float(ends[0]))), max(value, min(high, float(ends[1])))
