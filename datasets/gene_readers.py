"""The readers that a card of genes may name, found by name and imported when used; apart from those of cells.

The module of a reader has its options (`Options`) and what it does with the files (`read`).
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scarena.base.errors import CardError
from scarena.base.validated import validated
from scarena.datasets.gene_raw import Asked, RawGenes
from scarena.datasets.known_genes import KnownGenes

_READERS = {
    "gene_sets": "scarena.datasets.read_gene_sets",
    "gene_lists": "scarena.datasets.read_gene_lists",
    "gene_tissues": "scarena.datasets.read_gene_tissues",
    "gene_pairs": "scarena.datasets.read_gene_pairs",
}


def gene_reader_names() -> list[str]:
    """Return the names of all readers of genes, sorted."""
    return sorted(_READERS)


class GeneReader:
    """A reader of genes with the options of one card.

    Raises
    ------
    CardError
        If there is no such reader, or the options are not its own.
    """

    def __init__(self, name: str, options: Mapping[str, Any], where: str) -> None:
        if name not in _READERS:
            fix = f"one of {', '.join(gene_reader_names())}"
            raise CardError(f"unknown reader of genes {name!r}", where=where, fix=fix)
        self._module = importlib.import_module(_READERS[name])
        self._where = f"{where}: reader {name}"
        self.asked: Asked = validated(
            self._module.Options, dict(options), CardError, where=self._where, fix="correct these options on the card"
        )

    def read(self, files: Mapping[str, Path], known: KnownGenes) -> RawGenes:
        """Return what some files hold, over the genes that are known."""
        found: RawGenes = self._module.read(_Files(files, self._where), self.asked, known)
        return found


class _Files(dict[str, Path]):
    """The files of a card by key; one that it does not have is its error."""

    def __init__(self, files: Mapping[str, Path], where: str) -> None:
        super().__init__(files)
        self._where = where

    def __missing__(self, key: str) -> Path:
        raise CardError(f"no file {key!r}", where=self._where, fix=f"there are: {', '.join(sorted(self))}")
