"""One pass over all pairs of cells, from which neighbours and silhouettes both come.

Exact, and without an n × n matrix: the pairs are visited in tiles of a thousand by a thousand, each pair once for both
of its cells. Scalar products are BLAS's; what follows is compiled. Tiles of one round touch different cells, so threads
need no locks and the result does not depend on how many there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scarena.metrics.neighbor_lists import Neighbors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from scarena.metrics.pair_kernels import Cells, Kept

N_NEIGHBORS = 90
N_FOREIGN = 15
BLOCK = 1024
# More candidates than asked for: float32 tiles may swap the last ones, which exact distances then put right.
_SPARE = 6


@dataclass(frozen=True, slots=True)
class Pairs:
    """What one pass over the pairs of n cells leaves.

    Parameters
    ----------
    near
        The nearest cells of every cell, itself first.
    foreign
        The nearest cells of other batches, itself not among them; −1 at distance infinity where there are fewer.
    label_sums
        Sum of the Euclidean distances of each cell to the cells of each label ``[n_cells, n_labels]``.
    own_batch_sums
        The same to the cells of its own label in each batch ``[n_cells, n_batches]``.
    """

    near: Neighbors
    foreign: Neighbors
    label_sums: NDArray[np.float64]
    own_batch_sums: NDArray[np.float64]


def all_pairs(
    embedding: NDArray[np.floating],
    labels: NDArray[np.integer],
    batch: NDArray[np.integer],
    *,
    k: int = N_NEIGHBORS,
    k_foreign: int = N_FOREIGN,
    n_jobs: int = 1,
) -> Pairs:
    """Find the neighbours of every cell and its sums of distances to each group of cells.

    Parameters
    ----------
    embedding
        Finite array ``[n_cells, d]``.
    labels, batch
        Integer codes ``[n_cells]``, from 0 without gaps.
    k
        Neighbours a cell, itself included; at most ``n_cells`` are given.
    k_foreign
        Neighbours in other batches; none with one batch.
    n_jobs
        Threads; −1 for as many as the process may use.

    Returns
    -------
    Pairs
        Neighbours are exact up to float32 rounding of the embedding, ties between equal distances drawn without regard
        to label and batch. Distances are of double precision sums over float32 coordinates, rounded to float32.
    """
    from scarena.metrics.devices import accelerator, n_threads

    label_codes, batch_codes = labels.astype(np.int64), batch.astype(np.int64)
    k, n_batches = min(k, len(embedding)), int(batch_codes.max()) + 1
    k_foreign = min(k_foreign, len(embedding) - int(np.bincount(batch_codes).min())) if n_batches > 1 else 0
    # Label by label, so that near cells meet first and distant ones are then turned away at the first comparison.
    order = np.lexsort((batch_codes, label_codes))
    x, scale = centred(embedding[order])
    cells = _cells(x, order, label_codes, batch_codes)
    kept = _kept(cells, k - 1, k_foreign)
    device = accelerator()
    if device is None:
        _visit_all(cells, kept, n_threads(n_jobs))
    else:
        from scarena.metrics.pairs_torch import visit_all

        visit_all(cells, kept, device)
    return _in_order(cells, kept, k - 1, k_foreign, scale, n_threads(n_jobs))


def centred(embedding: NDArray[np.floating]) -> tuple[NDArray[np.float32], float]:
    """Return coordinates about their middle, the largest between 1/2 and 1, and the power of two to multiply by.

    Centred, because an offset common to all cells would cost the digits that distances are made of; scaled, because
    float32 has no squares below 1e-38 or above 1e38. The middle is the mean rounded to an eighth of the spread: whole
    numbers stay short fractions, whose products are exact, so that equal distances between them remain equal.
    """
    middle, spread = embedding.mean(axis=0, dtype=np.float64), embedding.std(axis=0, dtype=np.float64)
    step = np.ldexp(1.0, np.frexp(spread)[1] - 3)
    x = embedding - np.where(spread > 0, np.round(middle / step) * step, middle)
    scale = float(np.ldexp(1.0, np.frexp(np.abs(x).max())[1]))
    return np.ascontiguousarray(x / scale, dtype=np.float32), scale


def _cells(
    x: NDArray[np.float32], order: NDArray[np.intp], label: NDArray[np.int64], batch: NDArray[np.int64]
) -> Cells:
    from scarena.metrics.pair_kernels import Cells

    norm = np.full(len(x) + BLOCK, np.inf, np.float32)
    norm[: len(x)] = np.einsum("nd,nd->n", x, x)
    return Cells(x, norm, order.astype(np.int64), label[order], batch[order])


def _kept(cells: Cells, k: int, k_foreign: int) -> Kept:
    from scarena.metrics.pair_kernels import Kept

    n = len(cells.x)
    width, width_foreign = (min(wanted + _SPARE, n - 1) if wanted else 0 for wanted in (k, k_foreign))
    limit, foreign_limit = np.full((2, n + BLOCK), -np.inf, np.float32)
    limit[:n] = np.inf if width else -np.inf
    foreign_limit[:n] = np.inf if width_foreign else -np.inf
    return Kept(
        np.full((n, width), np.inf, np.float32), np.full((n, width), -1, np.int32),
        np.full((n, width_foreign), np.inf, np.float32), np.full((n, width_foreign), -1, np.int32),
        limit, foreign_limit,
        np.zeros((n, int(cells.label.max()) + 1)), np.zeros((n, int(cells.batch.max()) + 1)),
    )  # fmt: skip


def _in_order(cells: Cells, kept: Kept, k: int, k_foreign: int, scale: float, threads: int) -> Pairs:
    """Return everything in the cells' own order and units, neighbours by their exact distances."""
    from scarena.metrics.exact_kernels import by_exact_distance

    back = np.argsort(cells.name)
    x = cells.x[back]
    near, near_cell = by_exact_distance(x, kept.near_cell[back], k, threads)
    foreign, foreign_cell = by_exact_distance(x, kept.foreign_cell[back], k_foreign, threads)
    itself = np.arange(len(x), dtype=np.int64)[:, None]
    near = np.hstack([np.zeros((len(x), 1)), near])
    return Pairs(
        Neighbors(np.hstack([itself, near_cell]), (near * scale).astype(np.float32)),
        Neighbors(foreign_cell, (foreign * scale).astype(np.float32)),
        kept.label_sums[back] * scale,
        kept.own_sums[back] * scale,
    )


