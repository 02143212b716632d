"""What genes are called, and which of them are asked about: symbols, Entrez numbers or Ensembl ids, as Ensembl ids.

Symbols are looked for among the genes that code for proteins first (`scarena.datasets.gene_positions`), then in
GENCODE v44. Former symbols are not known, but for open reading frames in capitals (C10ORF90). Entrez numbers go through
the symbols of one pinned table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scarena.base.errors import DataError
from scarena.datasets.card import DatasetCard, Reader, SourceFile
from scarena.datasets.gene_advice import whose
from scarena.datasets.gene_positions import coding_genes
from scarena.datasets.genes import REFUSED_BELOW, gene_table
from scarena.datasets.sources import pull

Naming = Literal["symbol", "entrez", "ensembl"]
_SHAPES: dict[Naming, re.Pattern[str]] = {
    "ensembl": re.compile(r"(ENSG\d{11})(\.\d+)?"), "entrez": re.compile(r"\d+"),
}  # fmt: skip
_FRAME = re.compile(r"(C(?:\d+|X|Y))ORF(\d+)")

# Not a dataset, but pulled and checked like one.
_SOURCE = DatasetCard(
    name="geneinfo_human",
    title="Entrez numbers of human genes",
    description="Entrez number and symbol of 18,985 human genes with a mouse counterpart, as shipped by nichenetr",
    role="smoke",
    files=(
        SourceFile(
            key="geneinfo",
            url=(
                "https://raw.githubusercontent.com/saeyslab/nichenetr/2d5c1ab5e135ebe6634d56c5ee13b8207ac178a1/"
                "data/geneinfo_human.rda"
            ),
            sha256="ddb818448f50933e90fc19a972c534688259995d7035113913feeb6363a69d72",
            mirror="id_maps/geneinfo_human.rda",
        ),
    ),
    reader=Reader(name="rdata"),
)


@dataclass(frozen=True, slots=True)
class KnownGenes:
    """Ensembl ids by symbol and by Entrez number, and the ids that sets of genes are joined to."""

    symbols: Mapping[str, str]
    entrez: Mapping[str, str]
    universe: frozenset[str]

    def ids(self, names: Sequence[str], naming: Naming, where: str) -> list[str | None]:
        """Return the Ensembl id without version of each name, None where it is unknown.

        Raises
        ------
        DataError
            If under a tenth of the names is known: they are of another kind or species.
        """
        look_ups: dict[Naming, Callable[[str], str | None]] = {
            "symbol": self._of_symbol, "entrez": self.entrez.get, "ensembl": _of_ensembl,
        }  # fmt: skip
        found = [look_ups[naming](name) for name in names]
        known = sum(each is not None for each in found)
        if not known or known < REFUSED_BELOW * len(names):
            lost = [name for name, gene in zip(names, found, strict=True) if gene is None]
            what = f"{known:,} of {len(names):,} names of genes are known by {naming}"
            raise DataError(what, where=where, fix=_advice(lost, naming))
        return found

    def _of_symbol(self, name: str) -> str | None:
        return self.symbols.get(name) or self.symbols.get(_FRAME.sub(r"\1orf\2", name))


def _of_ensembl(name: str) -> str | None:
    match = _SHAPES["ensembl"].fullmatch(name)
    return match[1] if match else None


def _advice(lost: Sequence[str], naming: Naming) -> str:
    shown = f"unknown: {', '.join(lost[:3])}{', …' if len(lost) > 3 else ''}"
    for other, shape in _SHAPES.items():
        if other != naming and 2 * sum(shape.fullmatch(name) is not None for name in lost) > len(lost):
            return f"they look like names by {other}: write `genes: {other}` on the card ({shown})"
    guess = whose(lost) or "human genes are expected, named as `genes` on the card says"
    return f"{guess} ({shown})" if lost else "give the names of some genes"


def known_genes(
    universe: frozenset[str], *, cache: Path, mirror: Path | None = None, entrez: bool = False
) -> KnownGenes:
    """Return the pinned names, Entrez numbers only where they are asked for.

    Raises
    ------
    SourceError
        If a table cannot be had.
    """
    coding = sorted(coding_genes(cache=cache, mirror=mirror).items(), reverse=True)
    symbols = {**gene_table(cache=cache, mirror=mirror).symbol_to_id, **{gene.symbol: name for name, gene in coding}}
    return KnownGenes(symbols, _entrez(symbols, cache, mirror) if entrez else {}, universe)


def _entrez(symbols: Mapping[str, str], cache: Path, mirror: Path | None) -> dict[str, str]:
    from scarena.datasets.r_objects import load, walk

    path = pull(_SOURCE, cache=cache, mirror=mirror)["geneinfo"]
    table = walk(load(path), ["geneinfo_human"], str(path))
    named = table[["entrez", "symbol"]].dropna().astype(str).drop_duplicates().itertuples(index=False)
    return {number: symbols[symbol] for number, symbol in named if symbol in symbols}
