"""Eigenpairs by block Krylov subspaces are those of a dense solver, also where the subspace comes to an end."""

import numpy as np
import pytest
from scipy.sparse import block_diag, csr_matrix, diags, identity

from scarena.metrics import eigen
from scarena.metrics.eigen import leading_eigenpairs
from scarena.metrics.graph import fuzzy_graph
from scarena.metrics.neighbors import nearest_neighbors


def diffusion(x, k=15):
    """Return the symmetric form of the transition matrix of a random walk on the neighbour graph."""
    graph = fuzzy_graph(nearest_neighbors(x, k), k).astype(np.float64)
    scale = diags(1 / np.sqrt(np.asarray(graph.sum(axis=0)).ravel()))
    return (scale @ graph @ scale).tocsr()


def cells(kind, n=600):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 6))
    return {
        "one cloud": x,
        "many dimensions": rng.normal(size=(n, 200)),
        "a curve": np.c_[np.linspace(0, 200, n), 0.1 * x],
        "five clouds": x + 100 * np.eye(6)[np.arange(n) % 5],
    }[kind]


def with_spectrum(values, n=600):
    """Return a dense matrix without a block structure."""
    vectors = np.linalg.qr(np.random.default_rng(1).normal(size=(n, len(values))))[0]
    return csr_matrix(vectors @ np.diag(values) @ vectors.T)


def exact(matrix, k):
    values, vectors = np.linalg.eigh(matrix.toarray())
    order = np.argsort(-np.abs(values), kind="stable")[:k]
    return values[order], vectors[:, order]


def assert_eigenpairs(matrix, k, tolerance=eigen.TOLERANCE):
    values, vectors = leading_eigenpairs(matrix, k, tolerance=tolerance)
    assert (values.shape, vectors.shape) == ((k,), (matrix.shape[0], k))
    expected = exact(matrix, k)[0]
    largest = np.abs(expected).max()
    assert np.abs(values) == pytest.approx(np.abs(expected), abs=max(tolerance**2, 1e-9) * largest)
    assert (np.diff(np.abs(values)) <= 0).all()
    assert vectors.T @ vectors == pytest.approx(np.eye(k), abs=1e-8)
    # Twice: what the basis leaves of orthogonality comes on top of what the solver checks.
    assert np.linalg.norm(matrix @ vectors - vectors * values, axis=0).max() <= 2 * tolerance * largest
    return values, vectors


@pytest.mark.parametrize("n", [600, 1501])
@pytest.mark.parametrize("kind", ["one cloud", "many dimensions", "a curve", "five clouds"])
def test_agrees_with_a_dense_solver_on_diffusion_matrices(kind, n):
    assert_eigenpairs(diffusion(cells(kind, n)), 100)


def test_the_slowest_components_are_far_better_than_the_tolerance():
    matrix = diffusion(cells("a curve", 1000))
    values, vectors = leading_eigenpairs(matrix, 100)
    expected, true = exact(matrix, 100)
    assert 1 - values[1] < 1e-3
    assert 1 - values[:10] == pytest.approx(1 - expected[:10], abs=1e-7)
    assert np.abs((vectors * true).sum(axis=0))[:10] == pytest.approx(1, abs=1e-4)


def test_a_smaller_tolerance_is_kept():
    assert_eigenpairs(diffusion(cells("one cloud")), 30, tolerance=1e-6)


def test_negative_eigenvalues_of_large_magnitude_are_among_the_leading():
    values = assert_eigenpairs(with_spectrum(np.r_[np.linspace(-1, -0.2, 60), np.linspace(0.1, 0.95, 60)]), 40)[0]
    assert values.min() == pytest.approx(-1)
    assert (values > 0).sum() == pytest.approx(20, abs=2)


