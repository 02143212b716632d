import numpy as np
import pytest
from scipy.sparse import csr_matrix

from scarena.models.foundation.trust import Trust, halves, signal_share, trust


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_halves_add_up_and_differ_by_chance_alone(rng):
    counts = csr_matrix(rng.poisson(3.0, (200, 50)).astype(np.float32))
    one, other = halves(counts, rng)
    assert np.array_equal((one + other).toarray(), counts.toarray())
    assert min(one.data.min(), other.data.min()) >= 0
    assert one.sum() / counts.sum() == pytest.approx(0.5, abs=0.02)


def test_the_share_is_the_variance_left_by_the_best_guess(rng):
    signal, n = rng.normal(size=(40_000, 3)) * [3, 1, 0], 40_000
    one, other = (signal + rng.normal(size=(n, 3)) for _ in range(2))
    whole = (one + other) / 2
    # Of the mean of two halves: reliability s² / (s² + 1/2).
    variance = np.array([9.5, 1.5, 0.5])
    reliable = np.array([9 / 9.5, 1 / 1.5, 0])
    assert signal_share(one, other, whole) == pytest.approx((reliable**2 * variance).sum() / variance.sum(), abs=0.01)


def test_noise_has_no_signal_and_what_is_the_same_in_both_halves_is_all_signal(rng):
    noise = [rng.normal(size=(20_000, 4)) for _ in range(2)]
    assert signal_share(*noise, noise[0] + noise[1]) < 1e-3
    assert signal_share(noise[0], noise[0], noise[0]) == pytest.approx(1)
    constant = np.ones((5, 2))
    assert signal_share(constant, constant, constant) == 0


RATES = np.full((4, 60), 2.0)
RATES[:, :10] *= np.random.default_rng(1).choice([0.3, 3.0], (4, 10))


@pytest.fixture
def dataset(rng):
    """Counts of four types that differ in the first ten of sixty genes."""
    return csr_matrix(rng.poisson(RATES[np.arange(600) % 4]).astype(np.float32))


def along(directions):
    return lambda counts: np.asarray(np.log1p(counts.toarray()) @ directions)


def own(counts):
    logged = np.log1p(counts.toarray())
    _, _, right = np.linalg.svd(logged - logged.mean(axis=0), full_matrices=False)
    return along(right[:5].T)


def test_directions_of_the_genes_that_differ_are_kept_and_others_are_not(dataset):
    # The three directions in which the types differ, and as many in which they do not.
    right = np.linalg.svd(np.log1p(RATES) - np.log1p(RATES).mean(axis=0))[2][:3].T
    wrong = np.eye(60)[:, 30:33]
    kept = trust(dataset, along(right), own)
    assert kept.model and kept.of_model > kept.of_own
    assert "are kept" in kept.words()
    refused = trust(dataset, along(wrong), own)
    assert not refused.model and refused.of_model < 0.1
    assert refused.of_own == kept.of_own
    assert "take their place" in refused.words()


def test_components_are_looked_at_on_cells_that_they_were_not_fitted_to(rng):
    noise = csr_matrix(rng.poisson(1.0, (400, 400)).astype(np.float32))
    assert trust(noise, along(np.eye(400)[:, :5]), own).of_own < 0.05
    fitted = own(noise)
    one, other = halves(noise, rng)
    assert signal_share(fitted(one), fitted(other), fitted(noise)) > 0.1


def test_the_same_seed_decides_the_same_and_a_tie_keeps_the_model(dataset):
    given = (dataset, along(np.eye(60)[:, :20]), own)
    assert trust(*given) == trust(*given)
    assert Trust(0.5, 0.5).model
