import numpy as np
import pytest

from scarena.models.foundation.atlas_start import LEAST, POWER, components, specificity, start_of

ALL = np.ones((4, 3), bool)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_specificity_is_one_for_a_gene_of_one_type_and_zero_for_a_gene_of_all():
    log = np.array([[2.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    np.testing.assert_allclose(specificity(log, ALL), [1, 0, 0])


def test_a_profile_that_did_not_measure_a_gene_does_not_make_it_specific():
    log = np.array([[2.0], [2.0], [0.0], [0.0]])
    measured = np.array([[True], [True], [False], [False]])
    assert specificity(log, measured) == [0]
    assert specificity(log, np.ones_like(measured)) == pytest.approx([2 / 3])


@pytest.fixture
def profiles(rng):
    """Two sources of which the second has measured most of the genes and is higher in all of them."""
    log = rng.gamma(1.0, 1.0, (12, 20))
    source = np.repeat([0, 1], 6)
    measured = np.ones(log.shape, bool)
    measured[6:, 12:] = False
    log[6:] += 3
    log[~measured] = 0
    return log, measured, source


def test_components_are_those_of_the_weighted_profiles_within_sources(profiles, rng):
    log, measured, source = profiles
    weights = rng.uniform(0.1, 1, 20)
    found = components(log, measured, source, weights, 5)
    assert found.shape == (20, 5)
    np.testing.assert_allclose(found.T @ found / 20, np.eye(5), atol=1e-9)
    centred = np.concatenate([(log[source == s] - log[source == s].mean(0)) * weights for s in (0, 1)])
    values = np.linalg.eigvalsh(centred.T @ centred)[::-1]
    np.testing.assert_allclose(((centred @ found) ** 2).sum(0) / 20, values[:5])


def test_what_tells_sources_apart_is_no_component(profiles):
    log, measured, source = profiles
    moved = log + np.where(source == 1, 5.0, 0.0)[:, None] * measured
    weights = np.ones(20)
    np.testing.assert_allclose(
        components(moved, measured, source, weights, 4), components(log, measured, source, weights, 4), atol=1e-8
    )


def test_the_order_of_profiles_and_the_number_asked_for_do_not_matter(profiles, rng):
    log, measured, source = profiles
    order = rng.permutation(12)
    mixed = components(log[order], measured[order], source[order], np.ones(20), 4)
    np.testing.assert_allclose(mixed, components(log, measured, source, np.ones(20), 99)[:, :4], atol=1e-8)


def test_a_start_has_weights_above_zero_and_no_direction_for_a_gene_nobody_measured(profiles):
    log, measured, source = profiles
    log[:, 0], measured[:, 0] = 0, False
    start = start_of(log, measured, source, 3)
    assert start.weights_V.min() == np.float32(LEAST) == start.weights_V[0]
    assert start.weights_V.max() <= 1
    np.testing.assert_allclose(
        start.weights_V[1:], np.maximum(specificity(log, measured)[1:] ** POWER, LEAST), rtol=1e-6
    )
    np.testing.assert_allclose(start.features_VK[0], 0, atol=1e-6)


def test_a_list_of_markers_gives_directions_and_no_specificity(profiles):
    log, measured, source = profiles
    markers = np.zeros((3, 20), bool)
    markers[:, :6] = True
    raised = np.where(markers, 9.0, 0.0) * np.random.default_rng(3).random((3, 20))
    more = (np.vstack([log, raised]), np.vstack([measured, markers]), np.append(source, [7, 7, 7]))
    with_markers, without = start_of(*more, 14), start_of(log, measured, source, 14)
    np.testing.assert_array_equal(with_markers.weights_V, without.weights_V)
    assert with_markers.features_VK.shape[1] > without.features_VK.shape[1]
    alone = start_of(log * markers[0], np.broadcast_to(markers[0], log.shape).copy(), source, 3)
    assert (alone.weights_V[:6] > LEAST).any()