def test_each_piece_of_a_graph_has_an_eigenvalue_of_one():
    """Thirty pieces: more copies of the eigenvalue than a block has vectors, and than a Krylov subspace sees."""
    x = np.random.default_rng(0).normal(size=(1500, 3)) + 50 * np.repeat(np.arange(30), 50)[:, None]
    values, vectors = assert_eigenpairs(diffusion(x), 60)
    assert values[:30] == pytest.approx(1)
    assert values[30] < 1 - 1e-6
    # The stationary vectors are constant multiples of √degree on each piece: together they span those.
    indicator = np.kron(np.eye(30), np.ones((50, 1)))
    degree = 1 / np.asarray(diffusion_scale(x)) ** 2
    stationary = indicator * np.sqrt(degree)[:, None]
    stationary /= np.linalg.norm(stationary, axis=0)
    assert np.linalg.norm(vectors[:, :30].T @ stationary, axis=0) == pytest.approx(1, abs=1e-6)


def diffusion_scale(x, k=15):
    graph = fuzzy_graph(nearest_neighbors(x, k), k).astype(np.float64)
    return 1 / np.sqrt(np.asarray(graph.sum(axis=0)).ravel())


def test_large_pieces_are_solved_each_by_itself():
    x = np.vstack([cells("one cloud", 700), cells("a curve", 600)[:, :6] + 1e4])
    values = assert_eigenpairs(diffusion(x), 50)[0]
    assert (values > 1 - 1e-9).sum() == 2


@pytest.mark.parametrize(
    "matrix",
    [
        pytest.param(identity(700, format="csr"), id="identity"),
        pytest.param(csr_matrix((700, 700)), id="zero"),
        pytest.param(csr_matrix(np.full((700, 700), 1 / 700)), id="rank 1"),
        pytest.param(with_spectrum(np.linspace(1, 0.1, 20)), id="rank 20"),
        pytest.param(with_spectrum(np.r_[np.ones(12), np.linspace(0.5, 0.1, 60)]), id="eigenvalue 1 twelve times"),
        pytest.param(with_spectrum(np.r_[1, np.full(99, 1e-5)]), id="one large eigenvalue"),
        pytest.param(block_diag([np.full((20, 20), 1 / 20)] * 40, format="csr"), id="forty equal blocks"),
        pytest.param(1e-9 * with_spectrum(np.linspace(1, 0.1, 20)), id="small numbers"),
    ],
)
def test_a_matrix_of_low_rank_or_with_equal_eigenvalues_does_not_lead_astray(matrix):
    assert_eigenpairs(matrix, 60)


@pytest.mark.parametrize(("n", "k"), [(3, 3), (9, 8), (60, 59), (499, 100), (500, 100), (600, 400), (700, 700)])
def test_few_rows_for_the_number_of_eigenpairs(n, k):
    rng = np.random.default_rng(n)
    half = csr_matrix(rng.normal(size=(n, n)) * (rng.random((n, n)) < 20 / n))
    assert_eigenpairs((half + half.T).tocsr() / 10, k)


def test_the_same_seed_gives_the_same_bits_and_another_the_same_values():
    matrix = diffusion(cells("one cloud"))
    first, again, other = (leading_eigenpairs(matrix, 50, seed=seed) for seed in (0, 0, 1))
    assert (first[0] == again[0]).all()
    assert (first[1] == again[1]).all()
    assert other[0] == pytest.approx(first[0], abs=1e-5)
    assert (other[1] != first[1]).any()


def test_the_order_of_the_rows_does_not_matter():
    matrix, order = diffusion(cells("five clouds")), np.random.default_rng(3).permutation(600)
    moved = leading_eigenpairs(matrix[order][:, order].tocsr(), 50)[0]
    assert moved == pytest.approx(leading_eigenpairs(matrix, 50)[0], abs=1e-6)


def test_the_matrix_is_left_as_it_was():
    matrix = diffusion(cells("one cloud"))
    before = matrix.copy()
    leading_eigenpairs(matrix, 20)
    assert (matrix != before).nnz == 0


def test_a_solver_that_does_not_converge_says_so(monkeypatch):
    monkeypatch.setattr(eigen, "_MOST_RESTARTS", 1)
    with pytest.raises(RuntimeError, match="no 100 eigenvectors within 1e-07"):
        leading_eigenpairs(diffusion(cells("many dimensions", 1501)), 100, tolerance=1e-7)
