"""The leading eigenpairs of a large sparse symmetric matrix, by block Krylov subspaces.

ARPACK takes one vector at a time against all before it, which waits for memory; eight at a time are matrix products.
On the diffusion graph of 25,000 cells that is the difference between most of a score's time and a small part of it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

BLOCK = 8
TOLERANCE = 1e-3
DENSE_BELOW = 500  # below this many rows a dense eigensolver is as fast and cannot fail to converge
_MOST_RESTARTS = 100
# Of the matrix's norm: an image this near to the subspace counts as inside. Its remainder is known to so few digits
# that the basis would cease to be orthogonal.
_NOTHING: dict[type, float] = {np.float32: 1e-4, np.float64: 1e-8}
# The smallest tolerance that single precision can keep with something to spare.
_SINGLE_FROM = 1e-4


def leading_eigenpairs(
    matrix: csr_matrix, k: int, *, tolerance: float = TOLERANCE, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ``k`` eigenvalues of largest magnitude with their eigenvectors ``[n, k]``, largest first.

    Parameters
    ----------
    matrix
        Symmetric, ``[n, n]``. Each connected component is solved by itself: a Krylov subspace sees no more copies of an
        eigenvalue than a block has vectors, and a graph in pieces has one eigenvalue 1 for each.
    k
        How many, at most n.
    tolerance
        Largest residual ‖Av − λv‖ relative to the component's largest eigenvalue, 1e-7 or more. Eigenvalues are off by
        its square.
    seed
        Of the first block.

    Raises
    ------
    RuntimeError
        If that is not reached.

    References
    ----------
    Zhou & Saad 2008, doi 10.1007/s11075-008-9192-9 (block Krylov–Schur); Stathopoulos & Wu 2002 (block Gram–Schmidt).
    """
    from scipy.sparse.csgraph import connected_components

    n_parts, part = connected_components(matrix, directed=False)
    if n_parts == 1:
        return _of_component(matrix, k, tolerance, seed)
    rows = np.split(np.argsort(part, kind="stable"), np.cumsum(np.bincount(part))[:-1])
    found = [_of_component(matrix[own][:, own], min(k, len(own)), tolerance, seed) for own in rows]
    values = np.concatenate([values for values, _ in found])
    chosen = np.argsort(-np.abs(values), kind="stable")[:k]
    vectors, first = np.zeros((matrix.shape[0], k)), 0
    for own, (mine, vectors_of_mine) in zip(rows, found, strict=True):
        places = np.flatnonzero((chosen >= first) & (chosen < first + len(mine)))
        vectors[own[:, None], places] = vectors_of_mine[:, chosen[places] - first]
        first += len(mine)
    return values[chosen], vectors


