import numpy as np
import pytest

from scarena.models.foundation.closed_forms import by_reliability, without_batches


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_batches_shrink_along_what_tells_them_apart_and_nothing_else_does(rng):
    batch = np.array(["a", "b"])[np.arange(400) % 2]
    z = rng.normal(size=(400, 3)) * [2, 1, 1] + 5
    z[:, 1] += np.where(batch == "a", 3, -3)
    found = without_batches(z, batch)
    gap = np.abs(found[batch == "a"].mean(axis=0) - found[batch == "b"].mean(axis=0))
    # (T + 3B)⁻¹T of that column alone: T = 1, B = 9.
    assert gap[1] == pytest.approx(6 / 28, rel=0.15)
    np.testing.assert_allclose(found[:, 0].std(), z[:, 0].std(), rtol=0.05)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-5)


def test_it_is_the_product_of_the_docstring(rng):
    batch = np.array(["a", "b", "c"])[rng.integers(3, size=90)]
    z = (
        rng.normal(size=(90, 4)) @ rng.normal(size=(4, 4))
        + rng.normal(size=(3, 4))[np.unique(batch, return_inverse=True)[1]]
    )
    centred = z - z.mean(axis=0)
    means = {name: centred[batch == name].mean(axis=0) for name in set(batch)}
    inside = np.stack([row - means[name] for row, name in zip(centred, batch, strict=True)])
    outside = np.stack([means[name] for name in batch])
    within, between = inside.T @ inside / 90, outside.T @ outside / 90
    expected = centred @ np.linalg.inv(within + 3 * between) @ within
    np.testing.assert_allclose(without_batches(z, batch), expected, rtol=1e-4, atol=1e-5)


def test_one_batch_is_only_centred_and_a_column_without_variance_is_no_error(rng):
    z = rng.normal(size=(20, 3))
    z[:, 2] = 7
    np.testing.assert_allclose(without_batches(z, np.full(20, "a")), z - z.mean(axis=0), rtol=1e-6)
    assert np.isfinite(without_batches(z, np.array(["a", "b"])[np.arange(20) % 2])).all()


def test_components_are_kept_as_far_as_both_halves_of_the_counts_agree_on_them(rng):
    signal = rng.normal(size=(5000, 2)) * [5, 0]
    halves = [signal + rng.normal(size=(5000, 2)) for _ in range(2)]
    whole = (halves[0] + halves[1]) / 2
    found = by_reliability(whole, *halves)
    expected = whole.std(axis=0) * [2 * (25 / 26) / (1 + 25 / 26), 0]
    np.testing.assert_allclose(found.std(axis=0), expected, atol=0.05)


def test_what_both_halves_say_is_rotated_alone(rng):
    whole = rng.normal(size=(50, 4)) * [4, 3, 2, 1]
    found = by_reliability(whole, whole, whole)
    distances = [np.linalg.norm(each[:, None] - each[None], axis=-1) for each in (whole, found)]
    np.testing.assert_allclose(distances[0], distances[1], rtol=1e-4, atol=1e-5)
