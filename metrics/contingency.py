"""Contingency tables of labels and clusters, and what follows from them, in every bootstrap replicate at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import DataError
from scarena.metrics.grouped import group_sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scarena.metrics.resampling import Resampling


class Table:
    """The entries of a contingency table that are not empty: their label, their cluster, and which cells they hold.

    Parameters
    ----------
    labels, clusters
        Codes ``[n_cells]``, from 0.

    Raises
    ------
    DataError
        If there is not one cluster a cell.
    """

    def __init__(self, labels: NDArray[np.integer], clusters: NDArray[np.integer]) -> None:
        if labels.shape != clusters.shape or labels.ndim != 1:
            raise DataError(f"{clusters.shape} clusters for {labels.shape} cells", where="clusters", fix="one a cell")
        n_clusters = int(clusters.max()) + 1
        pairs, self.entry = np.unique(labels.astype(np.int64) * n_clusters + clusters, return_inverse=True)
        self.label, self.cluster = pairs // n_clusters, pairs % n_clusters

    def sums(self, resampling: Resampling | None = None) -> tuple[NDArray[np.float64], ...]:
        """Return cells of each entry, label and cluster, ``[n_replicates, …]``; one row without resampling."""
        if resampling is None:
            cells = np.bincount(self.entry)[None].astype(np.float64)
        else:
            cells = group_sums(resampling, self.entry, len(self.label))
        return cells, _by(self.label, cells), _by(self.cluster, cells)


def _by(codes: NDArray[np.int64], cells: NDArray[np.float64]) -> NDArray[np.float64]:
    found = np.zeros((len(cells), int(codes.max()) + 1))
    for entry, code in enumerate(codes):
        found[:, code] += cells[:, entry]
    return found


def f1_scores(
    table: Table, cells: NDArray[np.float64], by_label: NDArray[np.float64], by_cluster: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the F1 of "cells of this cluster have this label" of each entry, from the three :meth:`Table.sums`."""
    return 2 * cells / np.maximum(by_label[:, table.label] + by_cluster[:, table.cluster], 1)


def agreement(
    cells: NDArray[np.float64], by_label: NDArray[np.float64], by_cluster: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return NMI and ARI of each row of the three :meth:`Table.sums`."""
    total = by_label.sum(axis=1)
    joint, of_label, of_cluster = (_entropy(part / total[:, None]) for part in (cells, by_label, by_cluster))
    mean = (of_label + of_cluster) / 2
    # Rounding must not make a little information of none, nor less than none.
    shared = np.clip(of_label + of_cluster - joint, 0, None)
    nmi = np.where(shared < 1e-12, 0.0, shared / np.where(mean > 0, mean, 1))
    together, same_label, same_cluster = (_pairs(part) for part in (cells, by_label, by_cluster))
    expected = same_label * same_cluster / _pairs(total[:, None])
    most = (same_label + same_cluster) / 2
    ari = np.where(most == expected, 1.0, (together - expected) / np.where(most == expected, 1, most - expected))
    return nmi, ari


def _entropy(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    return -(shares * np.log(np.where(shares > 0, shares, 1))).sum(axis=1)


def _pairs(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    return (cells * (cells - 1) / 2).sum(axis=1)
