"""From a dataset to the counts of a published model's genes: what its tokeniser starts from.

Shapes: B cells, N counts above zero of all of them, G genes of a dataset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from scarena.base.errors import ModelError, NotApplicable
from scarena.models.foundation.tokenize import Cells, cells_at

if TYPE_CHECKING:
    from anndata import AnnData

GeneNames = Literal["ensembl", "symbol"]


def cells_over(data: AnnData, place: Mapping[str, int], by: GeneNames, model: str) -> Cells:
    """Return the counts of a dataset's cells over a vocabulary, genes ascending by their place within a cell.

    Two genes of one symbol stay two; counts of genes that the vocabulary lacks still count for a cell's depth.

    Parameters
    ----------
    data
        Prepared: counts, human Ensembl ids as ``var_names``, ``var["symbol"]``.
    place
        A gene's place in the vocabulary.
    by
        What the vocabulary calls genes by.
    model
        For the errors.

    Raises
    ------
    NotApplicable
        If the genes are not human.
    ModelError
        If no gene is in the vocabulary.
    """
    _check_human(data.var_names, model)
    names = data.var_names if by == "ensembl" else data.var["symbol"].astype(str)
    place_G = np.array([place.get(name, -1) for name in names], np.int64)
    if not (place_G >= 0).any():
        fix = f"genes are looked up by {'Ensembl id' if by == 'ensembl' else 'symbol'}: check the dataset's and its own"
        raise ModelError("no gene of the dataset is in the vocabulary", where=f"model {model}", fix=fix)
    return cells_at(data, place_G)


def _check_human(genes: Sequence[str], model: str) -> None:
    known = sum(str(gene).startswith("ENSG") for gene in genes)
    other = sum(str(gene).startswith("ENS") for gene in genes) - known
    if other > known:
        what = f"{other} of {len(genes)} genes are Ensembl ids of another species"
        raise NotApplicable(what, where=f"model {model}", fix="map them to human orthologs first")


def uniforms(cells: Cells, seed: int) -> np.ndarray:
    """Return a number in [0, 1) for each count, float64 [N], that the cell and the gene alone decide.

    Where upstream draws at random, the same cell then gets the same tokens in any company and order.
    """
    mixed_N, of_cell_B = _hashes(cells, seed)
    return _to_unit(_mixed(mixed_N ^ np.repeat(of_cell_B, np.diff(cells.starts_B1))))


def uniform_table(cells: Cells, columns: int, seed: int) -> np.ndarray:
    """Return numbers in [0, 1), float64 [B, columns], that the cell alone decides: `uniforms` of no gene."""
    _, of_cell_B = _hashes(cells, seed)
    column = _mixed(np.arange(1, columns + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    return _to_unit(_mixed(of_cell_B[:, None] ^ column))


def _hashes(cells: Cells, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a number for each count, of its gene, and one for each cell, of all its genes and counts; uint64."""
    mixed_N = _mixed(cells.genes_N.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed))
    signed_N = _mixed(mixed_N ^ cells.counts_N.astype(np.float32).view(np.uint32).astype(np.uint64))
    total = np.concatenate([np.zeros(1, np.uint64), np.cumsum(signed_N, dtype=np.uint64)])
    return mixed_N, total[cells.starts_B1[1:]] - total[cells.starts_B1[:-1]]


def _to_unit(x: np.ndarray) -> np.ndarray:
    return (x >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mixed(x: np.ndarray) -> np.ndarray:
    """Return the finalizer of SplitMix64 (Steele et al. 2014, doi:10.1145/2660193.2660195)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def highest(key_N: np.ndarray, starts_B1: np.ndarray, length: int) -> np.ndarray:
    """Return the rows of the `length` highest keys of each cell, highest first; of equals the first."""
    cell_N = np.repeat(np.arange(len(starts_B1) - 1), np.diff(starts_B1))
    order = np.lexsort((-key_N, cell_N))
    rank = np.arange(len(order)) - np.repeat(starts_B1[:-1], np.diff(starts_B1))
    return order[rank < length]


def joined_genes(cells: Cells) -> Cells:
    """Return the cells with the counts of one place, where several genes have it, added up."""
    cell_N = np.repeat(np.arange(len(cells)), np.diff(cells.starts_B1))
    new_N = np.ones(len(cell_N), bool)
    new_N[1:] = (cell_N[1:] != cell_N[:-1]) | (cells.genes_N[1:] != cells.genes_N[:-1])
    if new_N.all():
        return cells
    rows = np.flatnonzero(new_N)
    counts = np.add.reduceat(cells.counts_N, rows)
    starts = np.concatenate([[0], np.cumsum(np.bincount(cell_N[rows], minlength=len(cells)))])
    return Cells(starts, cells.genes_N[rows], counts, cells.depth_B)
