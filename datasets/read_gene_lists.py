"""Reader for two lists of genes: those of a class, and those that are stated to be outside of it.

Options
-------
name: TEXT
    What the class is called.
positive, negative: {file: KEY, column: NAME}
    Where the genes of the class are, and the others. A file with a column is a table with a header, parted by tabs or
    commas, whose columns may end early; without one it has a gene on each line. Both may be in one file.
genes: symbol | entrez | ensembl
    How both name genes (symbol).

What stands twice in a list is kept once, and what is in both lists is in neither; how many is noted.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from scarena.base.errors import DataError
from scarena.base.text import says_missing, tidied
from scarena.base.untrusted import read_text, reading
from scarena.datasets.gene_raw import Asked, RawGenes
from scarena.datasets.gene_truth import MEMBER, STATED_OUT
from scarena.datasets.known_genes import KnownGenes, Naming

_MOST_BYTES = 16 << 20
_FIX = "give a gene on each line, or a table and its `column`"


class Listed(BaseModel):
    """Where one list is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    column: str | None = None


class Options(Asked):
    """What a card may ask for."""

    name: str
    positive: Listed
    negative: Listed
    genes: Naming = "symbol"


def read(files: Mapping[str, Path], asked: Options, known: KnownGenes) -> RawGenes:
    """Read a class of genes and its opposite, as the card's options say."""
    inside, said = _listed("positive", files[asked.positive.file], asked.positive.column, asked.genes, known)
    outside, also = _listed("negative", files[asked.negative.file], asked.negative.column, asked.genes, known)
    both = inside & outside
    signs = dict.fromkeys(sorted(inside - both), MEMBER) | dict.fromkeys(sorted(outside - both), STATED_OUT)
    if not inside - both or not outside - both:
        where = str(files[asked.positive.file])
        raise DataError("one of the two lists has no gene of its own", where=where, fix="name two different lists")
    note = (f"{len(both):,} genes are in both lists and left out",) if both else ()
    return RawGenes(genes=tuple(sorted(signs)), sets={asked.name: signs}, notes=(*said, *also, *note))


def _listed(
    side: str, path: Path, column: str | None, naming: Naming, known: KnownGenes
) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the known genes of one list, and what was lost of it."""
    where = f"{path} ({side})"
    names = _names(path, column, where)
    if not names:
        raise DataError("the list has no genes", where=where, fix=_FIX)
    once = list(dict.fromkeys(names))
    ids = known.ids(once, naming, where)
    found = frozenset(gene for gene in ids if gene is not None)
    unknown = sum(gene is None for gene in ids)
    twice = len(names) - unknown - len(found)
    parts = [f"{twice:,} stand there twice"] * bool(twice) + [f"{unknown:,} are unknown (by {naming})"] * bool(unknown)
    return found, (f"{side}: {len(found):,} of {len(names):,} genes; {', '.join(parts)}",) if parts else ()


def _names(path: Path, column: str | None, where: str) -> list[str]:
    lines = read_text(path, DataError, most=_MOST_BYTES, fix=_FIX).splitlines()
    if column is None:
        found = lines
    else:
        with reading(where, what="no table", fix=_FIX):
            rows = list(csv.DictReader(lines, delimiter="\t" if "\t" in "".join(lines[:1]) else ","))
        if not rows or column not in rows[0]:
            there = ", ".join(map(str, rows[0])) if rows else "none"
            raise DataError(f"no column {column!r}", where=where, fix=f"there are: {there}")
        found = [row[column] or "" for row in rows]
    names = [tidied(name) for name in found]
    if spaced := next((name for name in names if " " in name or "\t" in name or "," in name), None):
        raise DataError(f"{spaced!r} is no name of one gene", where=where, fix=_FIX)
    return [name for name in names if not says_missing(name)]