def _of_component(
    matrix: csr_matrix, k: int, tolerance: float, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    n = matrix.shape[0]
    if n < max(DENSE_BELOW, 4 * k):
        values, vectors = np.linalg.eigh(matrix.toarray().astype(np.float64))
        order = np.argsort(-np.abs(values), kind="stable")[:k]
        return values[order], vectors[:, order]
    # Single precision halves what the search reads, which is its time; what it finds is then refined in double.
    if tolerance >= _SINGLE_FROM:
        with suppress(_Exhausted):
            return _searched(matrix, k, tolerance, seed, np.float32)
    return _searched(matrix, k, tolerance, seed, np.float64)


class _Exhausted(Exception):
    """Single precision cannot tell what is left of the matrix from rounding."""


def _searched(
    matrix: csr_matrix, k: int, tolerance: float, seed: int, precision: type
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    n = matrix.shape[0]
    rng, most = np.random.default_rng(seed), min(n - 2 * BLOCK, max(3 * k, k + 8 * BLOCK))
    searched, basis = matrix.astype(precision), np.empty((n, most + BLOCK), precision)
    basis[:, :BLOCK] = np.linalg.qr(rng.standard_normal((n, BLOCK)))[0]
    projected = np.zeros((most + BLOCK, most + BLOCK))
    size, nothing = 0, _NOTHING[precision] * abs(matrix).sum(axis=0).max()
    for _ in range(_MOST_RESTARTS):
        size = _expand(searched, basis, projected, size, most, nothing, rng)
        values, rotations = np.linalg.eigh(projected[:size, :size])
        order = np.argsort(-np.abs(values), kind="stable")
        # What the last block's image has outside the basis, seen from each Ritz vector.
        beyond = projected[size : size + BLOCK, :size] @ rotations[:, order[:k]]
        if (np.linalg.norm(beyond, axis=0) <= tolerance * np.abs(values).max()).all():
            return _refined(matrix, basis[:, :size] @ rotations[:, order[:k]])
        kept = order[: min(k + 2 * BLOCK, size - BLOCK)]
        size = _restart(basis, projected, values, rotations, kept, size)
    raise RuntimeError(f"no {k} eigenvectors within {tolerance:g} after {_MOST_RESTARTS} restarts")


def _expand(
    matrix: csr_matrix, basis: NDArray[np.floating], projected: NDArray[np.float64], size: int, most: int,
    nothing: float, rng: np.random.Generator,
) -> int:  # fmt: skip
    """Add blocks until the basis has no room for one; one more block, the remainder, stands behind it."""
    while size + BLOCK <= most:
        old, new = slice(size, size + BLOCK), slice(size + BLOCK, size + 2 * BLOCK)
        size += BLOCK
        image = matrix @ basis[:, old]
        for sweep in range(2):  # once leaves what cancellation hid; twice is enough
            overlap = basis[:, :size].T @ image
            image -= basis[:, :size] @ overlap
            if sweep == 0:
                projected[:size, old] = overlap
                projected[old, :size] = overlap.T
        basis[:, new], rest = _factors(image, basis[:, :size], nothing, rng)
        projected[new, old], projected[old, new] = rest, rest.T
    return size


def _factors(
    image: NDArray[np.floating], basis: NDArray[np.floating], nothing: float, rng: np.random.Generator
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return ``new`` and ``rest`` with image = new · rest and ``new`` orthonormal, to ``basis`` too.

    Where the image has fewer dimensions than columns, what QR gives for the others is rounding and may lie anywhere:
    random directions take their place, and the search goes on in what it has not seen yet.
    """
    new, triangle = np.linalg.qr(image)
    left, lengths, right = np.linalg.svd(triangle)
    new = new @ left
    rest = lengths[:, None] * right
    lost = np.flatnonzero(lengths <= nothing)
    if len(lost) and basis.dtype == np.float32:
        raise _Exhausted
    if len(lost):
        known = np.hstack([basis, new[:, : lost[0]]])
        fresh = rng.standard_normal((len(image), len(lost)))
        for _ in range(2):
            fresh = np.linalg.qr(fresh - known @ (known.T @ fresh))[0]
        new[:, lost], rest[lost] = fresh, 0.0
    return new, rest


def _refined(matrix: csr_matrix, vectors: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the best eigenpairs within the span of some vectors, in double precision."""
    basis = np.linalg.qr(vectors.astype(np.float64))[0]
    values, rotations = np.linalg.eigh(basis.T @ (matrix @ basis))
    order = np.argsort(-np.abs(values), kind="stable")
    return values[order], basis @ rotations[:, order]


def _restart(
    basis: NDArray[np.floating], projected: NDArray[np.float64], values: NDArray[np.float64],
    rotations: NDArray[np.float64], kept: NDArray[np.intp], size: int,
) -> int:  # fmt: skip
    """Keep the best Ritz vectors and, as the next block, the remainder."""
    remainder, tail = basis[:, size : size + BLOCK].copy(), projected[size : size + BLOCK, :size] @ rotations[:, kept]
    basis[:, : len(kept)] = basis[:, :size] @ rotations[:, kept].astype(basis.dtype)
    basis[:, len(kept) : len(kept) + BLOCK] = remainder
    projected[:] = 0
    projected[range(len(kept)), range(len(kept))] = values[kept]
    projected[len(kept) : len(kept) + BLOCK, : len(kept)] = tail
    projected[: len(kept), len(kept) : len(kept) + BLOCK] = tail.T
    return len(kept)
