"""kBET within each label: do the batches of a neighbourhood look like the batches of the label?

The same test as ``scib_metrics.kbet_per_label`` with three repairs: the number of diffusion components is chosen anew
for every label (there one tiny label shrinks it for all that follow), the eigensolver starts from a fixed block
(there from a random vector), and the search in diffusion space is exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.metrics.devices import n_threads
from scarena.metrics.eigen import leading_eigenpairs
from scarena.metrics.graph import fuzzy_graph
from scarena.metrics.measured import Measured, Undefined
from scarena.metrics.neighbors import nearest_neighbors

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    from scarena.metrics.neighbor_lists import Neighbors
    from scarena.metrics.resampling import Resampling

GRAPH_NEIGHBORS = 50
MIN_CELLS = 10
MAX_COMPONENTS = 100
_ENTRIES_AT_ONCE = 1 << 21


def kbet_per_label(
    near: Neighbors, batch: NDArray[np.integer], labels: NDArray[np.integer],
    *, alpha: float = 0.05, n_jobs: int = 1, resampling: Resampling | None = None,
) -> Measured:  # fmt: skip
    """Test every cell's neighbourhood against its label's batch composition.

    Parameters
    ----------
    near
        Neighbours of every cell, 50 of which make the graph.
    batch, labels
        Integer codes ``[n_cells]``, labels from 0 without gaps.
    alpha
        A neighbourhood is accepted from this p-value on.
    n_jobs
        Threads.

    Returns
    -------
    Measured
        Mean acceptance rate of the labels that can be tested, in [0, 1], higher is better. A label whose graph falls
        into pieces too small to test scores 0; a label in one batch, or hardly larger than the neighbourhood tested
        (where every neighbourhood is the whole label, accepted by construction), is left out. Replicates are linear in
        the cells drawn: each counts with its own verdict and with what a copy of it, or its absence, does to the
        verdicts on the cells near it, the diffusion maps held fixed. With the verdicts held fixed too they would spread
        a quarter as much as samples do; like this, as much or up to half more (Efron & Stein 1981,
        doi 10.1214/aos/1176345462: such estimates err upwards).

    Raises
    ------
    Undefined
        Where no label can be tested.

    References
    ----------
    Büttner et al. 2019, doi 10.1038/s41592-018-0254-1; per label: Luecken et al. 2022, doi 10.1038/s41592-021-01336-8.
    """
    accepted, influence = acceptances(near, batch, labels, alpha=alpha, n_jobs=n_jobs)
    tested = np.isfinite(accepted)
    size, n_tested = np.bincount(labels), np.bincount(labels, weights=tested)
    if not n_tested.any():
        raise Undefined("no label has cells enough in two batches")
    usable = n_tested > 0
    rates = np.bincount(labels, weights=np.where(tested, accepted, 0.0))[usable] / n_tested[usable]
    note = f"{len(size) - usable.sum()} of {len(size)} labels too small or in one batch" if not usable.all() else ""
    replicates = None
    if resampling is not None:
        yes = resampling.label_means(np.where(tested, accepted, 0.0) + influence, labels)
        # In a replicate without surprise every cell counts once, and its influence on others nothing.
        yes -= np.bincount(labels, weights=influence) / size
        # A replicate that draws none of a label's tested cells says nothing of it.
        asked = np.maximum(resampling.label_means(tested.astype(float), labels), 1 / len(labels))
        replicates = (yes / asked)[:, usable].mean(axis=1)
    return Measured(float(rates.mean()), replicates, note)


def acceptances(
    near: Neighbors, batch: NDArray[np.integer], labels: NDArray[np.integer], *, alpha: float = 0.05, n_jobs: int = 1
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Test the neighbourhood of every cell.

    Returns
    -------
    accepted
        1 for each cell whose neighbourhood is accepted, 0 where not, NaN where it is not tested ``[n_cells]``.
    influence
        By how much a copy of the cell raises the number of accepted cells near it ``[n_cells]``.
    """
    from concurrent.futures import ThreadPoolExecutor

    from threadpoolctl import threadpool_limits

    graph = fuzzy_graph(near, GRAPH_NEIGHBORS, within=labels)
    order = np.argsort(labels, kind="stable")
    parts = sorted(np.split(order, np.cumsum(np.bincount(labels))[:-1]), key=len, reverse=True)
    accepted, influence = np.full(len(labels), np.nan), np.zeros(len(labels))

    def test(rows: NDArray[np.intp]) -> None:
        accepted[rows], influence[rows] = _acceptance(graph[rows][:, rows], batch[rows], alpha)

    # A label a thread, the largest first: BLAS's own threads gain nothing on the small ones.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(n_threads(n_jobs)) as pool:
        for _ in pool.map(test, parts):
            pass
    return accepted, influence


