"""How far a dataset agrees with what a model knows: whether its directions hold signal there, or mostly noise.

An atlas that lacks the states of a dataset has directions along which its cells differ by counting noise alone. No
label is needed to see it. Every cell's counts are parted in two by the toss of a coin; each half is projected on the
same directions. What both halves say alike is no counting noise.

The rule: for a direction d let c be the correlation of the halves over the cells, and
r = 2c / (1 + c) the reliability of both halves together (Spearman–Brown). The best linear guess of what the cells would
be without counting noise is r times what they are, with variance r² v for a variance v of the cells. The *signal
share* of a representation is Σ r² v / Σ v: what is left of its variance after the noise was shrunk out of it. The
directions of the model are kept unless the share of the dataset's own components is larger by more than a hundredth.
Where thinning takes next to nothing from either, as from reads that are counted in place of molecules, it says nothing
against them.

Own components are fitted to some of the cells and looked at on the others, in turn: a component follows the noise of
the cells that it is fitted to, in both of their halves.

Shapes: B cells, G genes, D directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_matrix

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Represent = Callable[[csr_matrix], NDArray[np.floating]]
    """Counts of cells to their place along the directions, [B, D]."""

MOST_CELLS = 8_192
"""Looked at: the shares are means over the cells, and no better known with more."""
_FOLDS = 2
LEAST_GAIN = 0.01
"""Share of the variance: less speaks for no directions."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What a dataset says of a model's directions."""

    of_model: float
    """Signal share of the model's directions, 0 to 1."""
    of_own: float
    """Of the dataset's own components, on cells that they were not fitted to."""

    @property
    def model(self) -> bool:
        """Whether the model's directions are kept."""
        return self.of_model >= self.of_own - LEAST_GAIN

    def words(self) -> str:
        """Return it as a sentence."""
        kept = "the model's directions are kept" if self.model else "the dataset's own components take their place"
        return (
            f"signal share {self.of_model:.2f} of the model's directions, {self.of_own:.2f} of own components: {kept}"
        )


def halves(counts: csr_matrix, rng: np.random.Generator) -> tuple[csr_matrix, csr_matrix]:
    """Return two matrices that add up to integer counts, each count in either with the same chance."""
    first = rng.binomial(counts.data.astype(np.int64), 0.5).astype(counts.data.dtype)
    parts = (first, counts.data - first)
    one, other = (csr_matrix((part, counts.indices, counts.indptr), shape=counts.shape) for part in parts)
    return one, other


def reliabilities(first_BD: NDArray[np.floating], second_BD: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the reliability of each dimension of both halves together, 0 to 1; 0 for one that does not vary."""
    one, other = (np.asarray(each - each.mean(axis=0), np.float64) for each in (first_BD, second_BD))
    spread_D = np.sqrt((one**2).sum(axis=0) * (other**2).sum(axis=0))
    alike_D = np.clip((one * other).sum(axis=0) / np.maximum(spread_D, 1e-300), 0.0, 1.0)
    return 2 * alike_D / (1 + alike_D)


def signal_share(
    first_BD: NDArray[np.floating], second_BD: NDArray[np.floating], whole_BD: NDArray[np.floating]
) -> float:
    """Return the share of the variance of a representation that is left without counting noise, 0 to 1.

    Parameters
    ----------
    first_BD, second_BD
        The cells by either half of their counts.
    whole_BD
        By all of them.
    """
    reliable_D, variance_D = reliabilities(first_BD, second_BD), whole_BD.var(axis=0)
    total = float(variance_D.sum())
    return float((reliable_D**2 * variance_D).sum() / total) if total > 0 else 0.0


def trust(counts: csr_matrix, model: Represent, fitted: Callable[[csr_matrix], Represent], seed: int = 0) -> Trust:
    """Return how far a dataset's signal lies along a model's directions, and along its own.

    Parameters
    ----------
    counts
        Integer counts of cells × genes.
    model
        The model's directions.
    fitted
        Counts of some cells to their own components.
    seed
        Of the cells that are looked at, where there are many, and of the coins.
    """
    rng = np.random.default_rng(seed)
    kept = np.sort(rng.permutation(counts.shape[0])[:MOST_CELLS])
    cells = csr_matrix(counts[kept])
    one, other = halves(cells, rng)
    of_model = signal_share(model(one), model(other), model(cells))
    fold_B = rng.permutation(np.arange(len(kept)) % _FOLDS)
    shares = []
    for fold in range(_FOLDS):
        own = fitted(cells[fold_B != fold])
        seen = fold_B == fold
        shares.append(signal_share(own(one[seen]), own(other[seen]), own(cells[seen])))
    return Trust(of_model, float(np.mean(shares)))
