"""Reader for pairs of genes that are related or not.

Options
-------
pairs: [{text: KEY, labels: KEY}, …]
    Files with two names of genes on each line, parted by blanks, each beside one with 1 or 0 on each line.
genes: symbol | entrez | ensembl
    How they name genes (symbol).

Pairs with an unknown gene, of a gene with itself, that stand twice in either order, or that one line calls related and
another not, are left out; how many is noted.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from scarena.base.errors import DataError
from scarena.base.untrusted import check_names, read_text
from scarena.datasets.gene_raw import Asked, RawGenes
from scarena.datasets.known_genes import KnownGenes, Naming

_MOST_BYTES = 64 << 20
_PAIRS, _LABELS = "give two names of genes on each line, parted by blanks", "give 1 or 0 on each line"


class Part(BaseModel):
    """Two files, one beside the other."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    labels: str


class Options(Asked):
    """What a card may ask for."""

    pairs: tuple[Part, ...] = Field(min_length=1)
    genes: Naming = "symbol"


def read(files: Mapping[str, Path], asked: Options, known: KnownGenes) -> RawGenes:
    """Read pairs of genes, as the card's options say."""
    parts = [_named(files[part.text], files[part.labels]) for part in asked.pairs]
    named, related = (np.concatenate(each) for each in zip(*parts, strict=True))
    where = str(files[asked.pairs[0].text])
    places, names = pd.factorize(named.ravel(), sort=True)
    check_names(names.tolist(), where)
    ids = known.ids(names.tolist(), asked.genes, where)
    unknown = np.array([gene is None for gene in ids])
    genes, of_name = np.unique([gene or "" for gene in ids], return_inverse=True)
    lost = np.any(unknown[places].reshape(-1, 2), axis=1)
    pairs, said = _distinct(of_name[places].reshape(-1, 2)[~lost], related[~lost])
    if not len(pairs):
        raise DataError("no pair is left", where=where, fix=_PAIRS)
    kept, ends = np.unique(pairs[:, :2], return_inverse=True)
    placed = np.column_stack([ends.reshape(-1, 2), pairs[:, 2]]).astype(np.int64)
    pairs_lost = f"{lost.sum():,} of {len(named):,} pairs"
    note = f"{unknown.sum():,} of {len(ids):,} genes are unknown (by {asked.genes}), and so {pairs_lost}"
    return RawGenes(genes=tuple(genes[kept].tolist()), pairs=placed, notes=(note, *said))


def _named(pairs: Path, labels: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of two files by name [n_pairs, 2], and whether each is related [n_pairs]."""
    twos, signs = _lines(pairs, 2, "names of genes", _PAIRS), _lines(labels, 1, "labels", _LABELS)
    if len(twos) != len(signs):
        what = f"{len(twos):,} pairs for {len(signs):,} labels"
        raise DataError(what, where=f"{pairs}, {labels}", fix="give one label a pair")
    if len(other := sorted(set(signs[:, 0]) - {"0", "1"})):
        raise DataError(f"the label {other[0]!r}", where=str(labels), fix=_LABELS)
    return twos, signs[:, 0] == "1"


def _lines(path: Path, n: int, what: str, fix: str) -> np.ndarray:
    """Return the `n` words of each line that has some, objects [n_lines, n]; lines may end in any way."""
    lines = read_text(path, DataError, most=_MOST_BYTES, fix=fix).splitlines()
    words = [line.split() for line in lines]
    if wrong := next((number for number, each in enumerate(words, 1) if len(each) not in (0, n)), 0):
        raise DataError(f"{len(words[wrong - 1])} {what}", where=f"{path}: line {wrong}", fix=fix)
    found = np.array([word for each in words for word in each], dtype=object).reshape(-1, n)
    if not len(found):
        raise DataError("an empty file", where=str(path), fix=fix)
    return found


def _distinct(pairs: np.ndarray, related: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Return each pair once [n_kept, 3], the lower gene first, in order, and what was left out."""
    same = pairs[:, 0] == pairs[:, 1]
    ends, first, times = np.unique(np.sort(pairs[~same], axis=1), axis=0, return_inverse=True, return_counts=True)
    told = np.bincount(first.ravel(), weights=related[~same], minlength=len(ends))
    sure = (told == 0) | (told == times)
    counts = {
        "are of a gene with itself": same.sum(), "stand there twice": (times - 1).sum(),
        "are called related and unrelated": (~sure).sum(),
    }  # fmt: skip
    kept = np.column_stack([ends, told > 0])[sure]
    return kept, [f"{n:,} pairs {what} and are left out" for what, n in counts.items() if n]