def _rounds(n_blocks: int) -> Iterator[Sequence[tuple[int, int]]]:
    """Yield rounds of pairs of blocks, no block twice in a round: the diagonal, then a round-robin tournament."""
    yield [(block, block) for block in range(n_blocks)]
    players = n_blocks + n_blocks % 2
    # The circle method: player 0 stays, the others move on by one seat a round; an odd one out meets nobody.
    for turn in range(players - 1):
        seats = [0, *((seat + turn) % (players - 1) + 1 for seat in range(players - 1))]
        pairs = ((seats[at], seats[-1 - at]) for at in range(players // 2))
        yield [(min(a, b), max(a, b)) for a, b in pairs if max(a, b) < n_blocks]


def _cuts(cells: Cells, first: int, last: int) -> NDArray[np.int64]:
    """Return the ends of the runs of one label and batch among rows first … last − 1, relative to the first."""
    label, batch = cells.label[first:last], cells.batch[first:last]
    changes = np.flatnonzero((np.diff(label) != 0) | (np.diff(batch) != 0)) + 1
    return np.concatenate([[0], changes, [last - first]]).astype(np.int64)


def _visit_all(cells: Cells, kept: Kept, threads: int) -> None:
    from concurrent.futures import ThreadPoolExecutor
    from threading import local

    from threadpoolctl import threadpool_limits

    from scarena.metrics.pair_kernels import CHUNK, visit_tile

    n_cells, mine = len(cells.x), local()
    # Small data in small blocks, for all threads to have one. Their size must not depend on how many there are: it
    # decides the order of sums, and with it their last digit.
    block = min(BLOCK, CHUNK * max(4, -(-n_cells // (16 * CHUNK))))
    starts = range(0, n_cells, block)
    sizes = [min(block, n_cells - start) for start in starts]
    cuts = [_cuts(cells, start, start + size) for start, size in zip(starts, sizes, strict=True)]
    padded = np.zeros((len(starts) * block, cells.x.shape[1]), np.float32)
    padded[:n_cells] = cells.x

    def visit(pair: tuple[int, int]) -> None:
        a, b = pair
        if not hasattr(mine, "room"):
            mine.room = np.empty(block * block, np.float32)
        width = CHUNK * -(-sizes[b] // CHUNK)
        tile = mine.room[: sizes[a] * width].reshape(sizes[a], width)
        np.dot(cells.x[starts[a] :][: sizes[a]], padded[starts[b] :][:width].T, out=tile)
        visit_tile(tile, starts[a], starts[b], sizes[a], sizes[b], cuts[a], cuts[b], cells, kept)

    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        for pairs in _rounds(len(starts)):
            for _ in pool.map(visit, pairs):
                pass
