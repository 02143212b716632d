"""The fingerprints of a corpus, read from the corpus itself or from the small file that a checkpoint carries.

``fingerprints.npz`` holds plain arrays only (no pickles): the fingerprints, the cells' names, what each dataset
measures, and what is known of the datasets as JSON.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scarena.base.errors import DataError
from scarena.base.files import read_json, replacing
from scarena.base.untrusted import reading
from scarena.models.foundation.corpus.store import Corpus

FILE = "fingerprints.npz"
# Cells of a dataset held at a time.
_BLOCK = 16_384


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """A dataset that a model was trained on."""

    name: str
    study: tuple[str, ...]
    donors: tuple[str, ...]
    measured: np.ndarray
    """bool [n_genes] over the vocabulary."""


@dataclass(frozen=True, slots=True)
class Prints:
    """Fingerprints of some cells of one dataset."""

    dataset: int
    minhash: np.ndarray
    """uint16 [n_cells, n_bins], see `minhash`."""
    names: np.ndarray
    """bytes [n_cells], ``dataset:cell``."""
    values: tuple[np.ndarray, np.ndarray, np.ndarray] | None
    """Genes (places in the vocabulary), counts, and int64 [n_cells + 1] where each cell's begin; None where the
    corpus is not at hand."""


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """What an audit needs to know of a corpus."""

    genes: tuple[str, ...]
    bins: int
    n_cells: int
    datasets: tuple[TrainingSet, ...]
    blocks: Callable[[], Iterator[Prints]]
    """All cells, one dataset after the other."""
    lists_all_studies: bool = True
    """Whether each dataset names its own; an atlas may hold profiles of studies that nobody named."""


def _training_sets(corpus: Corpus) -> tuple[TrainingSet, ...]:
    rows = corpus.manifest["sources"]
    return tuple(
        TrainingSet(row["dataset"], tuple(row["study"]), tuple(row["donors"]), corpus.measured_in(row["dataset"]))
        for row in rows
    )


def _rows(corpus: Corpus, chunks: np.ndarray, part: str) -> np.ndarray:
    found = [corpus.shard(int(c["shard"]))[part][c["first"] : int(c["first"]) + int(c["cells"])] for c in chunks]
    return np.concatenate(found)


def _prints(corpus: Corpus, dataset: int, numbers: np.ndarray) -> Prints:
    whole = [corpus.chunk(int(number)) for number in numbers]
    lengths = np.concatenate([np.diff(chunk.starts) for chunk in whole])
    starts = np.concatenate([[0], np.cumsum(lengths)])
    genes = np.concatenate([chunk.genes for chunk in whole])
    counts = np.concatenate([chunk.counts for chunk in whole])
    names = np.concatenate([chunk.names for chunk in whole])
    return Prints(dataset, _rows(corpus, corpus.chunks[numbers], "minhash"), names, (genes, counts, starts))


def corpus_fingerprints(corpus: Corpus) -> Fingerprints:
    """Return the fingerprints in a corpus; with them its counts are at hand too."""
    datasets = _training_sets(corpus)

    def blocks() -> Iterator[Prints]:
        of_group = corpus.chunks_of_groups()
        for number, dataset in enumerate(datasets):
            chunks = np.concatenate(
                [c for g, c in zip(corpus.groups, of_group, strict=True) if g.dataset == dataset.name]
            )
            block = np.cumsum(corpus.chunks["cells"][chunks], dtype=np.int64) // _BLOCK
            for each in np.unique(block):
                yield _prints(corpus, number, chunks[block == each])

    bins = int(corpus.manifest["minhash"]["bins"])
    return Fingerprints(tuple(corpus.genes), bins, corpus.n_cells, datasets, blocks)


def write_fingerprints(corpus: Corpus, folder: Path) -> Path:
    """Write ``fingerprints.npz``: 256 bytes and the name a cell, at 128 bins.

    Parameters
    ----------
    corpus
        The corpus a model is trained on.
    folder
        The checkpoint's.
    """
    found = corpus_fingerprints(corpus)
    blocks = list(found.blocks())
    about = [{"name": d.name, "study": d.study, "donors": d.donors} for d in found.datasets]
    arrays = {
        "minhash": np.concatenate([block.minhash for block in blocks]),
        "names": np.concatenate([block.names for block in blocks]),
        "dataset": np.concatenate([np.full(len(block.names), block.dataset, np.uint32) for block in blocks]),
        "measured": np.packbits([dataset.measured for dataset in found.datasets], axis=1),
        "genes": np.array(found.genes, "S"),
        "datasets": np.frombuffer(json.dumps(about, sort_keys=True).encode(), np.uint8),
    }
    with replacing(folder / FILE) as part:
        np.savez(part, allow_pickle=False, **arrays)
    return folder / FILE


def read_fingerprints(folder: Path) -> Fingerprints:
    """Return the fingerprints that `write_fingerprints` wrote.

    Raises
    ------
    DataError
        If there are none, or the file is damaged.
    """
    path = folder / FILE
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {key: file[key] for key in ("minhash", "names", "dataset", "measured", "genes", "datasets")}
        about = json.loads(arrays["datasets"].tobytes())
    except FileNotFoundError:
        fix = "write it with `write_fingerprints`, or audit the corpus itself"
        raise DataError("no fingerprints", where=str(path), fix=fix) from None
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        said = " ".join(str(error).split())[:100]
        raise DataError(f"damaged ({said})", where=str(path), fix="copy it again") from None
    measured = np.unpackbits(arrays["measured"], axis=1, count=len(arrays["genes"])).astype(bool)
    datasets = tuple(
        TrainingSet(row["name"], tuple(row["study"]), tuple(row["donors"]), panel)
        for row, panel in zip(about, measured, strict=True)
    )

    def blocks() -> Iterator[Prints]:
        for number in range(len(about)):
            rows = np.flatnonzero(arrays["dataset"] == number)
            yield Prints(number, arrays["minhash"][rows], arrays["names"][rows], None)

    genes = tuple(gene.decode("ascii") for gene in arrays["genes"].tolist())
    atlases = atlas_entries(folder)
    nothing = np.zeros(len(genes), bool)
    seen = (TrainingSet(str(row["dataset"]), tuple(map(str, row["study"])), (), nothing) for row in atlases)
    complete = all(row.get("all_studies", True) is True for row in atlases)
    bins, n_cells = arrays["minhash"].shape[1], len(arrays["minhash"])
    return Fingerprints(genes, bins, n_cells, (*datasets, *seen), blocks, complete)


def atlas_entries(folder: Path) -> list[dict[str, Any]]:
    """Return the atlases in a checkpoint's manifest: they have studies, and no cells that could be compared."""
    path = folder / "manifest.json"
    if not path.is_file():
        return []
    with reading(path, what="cannot be read", fix="restore the folder"):
        # In a corpus' own manifest there is no such list.
        rows = [row for row in read_json(path).get("corpus", ()) if isinstance(row, dict)]
        atlases = [row for row in rows if row.get("kind") == "atlas"]
        return [{**row, "dataset": row["dataset"], "study": [*row["study"]]} for row in atlases]
