"""One source of an atlas, ready to be put together with others: linear, by Ensembl id, without what is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError
from scarena.datasets.genes import GeneMap, GeneTable, gene_map
from scarena.models.foundation.atlas.contamination import Refused, refusals, with_accessions
from scarena.models.foundation.atlas.profiles import PER
from scarena.models.foundation.atlas.published import Published, Row
from scarena.models.foundation.atlas.units import linear


@dataclass(frozen=True, slots=True)
class Part:
    """The profiles of one source that are kept."""

    name: str
    values: np.ndarray
    """float32 [n_profiles, n_genes], per 10,000."""
    genes: tuple[str, ...]
    """Ensembl ids."""
    rows: tuple[Row, ...]
    about: dict[str, Any]
    """What the manifest says of it."""

    @property
    def refused(self) -> list[dict[str, Any]]:
        """Reasons, each with the profiles left out for it."""
        found: list[dict[str, Any]] = self.about["refused"]
        return found


def without(part: Part, words: Sequence[str]) -> Part:
    """Return a source without the profiles that have one of some words in their label or tissue; it is counted."""
    texts = [f"{row.label} {row.tissue}".lower() for row in part.rows]
    kept = [number for number, text in enumerate(texts) if not any(word in text for word in words)]
    if len(kept) == len(part.rows):
        return part
    rows = tuple(part.rows[number] for number in kept)
    told = f"{len(part.rows) - len(kept)} profiles left out by leave_out"
    about = {**part.about, "profiles": len(rows), "notes": [*part.about["notes"], told]}
    return Part(part.name, part.values[kept], part.genes, rows, about)


def part_of(found: Published, table: GeneTable, benchmark: Mapping[str, str]) -> Part:
    """Return what an atlas takes of a source.

    Parameters
    ----------
    found
        The profiles as published.
    table
        Symbols and Ensembl ids.
    benchmark
        Study → benchmark set; empty where profiles of these are wanted.

    Raises
    ------
    DataError
        If the values are not what they are said to be, hardly any gene is known, or a profile is zero.
    """
    where = f"atlas source {found.name}"
    names = [row.name for row in found.rows]
    refused = refusals(names, [row.study for row in found.rows], benchmark)
    out = {name for each in refused for name in each.profiles}
    kept = np.array([number for number, name in enumerate(names) if name not in out], int)
    values = linear(np.asarray(found.values, float), found.units, where)
    columns = gene_map(found.genes, table, where)
    merged = np.asarray(columns.merged(csr_matrix(values)).toarray())
    told = columns.told(always=True)
    sums = merged.sum(axis=1)
    _check_expressed(sums, names, where)
    order = np.argsort(columns.ids)
    scaled = (merged * (PER / sums)[:, None])[np.ix_(kept, order)].astype(np.float32)
    rows = tuple(found.rows[number] for number in kept)
    about = _about(found, values.sum(axis=1), columns, rows, refused) | {"notes": [*found.notes, *told]}
    return Part(found.name, scaled, tuple(columns.ids[at] for at in order), rows, about)


def _check_expressed(sums: np.ndarray, names: Sequence[str], where: str) -> None:
    empty = np.flatnonzero(sums <= 0)
    if len(empty):
        what = f"{len(empty)} profiles have no expression of a known gene (first: {names[empty[0]]!r})"
        raise DataError(what, where=where, fix="leave them out")


def _about(
    found: Published, sums: np.ndarray, columns: GeneMap, rows: Sequence[Row], refused: Sequence[Refused]
) -> dict[str, Any]:
    studies = sorted({study for row in rows for study in with_accessions(row.study)})
    genes = {"published": len(found.genes), "known": len(columns.ids)}
    scale = {"least": float(f"{sums.min():.6g}"), "most": float(f"{sums.max():.6g}")}
    said = {"name": found.name, "kind": found.kind, "study": studies, "units": found.units, "sums_found": scale}
    parts = {"genes": genes, "profiles": len(rows), "refused": [asdict(each) for each in refused]}
    return said | parts | {"licence": found.licence, "citation": found.citation, "files": list(found.files)}
