"""What anybody may know of a gene before any model, as features of a linear probe.

A linear probe of four plain numbers misses that genes of middling length, say, are in more sets than others. So each
number is given three times: as it is, squared, and as its rank among all genes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PER_FACT = 3
"""Features of one number."""


def of_facts(facts: NDArray[np.floating]) -> Floats:
    """Return the features of some facts ``[n_genes, 3 · n_facts]``, each of mean 0 and variance 1.

    Parameters
    ----------
    facts
        ``[n_genes, n_facts]``; NaN becomes the mean. A fact that nobody knows, or that never varies, says nothing: its
        features are 0.
    """
    values = np.asarray(facts, np.float64)
    return np.concatenate([_of_one(column, column) for column in values.T], axis=1)


def _of_one(known: Floats, asked: Floats) -> Floats:
    """Return features of `asked`, by mean, variance and ranks of `known`."""
    there = known[np.isfinite(known)]
    if len(there) == 0 or np.ptp(there) == 0:
        return np.zeros((len(asked), PER_FACT))
    mean, spread = there.mean(), there.std()
    filled, reference = np.where(np.isfinite(asked), asked, mean), np.where(np.isfinite(known), known, mean)

    def features(values: Floats) -> Floats:
        standard = (values - mean) / spread
        sides = [np.searchsorted(np.sort(reference), values, side=side) for side in ("left", "right")]
        return np.stack([standard, np.square(standard), (sides[0] + sides[1]) / (2 * len(reference))], axis=1)

    of_known = features(reference)
    return (features(filled) - of_known.mean(axis=0)) / np.maximum(of_known.std(axis=0), 1e-12)


@dataclass(frozen=True, slots=True, eq=False)
class Bias:
    """Facts of genes, and in how many sets of a collection each is: for its members a set itself does not count.

    Parameters
    ----------
    of_gene
        Features of the facts ``[n_genes, f]``.
    of_count
        Features of being in 0, 1, 2 … sets ``[largest + 1, 3]``.
    counts
        In how many sets each gene is ``[n_genes]``.
    """

    of_gene: Floats
    of_count: Floats
    counts: NDArray[np.int64]

    @classmethod
    def made(cls, facts: NDArray[np.floating], counts: NDArray[np.int64]) -> Bias:
        """Return what is known of genes by their facts ``[n_genes, n_facts]`` and numbers of sets ``[n_genes]``."""
        log = np.log1p(counts.astype(np.float64))
        return cls(of_facts(facts), _of_one(log, np.log1p(np.arange(int(counts.max()) + 1.0))), counts)

    def of(self, rows: NDArray[np.int64], inside: NDArray[np.bool_]) -> Floats:
        """Return the features of some genes ``[n, f + 3]``; `inside` says which are in the set that is asked."""
        return np.concatenate([self.of_gene[rows], self.of_count[self.counts[rows] - inside]], axis=1)
