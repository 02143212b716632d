"""What every source of a corpus is made of: cells in blocks of rows, over Ensembl ids, in one form for all kinds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

_ENSEMBL = re.compile(r"^(ENSG\d{11})(\.\d+)?$")
# What reading a count from floating point may cost; anything above is no count.
_TOLERANCE = 1e-6
OBS_KEYS = ("batch", "donor", "tissue", "assay")
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Block:
    """Some cells of a source, in its order."""

    counts: csr_matrix
    """int64 [n_cells, n_genes] over the source's Ensembl ids."""
    depth: np.ndarray
    """int64 [n_cells], all counts of a cell, those of genes without an Ensembl id included."""
    obs: pd.DataFrame
    """Indexed by cell name, with the strings ``batch``, ``donor``, ``tissue``, ``assay`` ("unknown" where not said)."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a corpus says of a dataset in it."""

    name: str
    kind: str
    """card, h5ad or census."""
    study: tuple[str, ...]
    licence: str
    files: tuple[dict[str, str | None], ...]
    """``url`` and ``sha256`` of each file."""


@dataclass(frozen=True, slots=True)
class Source:
    """One dataset that goes into a corpus."""

    origin: Origin
    genes: tuple[str, ...]
    """Ensembl ids that the dataset measures: only of these is a missing count a zero."""
    blocks: Callable[[], Iterator[Block]]


@dataclass(frozen=True, slots=True)
class GeneColumns:
    """Which Ensembl id each column of a matrix counts for."""

    ids: tuple[str, ...]
    merge: csr_matrix
    """int64 [n_columns, n_ids], one where the column belongs to the id."""

    @classmethod
    def of(cls, found: Sequence[str | None], where: str) -> GeneColumns:
        """Return the columns of ids already looked up, None where unknown.

        Raises
        ------
        DataError
            If not one id is known.
        """
        order: dict[str, int] = {}
        place = np.array([-1 if gene is None else order.setdefault(gene, len(order)) for gene in found], np.int64)
        if not order:
            fix = "name the column of var with human Ensembl ids or symbols (`genes`)"
            raise DataError("not one gene is known", where=where, fix=fix)
        known = np.flatnonzero(place >= 0)
        shape = (len(place), len(order))
        return cls(tuple(order), csr_matrix((np.ones(len(known), np.int64), (known, place[known])), shape=shape))


def ensembl_ids(names: Sequence[str], cache: Path, mirror: Path | None) -> list[str | None]:
    """Return the Ensembl id, without version, of ids or symbols; the gene table is pulled for symbols only."""
    matches = [_ENSEMBL.match(name) for name in names]
    if all(matches):
        return [match.group(1) for match in matches if match]
    from scarena.datasets.genes import gene_table

    return gene_table(cache=cache, mirror=mirror).ids(names)


def whole_counts(values: Any, where: str) -> csr_matrix:
    """Return int64 counts without stored zeros.

    Raises
    ------
    DataError
        If a value is negative, fractional, infinite or NaN.
    """
    counts = csr_matrix(values)
    counts.sum_duplicates()
    data = counts.data.astype(np.float64)
    with np.errstate(invalid="ignore"):
        whole = np.rint(data)
        good = (data >= 0) & (np.abs(data - whole) <= _TOLERANCE * np.maximum(1.0, data))
    if not good.all():
        what = f"{int((~good).sum())} of {data.size} values are no counts (first: {data[~good][0]:g})"
        raise DataError(what, where=where, fix="name the layer with raw counts (`layer`)")
    counts = csr_matrix((whole.astype(np.int64), counts.indices, counts.indptr), shape=counts.shape)
    counts.eliminate_zeros()
    return counts


def block_of(values: Any, columns: GeneColumns, obs: pd.DataFrame, where: str) -> Block:
    """Return a block from rows of a matrix as published."""
    counts = whole_counts(values, where)
    depth = np.asarray(counts.sum(axis=1), np.int64).ravel()
    if len(depth) and depth.max() > np.iinfo(np.uint32).max:
        raise DataError(f"a cell of {depth.max():,} counts", where=where, fix="give raw counts")
    return Block(csr_matrix(counts @ columns.merge), depth, obs)
