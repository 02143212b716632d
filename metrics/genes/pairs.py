"""Are two genes related? Both are genes of which a probe has seen nothing, and hubs are as frequent among negatives.

A pair is learned from if both of its genes are, and asked if both are held out together. The others are not used: with
one gene on either side, a probe would win by knowing how many partners that gene has.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from scarena.metrics.genes.area import area
from scarena.metrics.genes.folded import NEXT_TO_NONE, PENALTIES, USUAL, Folded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int64]

AXES = 64
"""Of the vectors, the widest: a pair has two features of each."""
_AT_ONCE = 1 << 14
_DRAWS_AT_ONCE = 1 << 21


class Pairs:
    """Pairs of genes with folds of genes, and what of it each fold may use.

    Parameters
    ----------
    pairs
        Two genes, and whether they are related ``[n_pairs, 3]``.
    folds
        Of each gene ``[n_genes]``.
    """

    def __init__(self, pairs: Rows, folds: Rows) -> None:
        self.one, self.other, self.related = pairs[:, 0], pairs[:, 1], pairs[:, 2] == 1
        self.n_folds = int(folds.max()) + 1
        low, high = np.sort(folds[pairs[:, :2]], axis=1).T
        self.groups = low * self.n_folds + high
        self.fold = np.where(low == high, low, -1)

    @classmethod
    def dealt(cls, pairs: Rows, n_genes: int, fold_of_pair: Rows) -> Pairs:
        """Return pairs that are dealt out themselves ``[n_pairs]``, whatever their genes: this leaks."""
        found = cls(pairs, np.zeros(n_genes, np.int64))
        found.n_folds, found.fold = int(fold_of_pair.max()) + 1, fold_of_pair
        found.groups = fold_of_pair * found.n_folds + fold_of_pair
        return found

    def learned_without(self, left_out: tuple[int, ...]) -> Rows:
        """Return the groups of pairs of which no gene is in some folds."""
        every = np.arange(self.n_folds**2)
        return every[~np.isin(every // self.n_folds, left_out) & ~np.isin(every % self.n_folds, left_out)]

    def features(self, x: Floats) -> Iterator[tuple[slice, Floats]]:
        """Yield some pairs at a time and what is read of them: 1, products and absolute differences of axes."""
        axes = x[:, :AXES]
        for start in range(0, len(self.one), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            a, b = axes[self.one[part]], axes[self.other[part]]
            yield part, np.concatenate([np.ones((len(a), 1)), a * b, np.abs(a - b)], axis=1)

    def probe(self, x: Floats) -> Floats:
        """Return what a class-balanced ridge says of the pairs that are asked, 0 of others ``[n_pairs]``.

        Parameters
        ----------
        x
            Vectors ``[n_genes, d]`` along their principal axes; features are brought to variance 1.
        """
        scale = self._scale(x)
        counts = np.maximum(np.bincount(self.related, minlength=2), 1)
        weight = (len(self.related) / (2 * counts))[self.related.astype(np.int64)]
        sign = np.where(self.related, 1.0, -1.0)[:, None]
        sums = Folded(self.n_folds**2, len(scale))
        for part, z in self.features(x):
            sums.add(z / scale, sign[part], weight[part], self.groups[part])
        grid = np.outer(PENALTIES, np.arange(len(scale)) > 0) + NEXT_TO_NONE
        chosen = self._chosen(x, scale, sums, grid, weight)
        said, columns = np.zeros(len(self.one)), np.arange(len(scale))
        by_fold = np.stack([
            sums.weights(self.learned_without((fold,)), grid[place][None], columns)[0, :, 0]
            for fold, place in enumerate(chosen)
        ])  # fmt: skip
        for part, z in self.features(x):
            said[part] = np.einsum("pf,pf->p", z / scale, by_fold[np.maximum(self.fold[part], 0)])
        return np.where(self.fold >= 0, said, 0.0)

    def cosines(self, x: Floats) -> Floats:
        """Return the cosine of the vectors of each pair ``[n_pairs]``; 0 where one is unknown."""
        unit = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
        parts = [slice(start, start + _AT_ONCE) for start in range(0, len(self.one), _AT_ONCE)]
        return np.concatenate([np.einsum("pd,pd->p", unit[self.one[p]], unit[self.other[p]]) for p in parts])

    def degrees(self, n_genes: int) -> Floats:
        """Return log (1 + d) of both genes, summed ``[n_pairs]``: d counts related genes of other folds.

        No pair that is asked is in it, and it is more than a probe may know.
        """
        used = self.related & (self.fold < 0)
        ends = np.concatenate([self.one[used], self.other[used]])
        log = np.log1p(np.bincount(ends, minlength=n_genes).astype(np.float64))
        return np.asarray(log[self.one] + log[self.other])

    def area(self, said: Floats, times: NDArray[np.floating]) -> Floats:
        """Return the AUROC over pairs of one fold ``[n_draws]``; a pair counts as often as both of its genes do.

        Parameters
        ----------
        said
            Of each pair ``[n_pairs]``.
        times
            How often each gene counts ``[n_draws, n_genes]``.
        """
        rows = np.flatnonzero(self.fold >= 0)
        one, other = self.one[rows], self.other[rows]
        step = max(1, _DRAWS_AT_ONCE // max(len(rows), 1))
        return np.concatenate([
            area(said[rows], self.related[rows], self.fold[rows], some[:, one] * some[:, other])
            for some in (times[start : start + step] for start in range(0, len(times), step))
        ])  # fmt: skip

    def _scale(self, x: Floats) -> Floats:
        total, square, n = 0.0, 0.0, len(self.one)
        for _, z in self.features(x):
            total, square = total + z.sum(axis=0), square + np.square(z).sum(axis=0)
        spread = np.sqrt(np.maximum(square / n - np.square(total / n), 0.0))
        return np.where(spread > 1e-12, spread, 1.0)

    def _chosen(self, x: Floats, scale: Floats, sums: Folded, grid: Floats, weight: Floats) -> Rows:
        if self.n_folds < 3:
            return np.full(self.n_folds, PENALTIES.index(USUAL))
        columns, errors = np.arange(len(scale)), np.zeros((self.n_folds, len(grid)))
        learned = {
            pair: sums.weights(self.learned_without(pair), grid, columns)[:, :, 0]
            for pair in combinations(range(self.n_folds), 2)
        }
        sign = np.where(self.related, 1.0, -1.0)[:, None]
        for part, z in self.features(x):
            for pair, weights in learned.items():
                for left_out, asked in (pair, pair[::-1]):
                    rows = np.flatnonzero(self.fold[part] == asked)
                    wrong = np.square(z[rows] / scale @ weights.T - sign[part][rows])
                    errors[left_out] += weight[part][rows] @ wrong
        return errors.argmin(axis=1)
