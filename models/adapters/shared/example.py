"""Genes of the tiny checkpoints that tests write: 400 that the benchmark sets share, ids and symbols of GENCODE.

Only names; with them a tiny checkpoint can embed a real dataset.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

_GENES = Path(__file__).parent / "example_genes.tsv"


@cache
def genes() -> dict[str, str]:
    """Return the symbol of each gene by Ensembl id, ascending."""
    lines = _GENES.read_text(encoding="utf-8").splitlines()[1:]
    return dict(line.split("\t") for line in lines)


def ensembl_ids() -> list[str]:
    """Return the Ensembl ids."""
    return list(genes())


def symbols() -> list[str]:
    """Return the symbols, in the order of the ids."""
    return list(genes().values())
