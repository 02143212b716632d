"""Rows by names of genes, whichever the names are, joined to Ensembl ids; what is lost on the way is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import DataError
from scarena.base.untrusted import check_names
from scarena.datasets.gene_advice import advice_for
from scarena.datasets.genes import REFUSED_BELOW

if TYPE_CHECKING:
    from scarena.datasets.genes import GeneTable

_SHOWN = 3


@dataclass(frozen=True, slots=True, eq=False)
class NamedGenes:
    """Which rows are of known genes.

    Parameters
    ----------
    ids
        Ensembl ids, each once [n_known].
    rows
        The row of each, rising [n_known].
    notes
        What was lost or mapped, a line each.
    """

    ids: np.ndarray
    rows: np.ndarray
    notes: tuple[str, ...]


def named_genes(names: Sequence[str], table: GeneTable, where: str) -> NamedGenes:
    """Return the human genes that some names are of.

    Parameters
    ----------
    names
        Symbols or Ensembl ids, with or without a version, in any mixture.
    table
        The pinned table, which decides what is known.
    where
        The file, for errors.

    Raises
    ------
    DataError
        If a name stands twice or has control characters, or under a tenth of the names are known: none at all, those
        of another species.
    """
    check_names(names, where)
    values, counts = np.unique(np.asarray(names, dtype=str), return_counts=True)
    if len(twice := values[counts > 1]):
        what = f"{len(twice)} genes occur twice ({', '.join(twice[:_SHOWN])})"
        raise DataError(what, where=where, fix="give each gene one row")
    ids = _known(names, table)
    known = sum(gene is not None for gene in ids)
    if known == 0 or known < REFUSED_BELOW * len(names):
        said = "none" if known == 0 else f"only {known:,}"
        advice = advice_for(names, ids, lambda some: _known(some, table), None)
        raise DataError(f"{said} of {len(names):,} names are known human genes", where=where, fix=advice)
    first: dict[str, int] = {}
    for row, gene in enumerate(ids):
        if gene is not None:
            first.setdefault(gene, row)
    kept = sorted(first.items(), key=lambda pair: pair[1])
    notes = _notes(names, ids, len(kept))
    return NamedGenes(np.array([gene for gene, _ in kept]), np.array([row for _, row in kept], np.int64), notes)


def _known(names: Sequence[str], table: GeneTable) -> list[str | None]:
    """Return the Ensembl id of each name; unlike `GeneTable.ids`, None also for an id that the table does not have."""
    return [gene if gene in table.id_to_symbol else None for gene in table.ids(names)]


def _notes(names: Sequence[str], ids: Sequence[str | None], kept: int) -> tuple[str, ...]:
    known = [str(name) for name, gene in zip(names, ids, strict=True) if gene is not None]
    symbols = sum(not name.startswith("ENSG") for name in known)
    lines = [f"{symbols:,} symbols were looked up in GENCODE v44"] if symbols else []
    if lost := [str(name) for name, gene in zip(names, ids, strict=True) if gene is None]:
        lines.append(f"{len(lost):,} of {len(names):,} names are unknown ({', '.join(lost[:_SHOWN])})")
    if len(known) > kept:
        lines.append(f"{len(known) - kept:,} rows are of a gene that has an earlier one, which was taken")
    return tuple(lines)
