"""The scIB metrics of one embedding, through scib-metrics, each with its own state.

Neighbours are searched once (90, of which 50 and 15 are used as in ``scib_metrics.benchmark.Benchmarker``). Batch
silhouettes, kBET and PCR are this package's own (see there why), equal up to the approximations they remove.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.errors import DataError
from scarena.metrics import batch_silhouette
from scarena.metrics.aggregate import aggregates
from scarena.metrics.checks import checked_embedding, codes, one_line
from scarena.metrics.kbet import kbet_per_label
from scarena.metrics.neighbors import Neighbors, nearest_neighbors, scib_library
from scarena.metrics.pcr import pcr_comparison
from scarena.metrics.scores import Score

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    Values = tuple[Sequence[float], str]  # one value a key, and a note for the reader

N_NEIGHBORS = 90
NO_PCA = "no PCA of the data before integration was given"


@dataclass(frozen=True, slots=True)
class _Inputs:
    x: NDArray[np.floating]
    batch: NDArray[np.int64]
    labels: NDArray[np.int64]
    near: Neighbors
    pre_pca: NDArray[np.floating] | None
    seed: int
    n_jobs: int


class _Undefined(Exception):
    """The metric has no answer on this dataset, whatever the embedding."""


def scib_scores(
    embedding: ArrayLike,
    *,
    batch: ArrayLike,
    labels: ArrayLike,
    pre_pca: ArrayLike | None = None,
    seed: int = 0,
    n_jobs: int = 1,
    skip: Mapping[str, str] | None = None,
) -> dict[str, Score]:
    """Score an embedding by biological conservation and batch correction.

    Parameters
    ----------
    embedding
        Finite array ``[n_cells, d]``.
    batch, labels
        Batch and cell type of each cell ``[n_cells]``.
    pre_pca
        PCA of the data before integration ``[n_cells, d_pre]``; without it PCR is not applicable.
    seed
        Of Leiden. K-means keeps the seed of scib-metrics (0), which that function does not let choose.
    n_jobs
        Processes of the Leiden resolution scan and threads of the neighbour search.
    skip
        Metric key → reason why it is not applicable to this dataset; such metrics are not computed.

    Returns
    -------
    dict of str to Score
        Thirteen metrics, all in [0, 1] up to sampling noise (iLISI may fall slightly below 0, ARI to −0.5), higher is
        better, and ``bio``, ``batch``, ``total``.

    Raises
    ------
    ModelError
        If the embedding is not one (wrong shape, NaN).
    DataError
        If ``batch``, ``labels`` or ``pre_pca`` do not have one entry a cell.

    References
    ----------
    Luecken et al. 2022, doi 10.1038/s41592-021-01336-8. Implementation: scib-metrics, version in the run record, since
    totals differ between its versions.
    """
    x = checked_embedding(embedding)
    pre = None if pre_pca is None else checked_embedding(pre_pca)
    if pre is not None and len(pre) != len(x):
        raise DataError(f"{len(pre)} rows for {len(x)} cells", where="pre_pca", fix="join it by cell name")
    inputs = _Inputs(
        x, codes(batch, len(x), "batch"), codes(labels, len(x), "labels"),
        nearest_neighbors(x, N_NEIGHBORS, n_jobs=n_jobs), pre, seed, n_jobs,
    )  # fmt: skip
    reasons = {**_absent(inputs), **(skip or {})}
    scores: dict[str, Score] = {}
    for keys, compute in _METRICS.items():
        given = {key: Score.not_applicable(reasons[key]) for key in keys if key in reasons}
        scores |= given if len(given) == len(keys) else {**_guarded(keys, compute, inputs), **given}
    return {**scores, **aggregates(scores)}


def _absent(inputs: _Inputs) -> dict[str, str]:
    """Return the metrics that this dataset leaves undefined, with the reason."""
    reasons: dict[str, str] = {}
    if inputs.pre_pca is None:
        reasons["pcr"] = NO_PCA
    if inputs.labels.max() == 0:
        reasons |= dict.fromkeys(BIO_KEYS, "one label: there is nothing to tell apart")
    if inputs.batch.max() == 0:
        reasons |= dict.fromkeys(BATCH_KEYS, "one batch: there is nothing to correct")
    return reasons


def _guarded(keys: tuple[str, ...], compute: Callable[[_Inputs], Values], inputs: _Inputs) -> dict[str, Score]:
    try:
        values, note = compute(inputs)
    except _Undefined as why:
        return {key: Score.not_applicable(str(why)) for key in keys}
    except MemoryError:
        raise  # the machine's failure, not the metric's: the step reports it as out of memory
    # jax, numba, ARPACK and igraph raise what they like, and one metric's failure is a state of the board, not its end.
    except Exception as error:  # noqa: BLE001
        return {key: Score.failed(one_line(error)) for key in keys}
    return {key: Score.of(value, note) for key, value in zip(keys, values, strict=True)}


def _defined(value: float) -> float:
    if np.isnan(value):
        raise _Undefined("no label has cells enough in two batches")
    return value


def _isolated_labels(i: _Inputs) -> Values:
    batches = [len(np.unique(i.batch[i.labels == label])) for label in range(i.labels.max() + 1)]
    isolated = sum(n == min(batches) for n in batches)
    note = f"all {isolated} labels are in {min(batches)} batches and count as isolated"
    value = scib_library().isolated_labels(i.x, i.labels, i.batch)
    return [value], note if isolated == len(batches) else ""


def _silhouette_label(i: _Inputs) -> Values:
    return [scib_library().silhouette_label(i.x, i.labels)], ""


def _kmeans(i: _Inputs) -> Values:
    # A copy: the library centres its argument in place and back, which moves every later score in the eighth digit.
    found = scib_library().nmi_ari_cluster_labels_kmeans(i.x.copy(), i.labels)
    return [found["nmi"], found["ari"]], ""


def _leiden(i: _Inputs) -> Values:
    found = scib_library().nmi_ari_cluster_labels_leiden(i.near.scib(15), i.labels, n_jobs=i.n_jobs, seed=i.seed)
    return [found["nmi"], found["ari"]], ""


def _clisi(i: _Inputs) -> Values:
    return [scib_library().clisi_knn(i.near.scib(N_NEIGHBORS), i.labels)], ""


def _ilisi(i: _Inputs) -> Values:
    return [scib_library().ilisi_knn(i.near.scib(N_NEIGHBORS), i.batch)], ""


def _silhouette_batch(i: _Inputs) -> Values:
    return [_defined(batch_silhouette.silhouette_batch(i.x, i.labels, i.batch))], ""


def _bras(i: _Inputs) -> Values:
    return [_defined(batch_silhouette.bras(i.x, i.labels, i.batch))], ""


def _kbet(i: _Inputs) -> Values:
    found = kbet_per_label(i.near.scib(50).knn_graph_connectivities, i.batch, i.labels)
    untested = int(np.isnan(found.per_label).sum())
    note = f"{untested} of {len(found.per_label)} labels too small or in one batch"
    return [_defined(found.value)], note if untested else ""


def _graph_connectivity(i: _Inputs) -> Values:
    return [scib_library().graph_connectivity(i.near.scib(15), i.labels)], ""


def _pcr(i: _Inputs) -> Values:
    if i.pre_pca is None:
        raise _Undefined(NO_PCA)
    value = pcr_comparison(i.pre_pca, i.x, i.batch)
    return [value], "0: the batch explains no less variance than before integration" if value == 0 else ""


_METRICS: dict[tuple[str, ...], Callable[[_Inputs], Any]] = {
    ("isolated_labels",): _isolated_labels,
    ("kmeans_nmi", "kmeans_ari"): _kmeans,
    ("leiden_nmi", "leiden_ari"): _leiden,
    ("silhouette_label",): _silhouette_label,
    ("clisi",): _clisi,
    ("silhouette_batch",): _silhouette_batch,
    ("bras",): _bras,
    ("ilisi",): _ilisi,
    ("kbet",): _kbet,
    ("graph_connectivity",): _graph_connectivity,
    ("pcr",): _pcr,
}
BIO_KEYS = ("isolated_labels", "kmeans_nmi", "kmeans_ari", "leiden_nmi", "leiden_ari", "silhouette_label", "clisi")
BATCH_KEYS = ("silhouette_batch", "bras", "ilisi", "kbet", "graph_connectivity", "pcr")
