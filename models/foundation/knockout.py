"""In-silico knock-out: how far a cell's vector moves when the counts of one gene are taken away, or multiplied.

After Theodoris et al. 2023 (doi:10.1038/s41586-023-06139-9). The cell loses the gene's counts from its depth too, so
that all others rise a little, as they would in a library that is sequenced as deeply.

Shapes: B cells, N stored counts of all of them, Z width of the embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scarena.base.errors import ConfigError, DataError
from scarena.base.progress import tell
from scarena.models.foundation.embed import encode
from scarena.models.foundation.tokenize import Cells, over_vocabulary, places

if TYPE_CHECKING:
    from anndata import AnnData

    from scarena.models.foundation.model import FoundationModel


@dataclass(frozen=True, slots=True)
class Knockouts:
    """What changing genes, one at a time, does to cells."""

    genes: pd.DataFrame
    """Indexed by Ensembl id, farthest first: ``shift``, the mean over ``cells`` cells that express the gene (NaN where
    none does); with a target group also ``towards``, the mean over the ``outside`` expressing cells that are not in the
    group of how much the cosine with the group's mean vector rises."""
    shifts: pd.DataFrame
    """Cells × genes, 1 − cosine of a cell's vectors before and after, 0 to 2; NaN where the cell does not express the
    gene, or was not drawn."""


def knockout(
    model: FoundationModel, data: AnnData, genes: Sequence[str], targets: Sequence[str], *, factor: float = 0.0,
    toward: np.ndarray | None = None, n_cells: int | None = None, seed: int = 0, device: str = "cpu",
) -> Knockouts:  # fmt: skip
    """Change the counts of one gene after the other in the cells that express it, and embed these again.

    Parameters
    ----------
    model
        Of either kind.
    data
        Counts, Ensembl ids as ``var_names``.
    genes
        The model's vocabulary.
    targets
        Ensembl ids of the genes to change.
    factor
        What their counts are multiplied by: 0 knocks out, more than 1 overexpresses.
    toward
        bool [n_cells], the cells of a target group.
    n_cells
        Of the cells that express a gene, so many are drawn at random; all of them where not given.
    seed
        Of this draw.
    device
        Where the model runs.

    Returns
    -------
    Knockouts

    Raises
    ------
    DataError
        If a gene is not measured or the model does not know it, or the target group is empty.
    ConfigError
        If the factor is negative, not finite or one, or there is no gene.
    """
    if not (np.isfinite(factor) and factor >= 0 and factor != 1):
        raise ConfigError(f"a factor of {factor:g}", where="knockout", fix="give 0, or a number above 0 that is not 1")
    cells = over_vocabulary(data, genes)
    places_of = _places(data, genes, targets)
    z_BZ = encode(model, cells, device)
    centre_Z = None if toward is None else _centre(z_BZ, toward, len(cells))
    names = data.obs_names.astype(str)
    shifts = pd.DataFrame(np.nan, index=names, columns=list(places_of))
    rows = {}
    cell_N = np.repeat(np.arange(len(cells)), np.diff(cells.starts_B1))
    for n_done, (gene, place) in enumerate(places_of.items()):
        tell("changing genes", n_done, len(places_of), "genes")
        express = _drawn(cell_N[cells.genes_N == place], n_cells, [seed, place])
        after_BZ = encode(model, multiplied(cells.rows(express), place, factor), device)
        shift_B = 1 - _cosine(z_BZ[express], after_BZ)
        shifts[gene] = pd.Series(shift_B, index=names[express])
        rows[gene] = {"shift": _mean(shift_B), "cells": len(express)}
        if centre_Z is not None and toward is not None:
            rows[gene] |= _approach(z_BZ[express], after_BZ, centre_Z, ~toward[express])
    found = pd.DataFrame.from_dict(rows, orient="index").rename_axis("gene")
    found = found.sort_index().sort_values("shift", ascending=False, kind="stable")
    return Knockouts(found, shifts[found.index])


def multiplied(cells: Cells, place: int, factor: float) -> Cells:
    """Return cells with the counts of one gene multiplied, and their depths changed by as much.

    Parameters
    ----------
    cells
        Over the vocabulary.
    place
        Of the gene.
    factor
        0 or more; the gene is then no longer among those of a cell.
    """
    cell_N = np.repeat(np.arange(len(cells)), np.diff(cells.starts_B1))
    mine_N = cells.genes_N == place
    change_B = np.bincount(cell_N[mine_N], (factor - 1) * cells.counts_N[mine_N].astype(np.float64), len(cells))
    counts_N = np.where(mine_N, cells.counts_N * np.float32(factor), cells.counts_N)
    kept_N = counts_N > 0
    starts_B1 = np.concatenate([[0], np.cumsum(np.bincount(cell_N[kept_N], minlength=len(cells)))]).astype(np.int64)
    depth_B = np.maximum(cells.depth_B + change_B, 0).astype(np.float32)
    return Cells(starts_B1, cells.genes_N[kept_N], counts_N[kept_N], depth_B)


def _places(data: AnnData, genes: Sequence[str], targets: Sequence[str]) -> dict[str, int]:
    if not targets:
        raise ConfigError("no gene to change", where="knockout", fix="name at least one")
    known = {genes[place]: place for place in places(list(data.var_names), genes).tolist() if place >= 0}
    missing = sorted(set(targets) - set(known))
    if missing:
        fix = "name genes by Ensembl id that the data has and the model knows"
        raise DataError(f"not measured, or not known to the model: {', '.join(missing[:5])}", where="knockout", fix=fix)
    return {gene: known[gene] for gene in dict.fromkeys(targets)}


def _centre(z_BZ: np.ndarray, toward: np.ndarray, n_cells: int) -> np.ndarray:
    if len(toward) != n_cells or not toward.any():
        raise DataError("no cell is in the target group", where="knockout", fix="name a group that has cells")
    return z_BZ[toward].mean(axis=0, dtype=np.float64)


def _drawn(express: np.ndarray, n_cells: int | None, seed: list[int]) -> np.ndarray:
    """Return the cells that express a gene, in their order, or so many of them."""
    if n_cells is None or len(express) <= n_cells:
        return express
    return np.sort(np.random.default_rng(seed).permutation(express)[:n_cells])


def _approach(
    before_BZ: np.ndarray, after_BZ: np.ndarray, centre_Z: np.ndarray, outside_B: np.ndarray
) -> dict[str, float]:
    """Return how much nearer to the target group's centre cells outside of it come, and how many they are."""
    rise_B = _cosine(after_BZ, centre_Z[None]) - _cosine(before_BZ, centre_Z[None])
    return {"towards": _mean(rise_B[outside_B]), "outside": int(outside_B.sum())}


def _cosine(first_BZ: np.ndarray, second_BZ: np.ndarray) -> np.ndarray:
    """Return the cosine of each pair of rows, float64 [B]; NaN where a vector is zero."""
    first_BZ, second_BZ = first_BZ.astype(np.float64), second_BZ.astype(np.float64)
    length_B = np.linalg.norm(first_BZ, axis=1) * np.linalg.norm(second_BZ, axis=1)
    dot_B = (first_BZ * second_BZ).sum(axis=1)
    return np.divide(dot_B, length_B, out=np.full(len(dot_B), np.nan), where=length_B > 0)


def _mean(values_B: np.ndarray) -> float:
    return float(values_B.mean()) if len(values_B) else float("nan")
