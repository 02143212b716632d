"""Where training takes its cells from: groups of cells, each one batch of one dataset, drawn at random."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

import numpy as np

from scarena.models.foundation.tokenize import Cells

if TYPE_CHECKING:
    from anndata import AnnData

    from scarena.models.foundation.corpus.store import Corpus

# Of the cells of a corpus, by a checksum of their names: the same ones whatever is in the corpus beside them.
_HELD_OUT_OF = 20
_CHUNKS_IN_MEMORY = 512


@dataclass(frozen=True, slots=True)
class Group:
    """One batch of one dataset."""

    name: str
    size: int
    measured_V: np.ndarray
    """bool, the genes of the vocabulary that the dataset has: only of these is a missing count a zero."""


class CellSource(Protocol):
    """Groups of cells."""

    @property
    def groups(self) -> Sequence[Group]:
        """What there is to draw from."""

    def draw(self, group: int, n_cells: int, rng: np.random.Generator) -> Cells:
        """Return up to `n_cells` cells of a group without repetition."""


class DatasetSource:
    """The batches of a dataset held in memory."""

    def __init__(self, cells: Cells, batch: np.ndarray, measured_V: np.ndarray) -> None:
        self._cells = cells
        names = sorted(set(batch.tolist()))
        self._rows = [np.flatnonzero(batch == name) for name in names]
        self.groups = [Group(str(name), len(rows), measured_V) for name, rows in zip(names, self._rows, strict=True)]

    @classmethod
    def of(cls, data: AnnData, vocabulary: Sequence[str], batch: np.ndarray | None = None) -> DatasetSource:
        """Return the batches of a prepared dataset, those of ``obs["batch"]`` where not given."""
        from scarena.models.foundation.tokenize import over_vocabulary, places

        measured_V = np.zeros(len(vocabulary), bool)
        found = places(list(data.var_names), vocabulary)
        measured_V[found[found >= 0]] = True
        batch = data.obs["batch"].astype(str).to_numpy() if batch is None else batch
        return cls(over_vocabulary(data, vocabulary), batch, measured_V)

    def draw(self, group: int, n_cells: int, rng: np.random.Generator) -> Cells:
        """Return cells of a batch."""
        return self._cells.rows(np.sort(rng.permutation(self._rows[group])[:n_cells]))


class CorpusSource:
    """A corpus on disk: the cells for training, or the twentieth held out for validation."""

    def __init__(self, corpus: Corpus, *, held_out: bool = False) -> None:
        self._corpus, self._held_out = corpus, held_out
        self._chunks = corpus.chunks_of_groups()
        self.groups = [
            Group(group.name, group.size, corpus.measured(number)) for number, group in enumerate(corpus.groups)
        ]
        self._chunk = lru_cache(_CHUNKS_IN_MEMORY)(self._read)

    def _read(self, number: int) -> Cells:
        chunk = self._corpus.chunk(number)
        held = np.array([zlib.crc32(name) % _HELD_OUT_OF == 0 for name in chunk.names.tolist()])
        whole = Cells(
            np.asarray(chunk.starts), chunk.genes.astype(np.int32), chunk.counts.astype(np.float32),
            chunk.depth.astype(np.float32),
        )  # fmt: skip
        return whole.rows(np.flatnonzero(held == self._held_out))

    def draw(self, group: int, n_cells: int, rng: np.random.Generator) -> Cells:
        """Return cells of as many chunks, drawn at random, as it takes."""
        found: list[Cells] = []
        for number in rng.permutation(self._chunks[group]):
            found.append(self._chunk(int(number)))
            if sum(map(len, found)) >= n_cells:
                break
        whole = joined(found)
        return whole.rows(np.sort(rng.permutation(len(whole))[:n_cells]))


class SeveralSources:
    """The groups of several sources over one vocabulary, one source after the other."""

    def __init__(self, sources: Sequence[CellSource]) -> None:
        self._of = [(source, number) for source in sources for number in range(len(source.groups))]
        self.groups = [group for source in sources for group in source.groups]

    def draw(self, group: int, n_cells: int, rng: np.random.Generator) -> Cells:
        """Return cells of a group of one of them."""
        source, number = self._of[group]
        return source.draw(number, n_cells, rng)


def joined(parts: Sequence[Cells]) -> Cells:
    """Return cells one part after the other."""
    sizes = np.concatenate([np.diff(part.starts_B1) for part in parts])
    return Cells(
        np.concatenate([[0], np.cumsum(sizes)]), np.concatenate([part.genes_N for part in parts]),
        np.concatenate([part.counts_N for part in parts]), np.concatenate([part.depth_B for part in parts]),
    )  # fmt: skip


def expressed_share(source: CellSource, n_cells: int, seed: int = 0) -> np.ndarray:
    """Return each gene's share of all counts, float32 [n_genes], over up to `n_cells` cells of every group.

    A gene is compared with the counts of the groups that measure it, or of all groups where none does; half a count is
    added to each, so that none is zero.
    """
    n_genes = len(source.groups[0].measured_V)
    counts, depth, whole = np.full(n_genes, 0.5), np.zeros(n_genes), 0.0
    for number, group in enumerate(source.groups):
        cells = source.draw(number, n_cells, np.random.default_rng([seed, number]))
        counts += np.bincount(cells.genes_N, cells.counts_N, n_genes)
        of_group = float(cells.depth_B.sum(dtype=np.float64))
        depth, whole = depth + of_group * group.measured_V, whole + of_group
    return (counts / (1 + np.where(depth > 0, depth, whole))).astype(np.float32)
