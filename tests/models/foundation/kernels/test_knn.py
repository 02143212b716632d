"""Neighbours are exact, whoever finds them; ties go to the lower row, and a cell comes first among its own."""

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from scarena.base.errors import ModelError
from scarena.models.foundation.kernels.knn import nearest, nearest_twin


@pytest.fixture
def points(rng):
    """Points on a small grid, many of them alike: distances tie everywhere."""
    return torch.from_numpy(rng.integers(0, 4, (50, 3))).float()


def brute(x, k, queries=None):
    """Return indices from the definition: sorted by distance, then row; a cell of its own first."""
    asked = x if queries is None else queries
    square = ((asked[:, None].double() - x[None].double()) ** 2).sum(-1).numpy()
    if queries is None:
        np.fill_diagonal(square, -1)
    order = np.argsort(square, axis=1, kind="stable")[:, :k]
    return np.sqrt(np.maximum(np.take_along_axis(square, order, 1), 0)), order


@pytest.mark.parametrize("k", [1, 7, 80])
@pytest.mark.parametrize("forced", [False, True])
def test_neighbours_are_those_of_the_definition_with_ties_by_row(request, points, rng, forced, k):
    if forced:
        request.getfixturevalue("interpreted")
    for queries in (None, torch.from_numpy(rng.integers(0, 4, (7, 3))).float()):
        distances, indices = nearest(points, k, queries=queries)
        wanted, order = brute(points, k, queries)
        assert indices.tolist() == order.tolist()
        np.testing.assert_allclose(distances, wanted, rtol=1e-6)
        assert (distances.dtype, indices.dtype) == (torch.float32, torch.int64)


@pytest.mark.parametrize("forced", [False, True])
def test_distances_are_sklearns(request, rng, forced):
    if forced:
        request.getfixturevalue("interpreted")
    x = rng.normal(size=(70, 6)).astype(np.float32)
    distances, indices = nearest(torch.from_numpy(x), 9)
    wanted, order = NearestNeighbors(n_neighbors=9, algorithm="brute").fit(x.astype(float)).kneighbors(x.astype(float))
    assert indices.tolist() == order.tolist()
    np.testing.assert_allclose(distances, wanted, rtol=1e-5, atol=1e-6)


def test_points_too_close_for_a_product_are_told_apart_all_the_same(interpreted, rng):
    # Two clusters 10,000 apart, points 0.01 apart within them: the product's rounding is larger than all distances.
    x = torch.from_numpy(0.01 * rng.normal(size=(60, 3)) + 1e4 * (np.arange(60) % 2)[:, None]).float()
    found, twin = nearest(x, 5), nearest_twin(x, 5)
    assert torch.equal(found[1], twin[1])
    assert torch.equal(found[0], twin[0])


def test_the_kernel_keeps_the_nearest_among_its_candidates(interpreted, rng):
    from scarena.models.foundation.kernels.knn_triton import candidates

    x = torch.from_numpy(rng.normal(size=(75, 20))).float()
    rows, reach = candidates(x, x[:9] + 0.1, 11, own=False, block=(4, 16))
    square = torch.cdist(x[:9] + 0.1, x).square()
    assert rows.shape == (9, 16)
    wanted = square.sort(dim=1)
    assert [sorted(row) for row in rows.tolist()] == [sorted(row[:16]) for row in wanted.indices.tolist()]
    torch.testing.assert_close(reach, wanted.values[:, 15], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("forced", [False, True])
def test_no_queries_give_no_rows_and_no_neighbours_are_an_error(request, points, forced):
    if forced:
        request.getfixturevalue("interpreted")
    distances, indices = nearest(points, 3, queries=points[:0])
    assert distances.shape == indices.shape == (0, 3)
    with pytest.raises(ModelError, match="at least one neighbour"):
        nearest(points, 0)
