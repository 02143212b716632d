"""Profiles from cells: the mean of counts per 10,000 of the cells of each type, read a block of cells at a time.

Of an h5ad the types are the labels in a column (in each tissue, where a column is named); of the Census they are the
cell types, with their Cell Ontology terms, in each tissue of each dataset.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError
from scarena.base.progress import tell
from scarena.base.text import says_missing
from scarena.models.foundation.atlas.config import CensusCells, H5adCells
from scarena.models.foundation.atlas.profiles import PER
from scarena.models.foundation.atlas.published import Published, Row
from scarena.models.foundation.corpus import census, read_h5ad
from scarena.models.foundation.corpus.blocks import UNKNOWN, Source
from scarena.models.foundation.corpus.config import CensusQuery, H5adSource

_Key = tuple[str, str]


class _Sums:
    """What the cells of each key add up to, and how many there are."""

    def __init__(self, n_genes: int) -> None:
        self._n_genes = n_genes
        self.sums: dict[_Key, np.ndarray] = {}
        self.n_cells: dict[_Key, int] = {}

    def add(self, counts: csr_matrix, keys: list[_Key]) -> None:
        """Add some cells; one without a count over the genes has no profile."""
        depth = np.asarray(counts.sum(axis=1), float).ravel()
        wanted = np.flatnonzero(depth > 0)
        groups = sorted({keys[row] for row in wanted})
        place = {key: number for number, key in enumerate(groups)}
        of = [place[keys[row]] for row in wanted]
        into = csr_matrix((PER / depth[wanted], (of, wanted)), shape=(len(groups), len(keys)))
        added = (into @ counts).toarray()
        for key, values, n in zip(groups, added, np.bincount(of, minlength=len(groups)), strict=True):
            self.sums[key] = self.sums.get(key, np.zeros(self._n_genes)) + values
            self.n_cells[key] = self.n_cells.get(key, 0) + int(n)


def _summed(source: Source, column: str) -> _Sums:
    found, done = _Sums(len(source.genes)), 0
    for block in source.blocks():
        tissues = block.obs["tissue"].astype(str)
        found.add(block.counts, list(zip(block.obs[column].astype(str), tissues, strict=True)))
        done += len(block.obs)
        tell(f"averaging the cells of {source.origin.name}", done, unit="cells")
    return found


@dataclass(frozen=True, slots=True)
class _Type:
    """What a key of some cells says."""

    label: str | None
    """None of cells without one."""
    tissue: str
    term: str | None


def _type(key: _Key, *, with_terms: bool) -> _Type:
    term, label = key[0].split("|", 1) if with_terms else (None, key[0])
    unlabelled = label == UNKNOWN or says_missing(label)
    return _Type(None if unlabelled else label, "" if key[1] == UNKNOWN else key[1], term)


def _published(
    source: Source, column: str, kind: str, min_cells: int, citation: str, *, with_terms: bool = False
) -> Published:
    """Return the mean profile of each type; `column` of a block's obs has the types, after their terms if asked."""
    found, origin = _summed(source, column), source.origin
    types = {key: _type(key, with_terms=with_terms) for key in sorted(found.sums)}
    kept = [key for key, of in types.items() if of.label is not None and found.n_cells[key] >= min_cells]
    if not kept:
        what, fix = f"no cell type has {min_cells} cells", "lower min_cells, or name the column with the cell types"
        raise DataError(what, where=f"atlas source {origin.name}", fix=fix)
    rows = tuple(_row(types[key], found.n_cells[key], origin.study) for key in kept)
    values = np.array([found.sums[key] / found.n_cells[key] for key in kept])
    notes = (*source.told(), *_left_out(found, types, min_cells))
    return Published(
        origin.name, kind, values, np.array(source.genes, str), rows, "per10k", origin.licence, citation, origin.files,
        notes,
    )  # fmt: skip


def _row(of: _Type, n_cells: int, study: tuple[str, ...]) -> Row:
    label = of.label or ""
    name = f"{label}, {of.tissue}" if of.tissue else label
    return Row(name, label, study, tissue=of.tissue, term=of.term, n_cells=n_cells)


def _left_out(found: _Sums, types: Mapping[_Key, _Type], min_cells: int) -> Iterator[str]:
    unlabelled = sum(found.n_cells[key] for key, of in types.items() if of.label is None)
    if unlabelled:
        yield f"{unlabelled:,} cells without a label were left out"
    few = [found.n_cells[key] for key, of in types.items() if of.label is not None and found.n_cells[key] < min_cells]
    if few:
        yield f"{len(few)} types with fewer than {min_cells} cells were left out ({sum(few):,} cells)"


def of_h5ad(entry: H5adCells, block_cells: int, cache: Path, mirror: Path | None = None) -> Published:
    """Return the mean profiles of an h5ad's labels.

    Raises
    ------
    SourceError, DataError
        As `scarena.models.foundation.corpus.read_h5ad.source`; and if no label has enough cells.
    """
    # A corpus wants no labels; they go where it has the assay, of which nothing is made here.
    cells = H5adSource(
        name=entry.name, path=entry.path, sha256=entry.sha256, assay=entry.label, tissue=entry.tissue,
        layer=entry.layer, genes=entry.genes, url=entry.url, study=entry.study, licence=entry.licence,
    )  # fmt: skip
    source = read_h5ad.source(cells, block_cells, cache, mirror)
    return _published(source, "assay", "h5ad", entry.min_cells, entry.citation)


def of_census(query: CensusCells, block_cells: int) -> Iterator[Published]:
    """Yield the mean profiles of cell types of every dataset in which a query finds cells.

    Raises
    ------
    NotAvailable
        If the package is not installed.
    DataError
        If the query fails or finds nothing.
    """
    batch = ("cell_type_ontology_term_id", "cell_type")
    asked = CensusQuery(
        version=query.version, value_filter=query.value_filter, primary_only=query.primary_only, batch=batch
    )
    for source in census.sources(asked, block_cells):
        yield _published(source, "batch", "census", query.min_cells, "; ".join(source.origin.study), with_terms=True)
