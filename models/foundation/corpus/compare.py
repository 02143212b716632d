"""Which cells of a dataset are in a corpus, by their fingerprints.

How alike two cells must be is chosen from data: 128 bins, nine pretraining sets (18,123 cells) and six benchmark sets
as corpora, nine benchmark sets against them. The best match between unrelated sets was at most .46 for UMI counts of
8,000 genes and more, .76 for full-length reads (Smart-seq), and 1.00 on panels of 1,300 genes, of which some twenty
bins tell anything. The same cells published twice had .99 to 1.00; with 90 % of their counts .90 (99 % above .83), with
80 % .78, with 70 % .70. So a threshold of .7 finds all of the cells that lost a tenth and 98 % of those that lost a
fifth of their counts; and `required` asks for more where few bins tell, where cells are deep and alike, or where many
pairs are compared. Known truths: `matches`.

Shapes: Q cells of the dataset, C cells of the corpus, K bins, G genes of the vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from scipy.sparse import csr_matrix
from scipy.special import bdtrc

from scarena.models.foundation.corpus.minhash import EMPTY, MinHash

if TYPE_CHECKING:
    from anndata import AnnData

THRESHOLD = 0.7
ALPHA = 0.05
"""Matches by chance that are accepted in a whole audit."""
LEVELS = np.arange(0.3, 1.0, 0.02)
"""Similarities that different cells are taken to have."""
_SAMPLE, _CLOSEST = 256, 10
_NOTHING, _UNTOLD = -2, -1
# Corpus cells compared with all cells of the dataset before the next ones: they stay in the second-level cache.
_TILE = 256
# Bins between two looks at whether a pair can still match.
_STRETCH = 32


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of a dataset over the vocabulary of a corpus."""

    names: np.ndarray
    counts: csr_matrix
    """int64 [Q, G], indices ascending."""
    measured: np.ndarray
    """bool [G]."""

    @classmethod
    def of(cls, data: AnnData, genes: tuple[str, ...]) -> Cells:
        """Return a prepared dataset's cells; genes outside the vocabulary are left out."""
        place = {gene: at for at, gene in enumerate(genes)}
        columns = np.array([place.get(str(gene), -1) for gene in data.var_names], np.int64)
        known = np.flatnonzero(columns >= 0)
        into = csr_matrix((np.ones(len(known), np.int64), (known, columns[known])), shape=(len(columns), len(genes)))
        counts = csr_matrix(csr_matrix(data.X).astype(np.int64) @ into)
        counts.eliminate_zeros()
        counts.sort_indices()
        measured = np.zeros(len(genes), bool)
        measured[columns[known]] = True
        return cls(data.obs_names.astype(str).to_numpy(), counts, measured)

    def prints(self, minhash: MinHash, among: np.ndarray) -> np.ndarray:
        """Return int32 [Q, K], the fingerprints over the genes `among` (bool [G]); `_NOTHING` in empty bins."""
        kept = self.counts.tocoo()
        inside = among[kept.col]
        lengths = np.bincount(kept.row[inside], minlength=self.counts.shape[0])
        found_QK = minhash(kept.col[inside], np.concatenate([[0], np.cumsum(lengths)]))
        return np.where(found_QK == EMPTY, _NOTHING, found_QK.astype(np.int32))


