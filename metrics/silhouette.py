"""Euclidean silhouettes of the labels, and of the batches within each label, from sums of distances.

The sums come from the pass over all pairs that also finds the neighbours. The sampling error of a silhouette has two
parts: which cells are averaged, and which cells their distances are measured to; the second is followed on a sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from scarena.metrics.measured import Measured, Undefined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scarena.metrics.pairs import Pairs
    from scarena.metrics.resampling import Resampling

# Cells, in all and within one label, whose silhouettes are followed for their sampling error.
_FOLLOWED, _FOLLOWED_WITHIN = 1000, 200


class Silhouettes(NamedTuple):
    """Silhouette width of each cell in one grouping, and what it is made of.

    Parameters
    ----------
    width
        In [−1, 1] ``[n]``; 0 for a cell alone in its group.
    own, other
        Mean distance to the cells of the own group and of the nearest other one.
    nearest
        Code of that group.
    """

    width: NDArray[np.float64]
    own: NDArray[np.float64]
    other: NDArray[np.float64]
    nearest: NDArray[np.int64]


def silhouettes(sums: NDArray[np.floating], groups: NDArray[np.integer]) -> Silhouettes:
    """Return the silhouettes of cells from their summed distances to every group.

    Parameters
    ----------
    sums
        ``[n, n_groups]``.
    groups
        Integer codes ``[n]`` from 0 without gaps, two groups or more.

    References
    ----------
    Rousseeuw 1987, doi 10.1016/0377-0427(87)90125-7.
    """
    size = np.bincount(groups)
    row = np.arange(len(groups))
    means = sums / size
    means[row, groups] = np.inf
    nearest = means.argmin(axis=1)
    other = means[row, nearest]
    own = sums[row, groups] / np.maximum(size[groups] - 1, 1)
    widest = np.maximum(own, other)
    usable = (size[groups] > 1) & (widest > 0)
    width = np.where(usable, (other - own) / np.where(usable, widest, 1.0), 0.0)
    return Silhouettes(width, own, other, nearest)


def label_silhouettes(
    embedding: NDArray[np.floating], pairs: Pairs, labels: NDArray[np.integer], batch: NDArray[np.integer],
    *, seed: int = 0, resampling: Resampling | None = None,
) -> dict[str, Measured]:  # fmt: skip
    """Average the silhouettes of the labels over all cells, and over the isolated labels.

    Parameters
    ----------
    embedding
        Finite array ``[n_cells, d]``.
    pairs
        Its sums of distances to each label.
    labels, batch
        Integer codes ``[n_cells]``.
    seed
        Of the sample that the sampling error is followed on.

    Returns
    -------
    dict of str to Measured
        ``silhouette_label`` and ``isolated_labels`` (mean of the labels that occur in the fewest batches), scaled to
        [0, 1], higher is better. Replicates are linear in the cells drawn, both as cells averaged and as cells that
        distances are measured to; the nearest other label of each cell is held fixed.

    Raises
    ------
    Undefined
        Where there is one label.

    References
    ----------
    Luecken et al. 2022, doi 10.1038/s41592-021-01336-8; isolated labels as scib-metrics has them, by the silhouettes
    among all labels (scib takes the label against the rest as one group).
    """
    if pairs.label_sums.shape[1] == 1:
        raise Undefined("one label: there is nothing to tell apart")
    found = silhouettes(pairs.label_sums, labels)
    isolated, n_batches = isolated_labels(labels, batch)
    size = np.bincount(labels)
    by_label = np.zeros((len(size), 2))
    by_label[:, 0] = 1 / len(labels)
    by_label[isolated, 1] = 1 / len(isolated) / size[isolated]
    # Both are weighted sums of the widths; scaled from [−1, 1] to [0, 1].
    values = (1 + found.width @ by_label[labels]) / 2
    replicates = [None, None]
    if resampling is not None:
        influence = _influence(embedding, labels, found, by_label, _FOLLOWED, seed)
        effect = found.width[:, None] * by_label[labels] + influence
        # In a replicate without surprise every cell counts once, and its influence as a reference nothing.
        replicates = list(((1 + resampling.sums(effect) - influence.sum(axis=0)) / 2).T)
    note = f"all {len(size)} labels are in {n_batches} batches and count as isolated"
    return {
        "silhouette_label": Measured(float(values[0]), replicates[0]),
        "isolated_labels": Measured(float(values[1]), replicates[1], note if len(isolated) == len(size) else ""),
    }


def isolated_labels(labels: NDArray[np.integer], batch: NDArray[np.integer]) -> tuple[NDArray[np.intp], int]:
    """Return the codes of the labels that occur in the fewest batches, and that number of batches."""
    occurs = np.zeros((int(labels.max()) + 1, int(batch.max()) + 1), bool)
    occurs[labels, batch] = True
    n_batches = occurs.sum(axis=1)
    return np.flatnonzero(n_batches == n_batches.min()), int(n_batches.min())


def batch_silhouette(
    embedding: NDArray[np.floating], pairs: Pairs, labels: NDArray[np.integer], batch: NDArray[np.integer],
    *, seed: int = 0, resampling: Resampling | None = None,
) -> Measured:  # fmt: skip
    """Average silhouette width of the batch within each label, as 1 − |s|, against the nearest other batch.

    Parameters
    ----------
    embedding, pairs, labels, batch, seed
        As in :func:`label_silhouettes`.

    Returns
    -------
    Measured
        In [0, 1], higher is better. Mean over cells, then over the labels with two batches or more. Replicates are
        linear in the cells drawn; where batches differ by chance only, |s| is near its kink at 0 and they spread up to
        half more than scores do.

    Raises
    ------
    Undefined
        Where no label has two batches.

    References
    ----------
    Luecken et al. 2022, doi 10.1038/s41592-021-01336-8. Nested batch effects fool it (Rautenstrauch & Ohler 2025).
    """
    values, effects = [], np.zeros(len(labels))
    offset = 0.0
    for rows, codes in labels_in_batches(labels, batch):
        present = np.unique(batch[rows])
        found = silhouettes(pairs.own_batch_sums[np.ix_(rows, present)], codes)
        values.append(1 - np.abs(found.width).mean())
        if resampling is not None:
            away = np.full((len(present), 1), 1 / len(rows))
            influence = _influence(embedding[rows], codes, found, away, _FOLLOWED_WITHIN, seed, of_size=True)[:, 0]
            effects[rows] = -np.abs(found.width) / len(rows) + influence
            offset += 1 - influence.sum()
    if not values:
        raise Undefined("no label has cells enough in two batches")
    replicates = None if resampling is None else (resampling.sums(effects) + offset) / len(values)
    return Measured(float(np.mean(values)), replicates)


def labels_in_batches(
    labels: NDArray[np.integer], batch: NDArray[np.integer]
) -> list[tuple[NDArray[np.intp], NDArray[np.int64]]]:
    """Return rows and batch codes (from 0) of each label with two batches or more, not every cell its own batch."""
    order = np.argsort(labels, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(labels))[:-1])
    coded = ((rows, np.unique(batch[rows], return_inverse=True)[1]) for rows in parts)
    return [(rows, codes) for rows, codes in coded if len(rows) and 1 < codes.max() + 1 < len(rows)]


def _influence(
    embedding: NDArray[np.floating], groups: NDArray[np.integer], found: Silhouettes, by_group: NDArray[np.float64],
    n_followed: int, seed: int, *, of_size: bool = False,
) -> NDArray[np.float64]:  # fmt: skip
    """Estimate what a copy of each cell adds to sums of widths (of −|width| if ``of_size``) as others' reference.

    ``by_group`` [n_groups, m] are the weights of a group's cells in each of m sums. A sample of each group's cells
    stands for the group.
    """
    from scarena.metrics.pairs import centred
    from scarena.metrics.silhouette_kernels import reference_influence

    order = np.argsort(groups, kind="stable")
    size = np.bincount(groups)
    starts = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    rng, each = np.random.default_rng(seed), max(20, n_followed // len(size))
    taken = [start + rng.permutation(n)[:each] for start, n in zip(starts[:-1], size, strict=True) if n > 1]
    if not taken:
        return np.zeros((len(groups), by_group.shape[1]))
    asked = np.concatenate(taken)
    cells = order[asked]
    weights = by_group[groups[cells]] * (size / np.minimum(size, each))[groups[cells], None]
    if of_size:
        weights *= -np.sign(found.width[cells])[:, None]
    x, scale = centred(embedding[order])
    influence = np.empty((len(groups), by_group.shape[1]))
    influence[order] = reference_influence(
        x, starts, asked, groups[cells].astype(np.int64), found.nearest[cells], found.own[cells] / scale,
        found.other[cells] / scale, weights,
    )  # fmt: skip
    return influence
