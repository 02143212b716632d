"""Do clusters of the embedding agree with the labels? k-means and Leiden clusters, NMI and ARI, isolated labels F1."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from scarena.metrics.contingency import Table, agreement, f1_scores
from scarena.metrics.measured import Measured, Undefined
from scarena.metrics.subsampling import subsample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    from scarena.metrics.resampling import Resampling

RESOLUTIONS = tuple(x / 5 for x in range(1, 11))
# One start leaves the ARI to its seed (SD .02–.04 for 30 types); ten on 20,000 cells take about a second.
STARTS = 10
_START_CELLS = 20_000
# Below, ten resolutions take less than starting processes and sending them the graph.
_CELLS_WORTH_PROCESSES = 50_000


def kmeans_clusters(x: NDArray[np.floating], k: int, seed: int) -> NDArray[np.int64]:
    """Cluster cells by k-means.

    Parameters
    ----------
    x
        Finite array ``[n_cells, d]``.
    k
        Number of clusters; there may be fewer where cells coincide.
    seed
        Of the starts.

    Returns
    -------
    ndarray
        Cluster of each cell ``[n_cells]``: the best of ten starts (k-means++) by inertia. Of more than 20,000 cells the
        starts see 20,000 drawn by ``seed``, and the best of their centres are then refined on all cells. scib-metrics
        takes one start. In one thread: sums in several end in other bits each time.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    part = x if len(x) <= _START_CELLS else x[subsample(len(x), _START_CELLS, seed)]
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Number of distinct clusters", category=ConvergenceWarning)
        found = KMeans(k, n_init=STARTS, random_state=seed).fit(part)
        if part is not x:
            found = KMeans(k, n_init=1, init=found.cluster_centers_, random_state=seed).fit(x)
    return found.labels_.astype(np.int64)


def leiden_clusters(
    graph: csr_matrix, resolutions: Sequence[float] = RESOLUTIONS, seed: int = 0, n_jobs: int = 1
) -> NDArray[np.int64]:
    """Cluster cells by Leiden at several resolutions.

    Parameters
    ----------
    graph
        Symmetric connectivities ``[n_cells, n_cells]``, in scIB those of UMAP for 15 neighbours, the cell included.
    resolutions
        Of the modularity; those of scib-metrics where not given.
    seed
        The same for each resolution.
    n_jobs
        Processes; one for fewer than 50,000 cells.

    Returns
    -------
    ndarray
        ``[n_resolutions, n_cells]``; the clusters that scib-metrics finds, by igraph, for the same graph and seed.

    References
    ----------
    Traag et al. 2019, doi 10.1038/s41598-019-41695-z.
    """
    processes = min(n_jobs, len(resolutions)) if graph.shape[0] >= _CELLS_WORTH_PROCESSES else 1
    if processes <= 1:
        return _leiden(graph, resolutions, seed)
    from joblib import Parallel, delayed

    # Dealt in turn: neighbouring resolutions take about as long.
    found = Parallel(n_jobs=processes)(
        delayed(_leiden)(graph, resolutions[start::processes], seed) for start in range(processes)
    )
    clusters = np.empty((len(resolutions), graph.shape[0]), dtype=np.int64)
    for start, part in enumerate(found):
        clusters[start::processes] = part
    return clusters


def nmi_ari(
    labels: NDArray[np.integer], clusters: NDArray[np.integer], resampling: Resampling | None = None
) -> tuple[Measured, Measured]:
    """Return how well clusters agree with labels.

    Parameters
    ----------
    labels, clusters
        Codes ``[n_cells]``, from 0.
    resampling
        For replicates: clusters are held fixed, so they miss what clustering another sample would change. They lie a
        little above the value: finite samples make NMI of tables larger by about (labels−1)(clusters−1)/(2n) nats of
        information, a resample of a sample does it twice; and copies of a cell are pairs that agree.

    Returns
    -------
    nmi, ari : Measured
        Normalised mutual information (over the mean of the entropies), in [0, 1]; adjusted Rand index, in [−0.5, 1].
        Higher is better.

    Raises
    ------
    Undefined
        With one label.
    DataError
        If there is not one cluster a cell.

    References
    ----------
    Strehl & Ghosh 2002, JMLR 3:583; Hubert & Arabie 1985, doi 10.1007/BF01908075.
    """
    table = Table(labels, clusters)
    if labels.max() == 0:
        raise Undefined("one label: there is nothing to tell apart")
    nmi, ari = agreement(*table.sums())
    replicates = (None, None) if resampling is None else agreement(*table.sums(resampling))
    return Measured(float(nmi[0]), replicates[0]), Measured(float(ari[0]), replicates[1])