Verdicts = tuple["NDArray[np.float64]", "NDArray[np.float64]"]


def _acceptance(graph: csr_matrix, batch: NDArray[np.integer], alpha: float) -> Verdicts:
    from scipy.sparse.csgraph import connected_components

    accepted, influence = np.full(len(batch), np.nan), np.zeros(len(batch))
    sizes = np.unique(batch, return_counts=True)[1]
    k = int(np.clip(sizes.mean() / 4, 10, 70))
    if len(batch) < MIN_CELLS or len(sizes) == 1 or len(batch) <= k + 1:
        return accepted, influence
    n_parts, part = connected_components(graph, directed=False)
    kept = np.arange(len(batch))
    if n_parts > 1:
        kept = np.flatnonzero(np.bincount(part)[part] >= 3 * k)
        # Too few cells in testable pieces, or the other batches all in the small ones: nothing is mixed.
        if len(kept) < 0.75 * len(batch) or len(np.unique(batch[kept])) == 1:
            return np.zeros(len(batch)), influence
        graph = graph[kept][:, kept]
    accepted[kept], influence[kept] = _verdicts(_diffusion_map(graph), batch[kept], k, alpha)
    return accepted, influence


def _diffusion_map(graph: csr_matrix) -> NDArray[np.float64]:
    """Embed a graph so that Euclidean distance is diffusion distance summed over all numbers of steps."""
    from scipy.sparse import diags

    graph = graph.astype(np.float64)
    density = diags(1 / np.asarray(graph.sum(axis=0)).ravel())
    kernel = density @ graph @ density
    scale = diags(1 / np.sqrt(np.asarray(kernel.sum(axis=0)).ravel()))
    transitions = (scale @ kernel @ scale).tocsr()
    values, vectors = leading_eigenpairs(transitions, min(MAX_COMPONENTS, transitions.shape[0] - 1))
    # The stationary component never decays: its weight is 1 by definition, and rounding must not make it 1/ε.
    stationary = np.abs(1 - values) < 1e-6
    weights = np.where(stationary, 1.0, values / np.where(stationary, 1.0, 1 - values))
    return vectors * weights


def _verdicts(x: NDArray[np.float64], batch: NDArray[np.integer], k: int, alpha: float) -> Verdicts:
    """Return whether each neighbourhood of k cells and the cell itself is accepted, and each cell's influence."""
    codes = np.unique(batch, return_inverse=True)[1]
    near = nearest_neighbors(x, k + 2).indices
    share = np.bincount(codes) / len(codes)
    accepted, influence = np.empty(len(x)), np.zeros(len(x))
    at_once = max(1, _ENTRIES_AT_ONCE // (len(share) ** 2 + k))
    for start in range(0, len(x), at_once):
        part = near[start : start + at_once]
        accepted[start : start + at_once], change = _changes(codes[part], share, alpha)
        influence += np.bincount(part[:, :-1].ravel(), weights=change.ravel(), minlength=len(x))
    return accepted, influence


def _changes(
    found: NDArray[np.integer], share: NDArray[np.float64], alpha: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the verdict on each cell, and half of what one more minus one less of each neighbour makes of it.

    ``found`` [n_cells, k + 2] are the batches of the neighbours, the cell itself first; the last is not in the test.
    """
    tested, following, each = found[:, :-1], found[:, -1], np.eye(len(share))
    observed = np.stack([(tested == code).sum(axis=1) for code in range(len(share))], axis=1).astype(np.float64)
    expected = share * tested.shape[1]
    # A copy of a neighbour pushes the last one out; without a neighbour the one after the last moves up.
    more = _is_accepted(observed[:, None] + each - each[tested[:, -1], None], expected, alpha)
    less = _is_accepted(observed[:, None] - each + each[following, None], expected, alpha)
    change = np.take_along_axis((more.astype(float) - less) / 2, tested, axis=1)
    change[:, 0] = 0  # the cell itself: without it there is no verdict to change
    return _is_accepted(observed, expected, alpha).astype(float), change


def _is_accepted(observed: NDArray[np.float64], expected: NDArray[np.float64], alpha: float) -> NDArray[np.bool_]:
    from scipy.special import chdtrc

    statistic = ((observed - expected) ** 2 / expected).sum(axis=-1)
    return np.asarray(chdtrc(len(expected) - 1, statistic) >= alpha)
