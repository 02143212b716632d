"""Reader for sets of genes: pathways, processes, places in the cell, diseases.

Options
-------
file: KEY
    A GMT.
genes: symbol | entrez | ensembl
    How it names genes (symbol).
sizes: [LEAST, MOST]
    How many genes that are asked about a set must have (50 to 500); others are left out and counted.
jaccard: NUMBER
    Sets are thinned (0.5): the largest first, then by name, each is kept whose Jaccard index with every kept one is
    below this. So what is left out is a set that a larger one says nearly the same of.
newer: {file: KEY, genes: …, least: N}
    A later GMT, joined by the id in a set's name (GO:0006805) or, without one, by the name. What it has in a set and
    the first file has not is newer: asked about and never learned from. Sets with fewer than `least` (10) of these are
    left out and counted; `sizes` are of the first file's genes alone, thinning is by all.
collection
    As every reader of genes has it (`scarena.datasets.gene_raw.Asked`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError
from scarena.datasets.gene_raw import Asked, RawGenes
from scarena.datasets.gene_truth import MEMBER, NEWER
from scarena.datasets.gmt import read_gmt
from scarena.datasets.known_genes import KnownGenes, Naming

_ID = re.compile(r"\b[A-Za-z]+:\d+\b")
_Size = Annotated[int, Field(ge=1)]
Sets = dict[str, frozenset[str]]


class Newer(BaseModel):
    """The option ``newer``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    genes: Naming = "symbol"
    least: _Size = 10


class Options(Asked):
    """What a card may ask for."""

    file: str
    genes: Naming = "symbol"
    sizes: tuple[_Size, _Size] = (50, 500)
    jaccard: float = Field(0.5, gt=0)
    newer: Newer | None = None


def read(files: Mapping[str, Path], asked: Options, known: KnownGenes) -> RawGenes:
    """Read sets of genes, as the card's options say."""
    path = files[asked.file]
    sets, notes = _joined(path, asked.genes, known, "")
    newer: Sets = {}
    if asked.newer:
        newer, said = _newer(sets, files[asked.newer.file], asked.newer, known)
        notes += said
    sized, said = _sized({name: sets[name] for name in newer} if asked.newer else sets, asked.sizes)
    notes += said
    kept, said = _thinned({name: genes | newer.get(name, frozenset()) for name, genes in sized.items()}, asked.jaccard)
    if not kept:
        raise DataError("no set of genes is left", where=str(path), fix="ask for other `sizes`, or give a larger file")
    signs = {name: dict.fromkeys(sized[name], MEMBER) | dict.fromkeys(newer.get(name, ()), NEWER) for name in kept}
    return RawGenes(sets=signs, notes=(*notes, *said))


def _joined(path: Path, naming: Naming, known: KnownGenes, said: str) -> tuple[Sets, list[str]]:
    """Return the sets of a file over the genes that are asked about, and what was lost."""
    sets = read_gmt(path)
    names = sorted({name for genes in sets.values() for name in genes})
    ids = dict(zip(names, known.ids(names, naming, str(path)), strict=True))
    unknown = sum(each is None for each in ids.values())
    beside = sum(each is not None and each not in known.universe for each in ids.values())
    note = (
        f"{said}{unknown:,} of {len(names):,} genes in {len(sets):,} sets are unknown (by {naming}); "
        f"{beside:,} more are not asked about (they code for no protein, or their expression is not known)"
    )
    asked = {name: gene for name, gene in ids.items() if gene is not None and gene in known.universe}
    return {name: frozenset(asked[gene] for gene in genes if gene in asked) for name, genes in sets.items()}, [note]


def _newer(sets: Sets, path: Path, rule: Newer, known: KnownGenes) -> tuple[Sets, list[str]]:
    """Return what a later file adds to each set, of those sets alone that it adds enough to."""
    later, notes = _joined(path, rule.genes, known, "the later file: ")
    by_id = {_id(name): genes for name, genes in later.items()}
    added = {name: by_id[_id(name)] - genes for name, genes in sets.items() if _id(name) in by_id}
    found = {name: genes for name, genes in added.items() if len(genes) >= rule.least}
    notes += [
        f"{len(by_id) - len(added):,} of the {len(by_id):,} sets of the later file are not in the first",
        f"{len(added) - len(found):,} of the {len(added):,} others gained fewer than {rule.least} genes: left out",
    ]
    return found, notes


def _id(name: str) -> str:
    found = _ID.search(name)
    return found[0] if found else name


def _sized(sets: Sets, sizes: tuple[int, int]) -> tuple[Sets, list[str]]:
    least, most = sizes
    kept = {name: genes for name, genes in sets.items() if least <= len(genes) <= most}
    return kept, [f"{len(kept):,} of {len(sets):,} sets have {least} to {most} genes that are asked about"]


def _thinned(sets: Sets, limit: float) -> tuple[list[str], list[str]]:
    """Return the names of the sets that are kept, sorted, and how many are not."""
    order = sorted(sets, key=lambda name: (-len(sets[name]), name))
    near = jaccard([sets[name] for name in order])
    kept: list[int] = []
    for place in range(len(order)):
        if not (near[place, kept] >= limit).any():
            kept.append(place)
    lost = len(order) - len(kept)
    note = f"{lost:,} sets are left out: their Jaccard index with a larger one that is kept is {limit} or more"
    return sorted(order[place] for place in kept), [note]


def jaccard(sets: list[frozenset[str]]) -> np.ndarray:
    """Return the Jaccard index of each two of some sets [n_sets, n_sets]; none may be empty."""
    place = {gene: i for i, gene in enumerate(sorted(frozenset().union(*sets)))}
    columns = [place[gene] for genes in sets for gene in sorted(genes)]
    sizes = np.array([len(genes) for genes in sets], dtype=np.int64)
    bounds = np.concatenate([[0], np.cumsum(sizes)])
    members = csr_matrix((np.ones(len(columns)), columns, bounds), shape=(len(sets), max(1, len(place))))
    shared = (members @ members.T).toarray()
    return shared / (sizes[:, None] + sizes - shared)