def told(minhash_CK: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Return int32 [C, K]: a corpus' fingerprints, `_UNTOLD` where the bin's gene is not one of `among` (bool [G])."""
    padded = np.append(among, np.zeros(EMPTY + 1 - len(among), bool))
    found_CK = np.where(padded[minhash_CK], minhash_CK.astype(np.int32), _UNTOLD)
    return np.where(minhash_CK == EMPTY, _NOTHING, found_CK)


@njit(cache=True, nogil=True)
def _alike(prints_QK: np.ndarray, others_SK: np.ndarray) -> np.ndarray:
    """Return float64 [Q, S], the estimated Jaccard indices; 0 of two cells without genes."""
    found_QS = np.zeros((len(prints_QK), len(others_SK)))
    for q in range(len(prints_QK)):
        for s in range(len(others_SK)):
            some, same = 0, 0
            for k in range(prints_QK.shape[1]):
                a, b = prints_QK[q, k], others_SK[s, k]
                some += (a != _NOTHING) | (b != _NOTHING)
                same += (a == b) & (a != _NOTHING)
            found_QS[q, s] = same / max(1, some)
    return found_QS


def background(prints_QK: np.ndarray) -> np.ndarray:
    """Return int64 [Q]: for each cell, the level of similarity that *another* cell of its dataset may well have.

    Cells of one type in one batch are as alike as different cells can be, so this bounds what cells of another
    study have in common with it. It is the mean of the ten most similar of 256 others.
    """
    n = len(prints_QK)
    others = prints_QK[np.linspace(0, n - 1, min(_SAMPLE, n)).astype(np.int64)]
    alike = np.sort(_alike(prints_QK, others), axis=1)
    # The most similar may be the cell itself.
    found = alike[:, :-1][:, -_CLOSEST:].mean(axis=1) if n > 1 else np.zeros(n)
    return np.searchsorted(LEVELS, found).clip(max=len(LEVELS) - 1)


def required(bins: int, n_pairs: int, threshold: float = THRESHOLD) -> np.ndarray:
    """Return int64 [levels, K + 1]: matching bins needed out of n informative ones, K + 1 where none are enough.

    Enough are a share of `threshold`, and so many that among `n_pairs` pairs of different cells, each bin matching
    with the probability of the level, less than `ALPHA` such pairs are expected.
    """
    table = np.full((len(LEVELS), bins + 1), bins + 1, np.int64)
    for level, chance in enumerate(LEVELS):
        for n in range(1, bins + 1):
            least = int(np.ceil(threshold * n))
            tail = bdtrc(np.arange(least, n + 1) - 1, n, chance) * n_pairs < ALPHA
            if tail.any():
                table[level, n] = least + int(np.argmax(tail))
    return table


@njit(cache=True, nogil=True)
def _informative(a_K: np.ndarray, b_K: np.ndarray) -> tuple[int, int]:
    """Return (informative bins, matching ones) of a corpus cell and a cell of the dataset."""
    some, same = 0, 0
    for k in range(len(a_K)):
        if a_K[k] != _UNTOLD and not (a_K[k] == _NOTHING and b_K[k] == _NOTHING):
            some += 1
            same += a_K[k] == b_K[k]
    return some, same


@njit(cache=True, nogil=True)
def _differ(a_K: np.ndarray, b_K: np.ndarray, most: int) -> bool:
    """Return whether more than `most` told bins differ."""
    different = 0
    for first in range(0, len(a_K), _STRETCH):
        for k in range(first, min(first + _STRETCH, len(a_K))):
            different += (a_K[k] != _UNTOLD) & (a_K[k] != b_K[k])
        if different > most:
            return True
    return False


@njit(cache=True, nogil=True)
def _search(
    a_CK: np.ndarray, b_QK: np.ndarray, level_Q: np.ndarray, need: np.ndarray, most: np.ndarray, told_C: np.ndarray,
    row_Q: np.ndarray, some_Q: np.ndarray, same_Q: np.ndarray,
) -> None:  # fmt: skip
    for tile in range(0, len(a_CK), _TILE):
        for q in range(len(b_QK)):
            for c in range(tile, min(tile + _TILE, len(a_CK))):
                allowed = most[level_Q[q], told_C[c]]
                if allowed < 0 or _differ(a_CK[c], b_QK[q], allowed):
                    continue
                some, same = _informative(a_CK[c], b_QK[q])
                # The larger share, the first of equal ones.
                if same >= need[level_Q[q], some] and same * some_Q[q] > same_Q[q] * some:
                    row_Q[q], some_Q[q], same_Q[q] = c, some, same


@dataclass(frozen=True, slots=True)
class Best:
    """For each cell of a dataset, the most similar corpus cell among those that match."""

    row: np.ndarray
    """int64 [Q], −1 where none matches."""
    some: np.ndarray
    """int64 [Q], informative bins."""
    same: np.ndarray
    """int64 [Q], those that match."""


def search(a_CK: np.ndarray, b_QK: np.ndarray, level_Q: np.ndarray, need: np.ndarray) -> Best:
    """Compare all cells of a dataset with all of a corpus (or a block of it); no pair that matches is missed.

    Parameters
    ----------
    a_CK, b_QK
        From `told` and `Cells.prints`.
    level_Q
        From `background`.
    need
        From `required`.
    """
    found = Best(np.full(len(b_QK), -1), np.ones(len(b_QK), np.int64), np.zeros(len(b_QK), np.int64))
    n = np.arange(need.shape[1])
    # With so many told bins or fewer, the most of them that may differ in a pair that matches; −1 where none can.
    most = np.maximum.accumulate(np.where(need <= n, n - need, -1), axis=1)
    told_C = (a_CK != _UNTOLD).sum(axis=1)
    _search(a_CK, b_QK, level_Q, need, most, told_C, found.row, found.some, found.same)
    return found


def informative(a_NK: np.ndarray, b_NK: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return int64 [N], [N]: informative bins, and matching ones, of N pairs."""
    some = (a_NK != _UNTOLD) & ~((a_NK == _NOTHING) & (b_NK == _NOTHING))
    return some.sum(axis=1), (some & (a_NK == b_NK)).sum(axis=1)
