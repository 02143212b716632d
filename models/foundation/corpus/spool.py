"""Cells on their way from sources to shards: on disk by group, so that memory never depends on how many there are.

First as read, over all genes met so far, while each gene's cells are counted; then, once the vocabulary is known, over
it. A group is one batch of one dataset. A spool is thrown away when the corpus is built.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError
from scarena.models.foundation.corpus.blocks import UNKNOWN, Block, Source

MOST_COUNTS = int(np.iinfo(np.uint16).max)
_NAME_BYTES = 128
_WORDS = ("tissue", "assay", "donor")
_RECORD = np.dtype([("length", "<u4"), ("depth", "<u4"), *((w, "<u4") for w in _WORDS), ("name", f"S{_NAME_BYTES}")])
_RAW = {"genes": "<u4", "counts": "<u2"}
PARTS = {"genes": "<u2", "counts": "<u2", "lengths": "<u4", "depth": "<u4", "names": f"S{_NAME_BYTES}"}


@dataclass(slots=True)
class Tally:
    """What became of the cells of a dataset, or of a group."""

    cells: int = 0
    """In the corpus."""
    dropped: int = 0
    """Without a count over the vocabulary."""
    saturated: int = 0
    """Counts above 65,535, of any measured gene."""
    tissue: Counter[str] = field(default_factory=Counter)
    assay: Counter[str] = field(default_factory=Counter)
    donor: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Spooled:
    """A group over the vocabulary, on disk."""

    name: str
    dataset: str
    folder: Path
    cells: int

    def part(self, key: str) -> np.ndarray:
        """Return one of `PARTS` as an array mapped from disk."""
        return np.memmap(self.folder / key, PARTS[key], mode="r")


def _append(path: Path, values: np.ndarray, dtype: np.dtype | str) -> None:
    with path.open("ab") as file:
        np.ascontiguousarray(values, dtype).tofile(file)


def _names(dataset: str, cells: np.ndarray) -> np.ndarray:
    names = [f"{dataset}:{cell}".encode() for cell in cells]
    longest = max(names, key=len)
    if len(longest) > _NAME_BYTES:
        fix = f"rename the cells; dataset and cell name may have {_NAME_BYTES} bytes together"
        raise DataError(f"the cell name {longest.decode()[:60]!r}… is too long", where=f"corpus: {dataset}", fix=fix)
    return np.array(names, f"S{_NAME_BYTES}")


class Spool:
    """The cells read so far."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._genes: dict[str, int] = {}
        self._seen = np.zeros(0, np.int64)
        self._words: dict[str, int] = {}
        self._groups: dict[tuple[str, str], Path] = {}
        self._panels: dict[str, np.ndarray] = {}
        self.tallies: dict[str, Tally] = {}
        self.name_bytes = 1
        """Of the longest ``dataset:cell``."""

    def add(self, source: Source) -> None:
        """Write all cells of a source to disk.

        Raises
        ------
        DataError
            If two sources have one name, or values are not integer counts.
        """
        name = source.origin.name
        if name in self.tallies:
            raise DataError("two sources have this name", where=f"corpus: {name}", fix="rename one of them")
        tally = self.tallies[name] = Tally()
        place = np.array([self._genes.setdefault(gene, len(self._genes)) for gene in source.genes], np.int32)
        self._panels[name] = place
        self._seen = np.concatenate([self._seen, np.zeros(len(self._genes) - len(self._seen), np.int64)])
        for block in source.blocks():
            tally.saturated += int((block.counts.data > MOST_COUNTS).sum())
            self._seen[place] += np.bincount(block.counts.indices, minlength=len(place))
            self._write(name, block, place)

    def _write(self, dataset: str, block: Block, place: np.ndarray) -> None:
        record = np.zeros(len(block.obs), _RECORD)
        record["length"], record["depth"] = np.diff(block.counts.indptr), block.depth
        record["name"] = _names(dataset, block.obs.index.to_numpy())
        self.name_bytes = max(self.name_bytes, int(np.char.str_len(record["name"]).max(initial=0)))
        for word in _WORDS:
            record[word] = [self._words.setdefault(str(w), len(self._words)) for w in block.obs[word]]
        batches = block.obs["batch"].astype(str).to_numpy()
        for batch in np.unique(batches):
            rows = np.flatnonzero(batches == batch)
            self._append(self._group(dataset, str(batch)), csr_matrix(block.counts[rows]), record[rows], place)

    def _group(self, dataset: str, batch: str) -> Path:
        if (dataset, batch) not in self._groups:
            self._groups[dataset, batch] = self._folder / f"group-{len(self._groups):06d}"
            self._groups[dataset, batch].mkdir(parents=True)
        return self._groups[dataset, batch]

    def _append(self, folder: Path, counts: csr_matrix, record: np.ndarray, place: np.ndarray) -> None:
        _append(folder / "raw-genes", place[counts.indices], _RAW["genes"])
        _append(folder / "raw-counts", np.minimum(counts.data, MOST_COUNTS), _RAW["counts"])
        _append(folder / "raw-cells", record, _RECORD)

    def widely_seen(self, min_cells: int, most: int) -> list[str]:
        """Return the sorted ids seen in at least `min_cells` cells, the `most` widely seen where there are more."""
        seen = {gene: int(self._seen[at]) for gene, at in self._genes.items() if self._seen[at] >= min_cells}
        return sorted(sorted(seen, key=lambda gene: (-seen[gene], gene))[:most])

    def measured(self, vocabulary: list[str], datasets: list[str]) -> np.ndarray:
        """Return bool [n_datasets, n_genes]: which genes of the vocabulary each dataset has."""
        place = self._places(vocabulary)
        found = np.zeros((len(datasets), len(vocabulary)), bool)
        for row, dataset in zip(found, datasets, strict=True):
            row[place[self._panels[dataset]][place[self._panels[dataset]] >= 0]] = True
        return found

    def _places(self, vocabulary: list[str]) -> np.ndarray:
        places = {gene: at for at, gene in enumerate(vocabulary)}
        return np.array([places.get(gene, -1) for gene in self._genes], np.int64)

    def over(self, vocabulary: list[str], block_cells: int) -> Iterator[Spooled]:
        """Yield each group over the vocabulary, sorted by dataset and batch, leaving out cells without any count.

        Groups of which no cell is left are not yielded; `tallies` then knows their dropped cells.
        """
        place = self._places(vocabulary)
        words = np.array(list(self._words), object)
        for dataset, batch in sorted(self._groups):
            folder, tally = self._groups[dataset, batch], Tally()
            with (folder / "raw-genes").open("rb") as genes, (folder / "raw-counts").open("rb") as counts:
                for record in _records(folder / "raw-cells", block_cells):
                    n_values = int(record["length"].sum(dtype=np.int64))
                    values = (
                        np.fromfile(genes, _RAW["genes"], n_values),
                        np.fromfile(counts, _RAW["counts"], n_values),
                    )
                    _count(tally, self._encode(folder, record, place[values[0]], values[1]), len(record), words)
            for raw in ("raw-genes", "raw-counts", "raw-cells"):
                (folder / raw).unlink()
            _add(self.tallies[dataset], tally)
            if tally.cells:
                yield Spooled(f"{dataset}:{batch}", dataset, folder, tally.cells)
            else:
                shutil.rmtree(folder)

    def _encode(self, folder: Path, record: np.ndarray, genes: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Write the cells of a block over the vocabulary; return their records."""
        cell = np.repeat(np.arange(len(record)), record["length"])
        inside = np.flatnonzero(genes >= 0)
        # By place in the vocabulary within a cell, whatever order its source had its genes in.
        order = inside[np.lexsort((genes[inside], cell[inside]))]
        lengths = np.bincount(cell[inside], minlength=len(record))
        kept = record[lengths > 0]
        written = (genes[order], counts[order], lengths[lengths > 0], kept["depth"], kept["name"])
        for (key, dtype), values in zip(PARTS.items(), written, strict=True):
            _append(folder / key, values, dtype)
        return kept


def _records(path: Path, block_cells: int) -> Iterator[np.ndarray]:
    with path.open("rb") as file:
        while len(record := np.fromfile(file, _RECORD, block_cells)):
            yield record


def _count(tally: Tally, kept: np.ndarray, read: int, words: np.ndarray) -> None:
    tally.cells += len(kept)
    tally.dropped += read - len(kept)
    for word in _WORDS:
        codes, cells = np.unique(kept[word], return_counts=True)
        named = {str(words[code]): int(n) for code, n in zip(codes, cells, strict=True)}
        getattr(tally, word).update(named if word != "donor" else {k: n for k, n in named.items() if k != UNKNOWN})


def _add(whole: Tally, part: Tally) -> None:
    whole.cells += part.cells
    whole.dropped += part.dropped
    for word in _WORDS:
        getattr(whole, word).update(getattr(part, word))
