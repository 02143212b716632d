"""The noun of an atlas: expression profiles of cell types from many sources, over one list of genes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.base.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

PER = 10_000.0
"""What a profile adds up to over the genes that its source measured."""


@dataclass(frozen=True, slots=True)
class Profiles:
    """Profiles of an atlas: P profiles, G genes, S sources."""

    values: np.ndarray
    """float32 [P, G], linear expression per 10,000; 0 where the source did not measure the gene."""
    genes: tuple[str, ...]
    """Ensembl ids, ascending."""
    symbols: tuple[str, ...]
    obs: pd.DataFrame
    """By profile name: ``source``, ``study`` (several joined by ``; ``), ``label``, ``term`` (Cell Ontology id or ""),
    ``tissue``, ``stage``, ``species``, ``licence``, ``n_cells`` (missing where it is not known)."""
    sources: tuple[str, ...]
    measured: np.ndarray
    """bool [S, G]: only of these genes is a zero a zero."""
    manifest: dict[str, Any]

    def measured_by_profile(self) -> np.ndarray:
        """Return bool [P, G]: the genes that each profile's source measured."""
        place = {name: number for number, name in enumerate(self.sources)}
        return self.measured[[place[name] for name in self.obs["source"]]]

    def places(self, genes: Sequence[str], where: str) -> np.ndarray:
        """Return int64 [len(genes)]: where the atlas has each Ensembl id, -1 where it has not.

        Raises
        ------
        DataError
            If it has none of them: genes of another species, or a panel of something else.
        """
        place = {gene: at for at, gene in enumerate(self.genes)}
        found = np.array([place.get(str(gene), -1) for gene in genes], np.int64)
        if not (found >= 0).any():
            name = self.manifest.get("name", "atlas")
            what = f"none of {len(found):,} genes is among the {len(self.genes):,} of the atlas {name}"
            fix = "human genes by Ensembl id are expected; build an atlas that has these with `scarena corpus atlas`"
            raise DataError(what, where=where, fix=fix)
        return found

    def corpus_entry(self) -> dict[str, Any]:
        """Return what the manifest of a checkpoint says of the atlas, so that the audit knows it."""
        studies = sorted({study for each in self.manifest["sources"] for study in each["study"]})
        licences = sorted({each["licence"] for each in self.manifest["sources"]})
        files = [file for each in self.manifest["sources"] for file in each["files"]]
        said = {"dataset": self.manifest["name"], "kind": "atlas", "study": studies, "licence": "; ".join(licences)}
        said["files"] = files
        return said | {"cells": 0, "profiles": len(self.values), "all_studies": self.manifest["all_studies"]}
