"""The cells of a dataset that are in a corpus: by name and fingerprint, by their very counts, by fingerprint alone.

Known truths, all found and nothing else: the 66 cells of pbmc_10x_symphony in pbmc_10x_chem (1,338 genes in common;
also without the corpus' counts), the 954 of kang in kang_stim and the other way, the 1,642 of pancreas in baron_h1, and
the 127 of the published reference counts of donor A in zheng_sorted (of 134 pairs with one barcode, seven are different
cells of two sorted populations). Without names and counts: 954, 789 of 1,642, and none of the 66, since some twenty
informative bins prove nothing among millions of pairs. No cell is found between any other two of eighteen sets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import bdtrc

from scarena.models.foundation.corpus.compare import (
    ALPHA,
    LEVELS,
    THRESHOLD,
    Cells,
    background,
    informative,
    required,
    search,
    told,
)
from scarena.models.foundation.corpus.fingerprints import Fingerprints, Prints
from scarena.models.foundation.corpus.minhash import MinHash, gene_hashes
from scarena.models.foundation.corpus.spool import MOST_COUNTS

_BARCODE = re.compile(r"[ACGTN]{12,}")
# Identical counts of fewer genes may be those of two cells with little in them.
_LEAST_GENES = 30


@dataclass(frozen=True, slots=True)
class Match:
    """A cell of a dataset and the cell of a corpus that it is."""

    cell: str
    corpus_cell: str
    """``dataset:cell``"""
    kind: Literal["exact", "near"]
    similarity: float
    """Estimated Jaccard index of the expressed genes that both measure, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Found:
    """All matches, the best one a cell, and how much of the corpus could be compared."""

    matches: tuple[Match, ...]
    n_untold: int
    """Corpus cells with too few informative bins to be found by their fingerprint alone, were they in the dataset."""


@dataclass(frozen=True, slots=True)
class _Pair:
    q: int
    name: str
    some: int
    same: int
    level: int


def barcode(name: str) -> str:
    """Return the part of a cell's name that other files of the same cell keep: its barcode, else all of it.

    >>> barcode("ctrl:AAACATACAATGCC-1"), barcode("human1_lib1.final_cell_0001")
    ('AAACATACAATGCC', 'human1_lib1.final_cell_0001')
    """
    found = _BARCODE.search(name)
    return found.group(0) if found else name


def _own_name(name: bytes) -> str:
    return name.decode().split(":", 1)[1]


def _sums(values_N: np.ndarray, starts: np.ndarray) -> np.ndarray:
    # Sums modulo 2^64: differences of running sums are right even after these have overflown.
    return np.diff(np.concatenate([np.zeros(1, values_N.dtype), np.cumsum(values_N)])[starts])


