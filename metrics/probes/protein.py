"""How well predicted proteins follow measured ones: protein by protein, so that none wins by being abundant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.metrics.measured import Measured, Undefined
from scarena.metrics.probes.ridge import column_pearson
from scarena.metrics.probes.scores import mean_of_units

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ENOUGH = 20
"""Cells of a group, or of a type in one, that a correlation is taken over."""


def centred_log_ratio(counts: NDArray[np.floating]) -> Floats:
    """Return log1p of the counts less its mean over a cell's proteins ``[n_cells, n_proteins]``."""
    log = np.log1p(np.asarray(counts, dtype=np.float64))
    return np.asarray(log - log.mean(axis=1, keepdims=True))


def per_protein(said: Floats, y: Floats, groups: NDArray[np.int64]) -> Measured:
    """Return the mean over proteins of the mean correlation over groups; replicates draw proteins.

    Parameters
    ----------
    said, y
        Predicted and measured ``[n_cells, n_proteins]``.
    groups
        Within what each correlation is taken ``[n_cells]``: a sample, or a type of a sample; those of fewer than 20
        cells are left out.

    Raises
    ------
    Undefined
        If no group has as many.
    """
    parts = [rows for group in np.unique(groups) if len(rows := np.flatnonzero(groups == group)) >= ENOUGH]
    if not parts:
        raise Undefined(f"no group of {ENOUGH} cells")
    found = np.stack([column_pearson(said[rows], y[rows]) for rows in parts])
    kept = np.isfinite(found).any(axis=0)
    if not kept.any():
        raise Undefined("no protein varies")
    values = np.nanmean(found[:, kept], axis=0)
    lost = int((~kept).sum())
    note = f"{len(values)} proteins, {len(parts)} groups" + (f"; {lost} proteins do not vary" if lost else "")
    return mean_of_units(values, note)


def of_rna(rna: Floats, y: Floats, groups: NDArray[np.int64]) -> Measured | Undefined:
    """Return the mean correlation of proteins with the RNA of their gene, over those whose gene is measured."""
    there = np.asarray(np.isfinite(rna).all(axis=0))
    if not there.any():
        return Undefined("the gene of no protein is measured")
    found = per_protein(np.asarray(rna[:, there], dtype=np.float64), y[:, there], groups)
    return Measured(found.value, None, f"{int(there.sum())} of {len(there)} proteins have a measured gene")
