"""The loops of LISI over cells and neighbours, compiled once and kept on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def bandwidths(
    indices: NDArray[np.int64], distances: NDArray[np.float32], perplexity: float, tolerance: float, max_steps: int
) -> NDArray[np.float64]:
    """Return β of each cell ``[n]`` so that weights exp(−β·distance) have an entropy of log ``perplexity``.

    Doubles or halves β from 1 until the entropy is bracketed, then bisects. Distances are taken relative to the
    nearest: the entropy is the same, and far cells do not underflow to no weight at all.
    """
    n, k = indices.shape
    target = np.log(perplexity)
    found = np.ones(n)
    away = np.empty(k)
    for i in range(n):
        used = 0
        for j in range(k):
            if indices[i, j] != i:
                away[used] = distances[i, j]
                used += 1
        nearest = away[0]
        for j in range(1, used):
            nearest = min(nearest, away[j])
        for j in range(used):
            away[j] -= nearest
        beta, low, high = 1.0, -np.inf, np.inf
        for step in range(max_steps + 1):
            total, moment = 0.0, 0.0
            for j in range(used):
                weight = np.exp(-beta * away[j])
                total += weight
                moment += weight * away[j]
            excess = np.log(total) + beta * moment / total - target
            if abs(excess) < tolerance or step == max_steps:
                break
            if excess > 0:
                low = beta
                beta = beta * 2 if high == np.inf else (beta + high) / 2
            else:
                high = beta
                beta = beta / 2 if low == -np.inf else (beta + low) / 2
        found[i] = beta
    return found


@njit(cache=True, nogil=True)
def _nearest(indices: NDArray[np.int64], distances: NDArray[np.float32], itself: int) -> float:
    """Return the least distance among the neighbours of a cell but itself; its weights are taken relative to it."""
    nearest = np.inf
    for j in range(len(indices)):
        if indices[j] != itself:
            nearest = min(nearest, np.float64(distances[j]))
    return nearest


@njit(cache=True, nogil=True)
def inverse_simpson(
    indices: NDArray[np.int64],
    distances: NDArray[np.float32],
    beta: NDArray[np.float64],
    groups: NDArray[np.int64],
    n_groups: int,
) -> NDArray[np.float64]:
    """Return 1/Σ(share of each group in the cell's weights)² of each cell ``[n]``: between 1 and ``n_groups``."""
    n, k = indices.shape
    found = np.empty(n)
    shares = np.zeros(n_groups)
    for i in range(n):
        nearest = _nearest(indices[i], distances[i], i)
        shares[:] = 0.0
        for j in range(k):
            if indices[i, j] != i:
                shares[groups[indices[i, j]]] += np.exp(-beta[i] * (distances[i, j] - nearest))
        total, squares = 0.0, 0.0
        for group in range(n_groups):
            total += shares[group]
            squares += shares[group] * shares[group]
        found[i] = total * total / squares
    return found


@njit(cache=True, nogil=True)
def pull(
    indices: NDArray[np.int64],
    distances: NDArray[np.float32],
    beta: NDArray[np.float64],
    groups: NDArray[np.int64],
    n_groups: int,
    cells: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return how the mean inverse Simpson index of ``cells`` changes with each cell's weight as a neighbour ``[n]``.

    At fixed β. With shares p of the neighbours, q of the groups and L = 1/Σq², the derivative by the weight of
    neighbour j in group g is 2·L·pⱼ·(1 − L·q_g).
    """
    k = indices.shape[1]
    found = np.zeros(len(indices))
    shares, weights = np.zeros(n_groups), np.empty(k)
    for i in cells:
        nearest = _nearest(indices[i], distances[i], i)
        shares[:] = 0.0
        total, squares = 0.0, 0.0
        for j in range(k):
            weights[j] = 0.0
            if indices[i, j] != i:
                weights[j] = np.exp(-beta[i] * (distances[i, j] - nearest))
            total += weights[j]
            shares[groups[indices[i, j]]] += weights[j]
        for group in range(n_groups):
            shares[group] /= total
            squares += shares[group] * shares[group]
        for j in range(k):
            rise = 2 / squares * weights[j] / total * (1 - shares[groups[indices[i, j]]] / squares)
            found[indices[i, j]] += rise / len(cells)
    return found
