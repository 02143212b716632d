"""ROGI has the published value, and a walk over one dendrogram gives what a clustering at each threshold gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist

from scarena.base.errors import DataError, ModelError
from scarena.metrics.measured import Undefined
from scarena.metrics.resampling import Resampling
from scarena.metrics.rogi import rogi, roughness

PUBLISHED = np.arange(1, 11) / 10


def by_clustering(condensed, y):
    """Cluster at each threshold and average the property, as the definition says."""
    distances, y = condensed / condensed.max(), (y - y.min()) / np.ptp(y)
    tree = linkage(distances, "complete")
    at, dispersion, clusters = [0.0], [2 * y.std()], [len(y)]
    for height in tree[:, 2]:
        if len(at) == 1 or height - 0.01 >= at[-1]:
            of_cell = fcluster(tree, height, "distance")
            means = np.array([y[of_cell == i].mean() for i in of_cell])
            at, dispersion = [*at, height], [*dispersion, 2 * means.std()]
            clusters.append(len(set(of_cell)))
    at, dispersion, clusters = [*at, 1.0], [*dispersion, 0.0], np.array([*clusters, 1])
    over_clusters = 1 - np.log(clusters) / np.log(len(y))
    return dispersion[0] - np.trapezoid(dispersion, at), dispersion[0] - np.trapezoid(dispersion, over_clusters)


@pytest.fixture
def atlas():
    rng = np.random.default_rng(0)
    codes = rng.choice(4, 300, p=[0.5, 0.3, 0.15, 0.05])
    return rng.normal(size=(4, 5))[codes] * 3 + rng.normal(size=(300, 5)), codes


def values(found):
    return {key: measured.value for key, measured in found.items()}


def test_five_points_have_the_published_roughness():
    assert roughness(PUBLISHED, np.arange(5))[0] == pytest.approx(0.1530913965143058, abs=1e-12)
    assert roughness(3 * PUBLISHED, 7 - 2.0 * np.arange(5))[0] == pytest.approx(0.1530913965143058, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 60), st.integers(1, 4))
def test_roughness_is_that_of_a_clustering_at_every_threshold(seed, n, dimensions):
    rng = np.random.default_rng(seed)
    condensed, y = pdist(rng.normal(size=(n, dimensions))), rng.random(n)
    assert roughness(condensed, y) == pytest.approx(by_clustering(condensed, y), abs=1e-7)


def test_rogi_is_the_mean_over_types_of_each_against_the_rest(atlas):
    x, codes = atlas
    expected = np.mean([by_clustering(pdist(x), (codes == t).astype(float)) for t in range(4)], axis=0)
    assert list(values(rogi(x, codes)).values()) == pytest.approx(expected, abs=1e-7)


def test_random_labels_are_rougher_than_labels_that_follow_the_embedding(atlas):
    x, codes = atlas
    true, shuffled = values(rogi(x, codes)), values(rogi(x, np.random.default_rng(0).permutation(codes)))
    assert 1.5 * true["rogi"] < shuffled["rogi"]
    assert 1.5 * true["rogi_xd"] < shuffled["rogi_xd"]


def test_only_the_form_over_clusters_puts_labels_before_noise_of_many_dimensions(atlas):
    _, codes = atlas
    labels, noise = (
        values(rogi(np.eye(4)[codes], codes)),
        values(rogi(np.random.default_rng(0).normal(size=(300, 512)), codes)),
    )
    assert labels["rogi_xd"] < noise["rogi_xd"]
    assert labels["rogi"] > noise["rogi"]


def test_a_constant_property_is_smooth_and_a_collapsed_embedding_as_rough_as_can_be():
    assert roughness(PUBLISHED, np.ones(5)) == (0.0, 0.0)
    spread = 2 * np.std(np.arange(5) / 4)
    assert roughness(np.zeros(10), np.arange(5)) == pytest.approx((spread, spread / 2))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_cell_order_names_scale_shift_and_rotation_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    x, codes = rng.normal(size=(60, 4)), rng.integers(0, 3, 60)
    order, rotation = rng.permutation(60), np.linalg.qr(rng.normal(size=(4, 4)))[0]
    first = values(rogi(x, codes))
    assert values(rogi(x[order], codes[order])) == pytest.approx(first)
    assert values(rogi(x, 100 - 7 * codes)) == pytest.approx(first)
    # Twice, so that no step of 0.01 between heights is rounded differently.
    assert values(rogi(2 * x, codes)) == pytest.approx(first)
    assert values(rogi(x @ rotation, codes)) == pytest.approx(first, abs=1e-6)


def test_duplicates_change_the_distance_form_hardly(atlas):
    x, codes = atlas
    twice = values(rogi(np.repeat(x, 2, axis=0), np.repeat(codes, 2)))
    assert twice["rogi"] == pytest.approx(values(rogi(x, codes))["rogi"], abs=0.005)


def test_a_subsample_is_named_and_follows_the_seed(atlas):
    x, codes = atlas
    found = rogi(x, codes, max_cells=100, seed=3)
    assert found["rogi"].note == "4 types, each against the rest; 100 of 300 cells, drawn with seed 3"
    assert values(found) == values(rogi(x, codes, max_cells=100, seed=3))
    assert values(found) != values(rogi(x, codes, max_cells=100, seed=4))
    assert "drawn" not in rogi(x, codes)["rogi_xd"].note


def test_a_type_of_one_cell_counts_and_one_outside_the_subsample_does_not(atlas):
    x, codes = atlas
    alone = codes.copy()
    alone[0] = 9
    assert rogi(x, alone)["rogi"].note.startswith("5 types")
    drawn = np.random.default_rng(0).choice(300, 50, replace=False)
    outside = codes.copy()
    outside[np.setdiff1d(np.arange(300), drawn)[0]] = 9
    assert rogi(x, outside, max_cells=50)["rogi"].note.startswith(f"{len(set(codes[drawn]))} types")


def test_there_are_no_replicates(atlas):
    x, codes = atlas
    found = rogi(x, codes, resampling=Resampling.stratified(codes, n_replicates=3))
    assert [measured.replicates for measured in found.values()] == [None, None]


def test_one_type_and_bad_input_are_refused(atlas):
    x, codes = atlas
    with pytest.raises(Undefined, match="one cell type"):
        rogi(x, np.zeros(300, dtype=int))
    with pytest.raises(DataError, match="labels"):
        rogi(x, codes[:-1])
    with pytest.raises(ModelError, match="NaN"):
        rogi(np.full((300, 2), np.nan), codes)
    with pytest.raises(DataError, match="9 distances for 5 cells"):
        roughness(PUBLISHED[:9], np.arange(5))
    with pytest.raises(DataError, match="NaN"):
        roughness(PUBLISHED, np.array([0, 1, np.nan, 2, 3]))