def _digests(
    genes: np.ndarray, counts: np.ndarray, starts: np.ndarray, weight_G: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return uint64 [n_cells], equal for equal counts of the genes with a weight, and how many of those there are."""
    weighted = weight_G[genes] * np.minimum(counts, MOST_COUNTS).astype(np.uint64)
    return _sums(weighted, starts), _sums((weight_G[genes] > 0).astype(np.int64), starts)


class _Search:
    """The comparison of one dataset with a corpus, block by block."""

    def __init__(self, found: Fingerprints, cells: Cells) -> None:
        self._cells, self._minhash = cells, MinHash(found.genes, found.bins)
        self._hashes = gene_hashes(found.genes) | np.uint64(1)
        self._need = required(found.bins, max(1, len(cells.names) * found.n_cells))
        self._panel: tuple[bytes, np.ndarray, np.ndarray] | None = None
        self._rows: dict[str, list[int]] = {}
        for row, name in enumerate(cells.names):
            self._rows.setdefault(barcode(name), []).append(row)
        self.best: dict[int, Match] = {}
        self.named: list[_Pair] = []
        self.n_untold = 0

    def _prints(self, among: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return fingerprints and levels of the dataset's cells over some genes, kept for the next block."""
        if self._panel is None or self._panel[0] != among.tobytes():
            b_QK = self._cells.prints(self._minhash, among)
            self._panel = (among.tobytes(), b_QK, background(b_QK))
        return self._panel[1], self._panel[2]

    def keep(self, row: int, match: Match) -> None:
        """Keep a match if it is the cell's first or better than the one it has."""
        before = self.best.get(row)
        rank = (match.kind == "exact", match.similarity)
        if before is None or rank > (before.kind == "exact", before.similarity):
            self.best[row] = match

    def _match(self, row: int, name: bytes | str, kind: Literal["exact", "near"], some: int, same: int) -> None:
        text = name if isinstance(name, str) else name.decode()
        self.keep(row, Match(str(self._cells.names[row]), text, kind, same / max(1, some)))

    def block(self, block: Prints, measured: np.ndarray) -> None:
        """Compare with some cells of one dataset of the corpus."""
        among = measured & self._cells.measured
        b_QK, level_Q = self._prints(among)
        a_CK = told(block.minhash, among)
        # Compared with itself, a cell matches in every bin whose gene was measured.
        itself = (a_CK >= 0).sum(axis=1)
        self.n_untold += int((self._need.min(axis=0)[itself] > itself).sum())
        hits = search(a_CK, b_QK, level_Q, self._need)
        for row in np.flatnonzero(hits.row >= 0).tolist():
            self._match(row, block.names[hits.row[row]], "near", hits.some[row], hits.same[row])
        self._by_name(block, a_CK, b_QK, level_Q)
        self._by_counts(block, among, a_CK, b_QK)

    def _by_name(self, block: Prints, a_CK: np.ndarray, b_QK: np.ndarray, level_Q: np.ndarray) -> None:
        pairs = [
            (row, at) for at, name in enumerate(block.names) for row in self._rows.get(barcode(_own_name(name)), ())
        ]
        if not pairs:
            return
        rows, at = np.array(pairs).T
        some, same = informative(a_CK[at], b_QK[rows])
        for q, c, n, m in zip(rows.tolist(), at, some.tolist(), same.tolist(), strict=True):
            self.named.append(_Pair(q, block.names[c].decode(), n, m, int(level_Q[q])))

    def _by_counts(self, block: Prints, among: np.ndarray, a_CK: np.ndarray, b_QK: np.ndarray) -> None:
        if block.values is None:
            return
        weight_G = np.where(among, self._hashes, np.uint64(0))
        counts = self._cells.counts
        theirs, n_theirs = _digests(*block.values, weight_G)
        ours, n_ours = _digests(counts.indices, counts.data, counts.indptr, weight_G)
        place = {digest: at for at, digest in enumerate(theirs.tolist()) if n_theirs[at] >= _LEAST_GENES}
        for row, digest in enumerate(ours.tolist()):
            at = place.get(digest)
            if at is not None and n_ours[row] == n_theirs[at]:
                some, same = informative(a_CK[at : at + 1], b_QK[row : row + 1])
                self._match(row, block.names[at], "exact", int(some[0]), int(same[0]))

    def settle(self) -> None:
        """Keep the pairs of one barcode that are more alike than chance, 5 % of them false at most.

        By the procedure of Benjamini and Hochberg (1995), doi 10.1111/j.2517-6161.1995.tb02031.x.
        """
        chance = np.array([bdtrc(p.same - 1, p.some, LEVELS[p.level]) if p.some else 1.0 for p in self.named])
        order = np.argsort(chance, kind="stable")
        passed = np.flatnonzero(chance[order] <= ALPHA * np.arange(1, len(order) + 1) / max(1, len(order)))
        for at in order[: passed.max() + 1] if len(passed) else ():
            pair = self.named[at]
            if pair.same >= THRESHOLD * pair.some:
                self._match(pair.q, pair.name, "exact", pair.some, pair.same)


def find_matches(found: Fingerprints, cells: Cells) -> Found:
    """Return the cells of a dataset that are in a corpus.

    ``exact``: the counts of at least 30 expressed genes that both measure are the same (where the corpus is at hand),
    or the barcode is the same and the fingerprints are more alike than those of different cells. ``near``: the
    fingerprints are so alike that among all pairs compared 0.05 such pairs would be expected.

    Parameters
    ----------
    found
        The corpus.
    cells
        The dataset over its vocabulary.

    Notes
    -----
    Time grows with the product of the numbers of cells, memory with their sum.
    """
    whole = _Search(found, cells)
    for block in found.blocks():
        whole.block(block, found.datasets[block.dataset].measured)
    whole.settle()
    return Found(tuple(whole.best[row] for row in sorted(whole.best)), whole.n_untold)