def best_nmi_ari(
    labels: NDArray[np.integer],
    clusters: NDArray[np.integer],
    resampling: Resampling | None = None,
    *,
    resolutions: Sequence[float] = RESOLUTIONS,
) -> tuple[Measured, Measured]:
    """Return NMI and ARI at the resolution of the best NMI (the first of equals), as :func:`nmi_ari`.

    Parameters
    ----------
    labels
        Codes ``[n_cells]``, from 0.
    clusters
        ``[n_resolutions, n_cells]`` (:func:`leiden_clusters`).
    resampling
        For replicates: clusters and the chosen resolution are held fixed.
    resolutions
        What the rows of ``clusters`` were made with, for the note.
    """
    best = int(np.argmax([nmi_ari(labels, row)[0].value for row in clusters]))
    note = f"resolution {resolutions[best]:g}"
    nmi, ari = nmi_ari(labels, clusters[best], resampling)
    return Measured(nmi.value, nmi.replicates, note), Measured(ari.value, ari.replicates, note)


def isolated_labels_f1(
    labels: NDArray[np.integer],
    batch: NDArray[np.integer],
    clusters: NDArray[np.integer],
    resampling: Resampling | None = None,
) -> Measured:
    """Return how well the labels of the fewest batches are clusters of their own.

    Parameters
    ----------
    labels, batch
        Codes ``[n_cells]``, from 0 without gaps.
    clusters
        ``[n_resolutions, n_cells]`` (:func:`leiden_clusters`).
    resampling
        For replicates: each label keeps the cluster that was its best.

    Returns
    -------
    Measured
        For each label in the fewest batches the largest F1, over all clusters of all resolutions, of "cells of this
        cluster have this label"; mean over these labels. In (0, 1], higher is better. The note says if all labels are
        isolated.

    Raises
    ------
    Undefined
        With one label.

    References
    ----------
    Luecken et al. 2022, doi 10.1038/s41592-021-01336-8.
    """
    n_labels = int(labels.max()) + 1
    if n_labels < 2:
        raise Undefined("one label: there is nothing to tell apart")
    in_batches = np.bincount(np.unique(np.stack([labels, batch]), axis=1)[0])
    isolated = np.flatnonzero(in_batches == in_batches.min())
    tables = [Table(labels, row) for row in clusters]
    best = np.zeros(n_labels)
    chosen = np.zeros((n_labels, 2), dtype=np.int64)  # resolution, and entry of its table
    for number, table in enumerate(tables):
        f1 = f1_scores(table, *table.sums())[0]
        for label in isolated:
            entries = np.flatnonzero(table.label == label)
            top = entries[f1[entries].argmax()]
            if f1[top] > best[label]:
                best[label], chosen[label] = f1[top], (number, top)
    replicates = None
    if resampling is not None:
        drawn = np.zeros(len(resampling.counts))
        for number in np.unique(chosen[isolated, 0]):
            f1s = f1_scores(tables[number], *tables[number].sums(resampling))
            drawn += f1s[:, chosen[isolated[chosen[isolated, 0] == number], 1]].sum(axis=1)
        replicates = drawn / len(isolated)
    everyone = f"all {n_labels} labels are in {in_batches.min()} batches and count as isolated"
    note = everyone if len(isolated) == n_labels else f"{len(isolated)} labels in {in_batches.min()} batches"
    return Measured(float(best[isolated].mean()), replicates, note)


def _leiden(graph: csr_matrix, resolutions: Sequence[float], seed: int) -> NDArray[np.int64]:
    import random

    import igraph

    # Each edge twice, once a direction, as scanpy and scib-metrics have it: modularity is the same with one, but the
    # optimum found by a seed is not.
    whole = igraph.Graph.Weighted_Adjacency(graph, mode="directed")
    whole.to_undirected(mode="each")
    found = np.empty((len(resolutions), graph.shape[0]), dtype=np.int64)
    try:
        for row, resolution in zip(found, resolutions, strict=True):
            igraph.set_random_number_generator(random.Random(seed))
            row[:] = whole.community_leiden("modularity", weights="weight", resolution=resolution).membership
    finally:
        igraph.set_random_number_generator(random)
    return found
