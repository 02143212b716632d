"""A table of profiles that the user has: genes × profiles or the other way round, csv or tsv, gzipped or not."""

from __future__ import annotations

from collections.abc import Iterable

from scarena.base.errors import DataError, SourceError
from scarena.datasets.formats import sep_of
from scarena.datasets.genes import GeneTable
from scarena.datasets.read_tables import read
from scarena.datasets.sources import verify
from scarena.models.foundation.atlas.config import TableSource
from scarena.models.foundation.atlas.published import Published, Row, given_terms

_CELLS = {"genes_by_profiles": "genes_by_cells", "profiles_by_genes": "cells_by_genes"}


def published(entry: TableSource, table: GeneTable) -> Published:
    """Return the profiles of a table.

    Parameters
    ----------
    entry
        What the configuration says of it.
    table
        Symbols and Ensembl ids, by which genes are told from profiles.

    Raises
    ------
    SourceError
        If the file is missing or not the one with the given hash.
    DataError
        If it is no table of numbers, or a name stands twice or for no profile.
    """
    path, where = entry.path, f"atlas source {entry.name}"
    if not path.is_file():
        fix = "correct the path (it is relative to the working folder)"
        raise SourceError("no such file", where=f"{where}: {path}", fix=fix)
    fix = "restore the file, or correct its sha256 where the atlas is configured"
    digest = verify(path, entry.sha256, str(path), fix)
    options = {"matrix": "matrix", "sep": sep_of(path), "orientation": _CELLS[entry.orientation]}
    raw = read({"matrix": path}, options)
    names = [str(name) for name in raw.obs.index]
    if not names or not len(raw.genes):
        raise DataError("an empty table", where=str(path), fix="give genes × profiles, or say `orientation`")
    if _known(names, table) > _known(raw.genes, table):
        other = next(each for each in _CELLS if each != entry.orientation)
        what = f"what should be profiles are genes (first: {names[0]!r})"
        raise DataError(what, where=f"{where}: {path}", fix=f"state `orientation: {other}`")
    terms = given_terms(entry.labels, names, where)
    rows = tuple(
        Row(name=name, label=name, study=entry.study, tissue=entry.tissue, term=terms.get(name)) for name in names
    )
    files: tuple[dict[str, str | None], ...] = ({"url": entry.url or f"file:{path.name}", "sha256": digest},)
    values = raw.counts.toarray().astype(float)
    return Published(
        entry.name, "tables", values, raw.genes.astype(str), rows, entry.units, entry.licence, entry.citation, files
    )


def _known(names: Iterable[str], table: GeneTable) -> int:
    return sum(each is not None for each in table.ids([*names]))
