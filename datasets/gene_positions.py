"""Where genes lie on the chromosomes, through one pinned table: Ensembl ids of a GENCODE release on GRCh38."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import NamedTuple

from scarena.datasets.card import DatasetCard, Reader, SourceFile
from scarena.datasets.sources import pull

# Not a dataset, but pulled and checked like one.
_SOURCE = DatasetCard(
    name="gene_positions",
    title="Positions of human genes",
    description="chromosome, start and end of every human gene, by Ensembl id, as shipped by scLucid",
    role="smoke",
    files=(
        SourceFile(
            key="positions",
            url=(
                "https://raw.githubusercontent.com/yelu61/scLucid/25df2a1a6982816cf500306d289ec2c8a580de78/"
                "src/scLucid/resources/gene_biotypes/human_ensembl_latest.csv.gz"
            ),
            sha256="c6236badd047eb3cc138479b2f5c9c478ca29652c5fdde8ea5b65957623e8dea",
            mirror="gene_tables/human_ensembl_latest.csv.gz",
        ),
    ),
    reader=Reader(name="tables"),
)


def gene_positions(*, cache: Path, mirror: Path | None = None) -> dict[str, tuple[str, int]]:
    """Return the chromosome, as ``chr1``, and the start of every gene by its Ensembl id without version.

    Of a gene that both sex chromosomes have, the place on X.

    Raises
    ------
    SourceError
        If the table cannot be had.
    """
    return {gene: (row["chromosome"], int(row["start"])) for gene, row in _rows(cache, mirror).items()}


class CodingGene(NamedTuple):
    """A gene that codes for a protein: its symbol, and its span on the genome in bp."""

    symbol: str
    span: int


def coding_genes(*, cache: Path, mirror: Path | None = None) -> dict[str, CodingGene]:
    """Return the genes that code for proteins by their Ensembl id without version, in its order.

    Raises
    ------
    SourceError
        If the table cannot be had.
    """
    return {
        gene: CodingGene(row["gene_name"], int(row["end"]) - int(row["start"]) + 1)
        for gene, row in sorted(_rows(cache, mirror).items())
        if row["biotype"] == "protein_coding"
    }


def _rows(cache: Path, mirror: Path | None) -> dict[str, dict[str, str]]:
    path = pull(_SOURCE, cache=cache, mirror=mirror)["positions"]
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if "_PAR_Y" not in row["gene_id"]]
    return {row["gene_id"].partition(".")[0]: row for row in rows}
