"""Human genes as UCE knows them: a row in the table of ESM2 vectors of eight species, a chromosome, a start.

Shapes: G genes, C human chromosomes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scarena.base.errors import ModelError
from scarena.models.adapters.shared.weights import read_dictionary, read_tensors

# Rows of the table of tokens that are no genes; those of chromosomes come after the genes.
CLOSE, CLS, CHROMOSOMES, ROWS = 2, 3, 143_574, 145_469
GENES = "protein_embeddings/Homo_sapiens.GRCh38.gene_symbol_to_embedding_ESM2.pt"


@dataclass(frozen=True, slots=True)
class Genome:
    """Human genes that have a vector and a place, ascending by their row in the table of tokens."""

    place: dict[str, int]
    """By symbol in capitals."""
    row_G: np.ndarray
    """Row in the table of tokens, int64."""
    chromosome_G: np.ndarray
    """Place among the human chromosomes, int64."""
    start_G: np.ndarray
    """Where it starts on its chromosome, int64."""
    chromosome_row_C: np.ndarray
    """Row in the table of tokens, int64."""

    def rows(self) -> np.ndarray:
        """Return the rows of the table that become our table: genes, CLS, the end of a chromosome, chromosomes."""
        return np.concatenate([self.row_G, [CLS, CLOSE], self.chromosome_row_C])


def read_genome(folder: Path) -> Genome:
    """Return the human genes of a folder as UCE's authors published it.

    Raises
    ------
    ModelError
        If a file is missing or does not go with the others.
    """
    path = next(iter(sorted(folder.glob("species_offsets.*"))), folder / "species_offsets.pkl")
    offsets = read_dictionary(path)
    if "human" not in offsets:
        raise ModelError("has no human genes", where=str(path), fix="give the file as its authors published it")
    # Upstream's index of a gene: names in capitals, and of names that become the same the first.
    names = list(dict.fromkeys(name.upper() for name in read_tensors(folder / GENES)))
    where = _human_places(folder / "species_chrom.csv")
    known = [(name, number + int(offsets["human"])) for number, name in enumerate(names) if name in where]
    codes = np.array([where[name][0] for name, _ in known], np.int64)
    chromosomes, chromosome_G = np.unique(codes, return_inverse=True)
    row_G = np.array([row for _, row in known], np.int64)
    start_G = np.array([where[name][1] for name, _ in known], np.int64)
    genome = Genome(
        {name: n for n, (name, _) in enumerate(known)}, row_G, chromosome_G, start_G, chromosomes + CHROMOSOMES
    )
    if not len(known) or row_G.max() >= CHROMOSOMES or genome.rows().max() >= ROWS:
        what = f"{len(known)} human genes with a place do not fit a table of {ROWS} tokens"
        raise ModelError(what, where=str(folder), fix="give names, places and offsets as published together")
    return genome


def _human_places(path: Path) -> dict[str, tuple[int, int]]:
    """Return each human gene's chromosome and start; chromosomes of all species are numbered as their names sort."""
    import pandas as pd

    columns = {"species": str, "gene_symbol": str, "chromosome": str}
    try:
        table = pd.read_csv(path, dtype=columns)
        codes = pd.Categorical(table["species"] + "_" + table["chromosome"]).codes
        rows = zip(table["species"], table["gene_symbol"], codes.tolist(), table["start"].tolist(), strict=True)
        found: dict[str, tuple[int, int]] = {}
        for species, name, code, start in rows:
            if species == "human":
                found.setdefault(name, (code, int(start)))
    except (OSError, KeyError, ValueError) as error:
        fix = "give species, gene_symbol, chromosome and start as its authors published them"
        raise ModelError(f"cannot be read ({error})", where=str(path), fix=fix) from None
    return found
