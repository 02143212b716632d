"""Alignment takes batches together and leaves one batch, and what there is within it, as it was."""

import numpy as np

from scarena.models.foundation.align import aligned


def clusters(rng, shift, n=120):
    """Return vectors of two types in two batches, the second one moved."""
    types, batch = np.arange(n) % 2, np.arange(n) // (n // 2)
    centres = np.array([[4.0, 0, 0, 0], [-4.0, 0, 0, 0]])
    z = centres[types] + 0.3 * rng.standard_normal((n, 4)) + batch[:, None] * shift
    return z.astype(np.float32), types, np.where(batch == 1, "b", "a")


def gap(z, mask):
    return np.linalg.norm(z[mask].mean(axis=0) - z[~mask].mean(axis=0))


def test_batches_come_together_and_types_stay_apart():
    z, types, batch = clusters(np.random.default_rng(0), np.array([0, 1.5, 0, 0]))
    moved = aligned(z, batch, seed=0)
    assert moved.dtype == np.float32
    for each in (0, 1):
        own = types == each
        assert gap(moved[own], batch[own] == "b") < 0.5 * gap(z[own], batch[own] == "b")
    assert gap(moved, types == 0) > 0.9 * gap(z, types == 0)


def test_one_batch_is_only_centred_and_the_seed_decides():
    z, _, batch = clusters(np.random.default_rng(1), np.zeros(4))
    np.testing.assert_allclose(aligned(z, np.full(len(z), "a")), z - z.mean(axis=0), atol=1e-6)
    np.testing.assert_array_equal(aligned(z, batch, seed=3), aligned(z, batch, seed=3))
