"""The ontology-aware silhouette is the ordinary one for two types, zero for noise and high for the ontology itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.metrics import silhouette_samples

from scarena.base.errors import DataError
from scarena.metrics.measured import Undefined
from scarena.metrics.onto_silhouette import onto_silhouette
from scarena.metrics.ontology_graph import ontology_embedding
from scarena.metrics.resampling import Resampling

SIZES = (60, 50, 40, 30, 20)
CODES = np.repeat(np.arange(5), SIZES)
CENTRES = np.random.default_rng(1).normal(size=(5, 4)) * 3
ONTOLOGY = cdist(CENTRES, CENTRES)


def mean_distances(x, codes, k):
    """Return each cell's mean distance to the cells of each type, itself left out."""
    pairs, sizes = cdist(x, x), np.bincount(codes, minlength=k)
    sums = np.stack([pairs[:, codes == t].sum(axis=1) for t in range(k)], axis=1)
    others = sizes - (codes[:, None] == np.arange(k))
    return np.divide(sums, others, out=np.full(sums.shape, np.nan), where=others > 0)


def score(x, codes=CODES, ontology=ONTOLOGY, **keywords):
    return onto_silhouette(mean_distances(x, codes, len(ontology)), codes, ontology, **keywords)


def cells(seed, noise=1.0):
    return CENTRES[CODES] + noise * np.random.default_rng(seed).normal(size=(len(CODES), 4))


def pair_by_pair(distances, codes, ontology):
    """Compute the definition a cell and a pair of types at a time."""
    of_type = {int(t): [] for t in np.unique(codes)}
    for d, t in zip(distances, codes, strict=True):
        near = far = 0.0
        for u in range(len(ontology)):
            for v in range(len(ontology)):
                by = ontology[t, v] - ontology[t, u]
                if by > 0:
                    near, far = near + by * d[u], far + by * d[v]
        of_type[t].append((far - near) / max(far, near))
    return np.mean([np.mean(values) for values in of_type.values()])


def test_with_two_types_it_is_the_ordinary_silhouette():
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1], [40, 25])
    x = rng.normal(size=(65, 3)) + codes[:, None]
    samples = silhouette_samples(x, codes)
    expected = (samples[codes == 0].mean() + samples[codes == 1].mean()) / 2
    assert score(x, codes, np.array([[0.0, 2.5], [2.5, 0.0]])).value == pytest.approx(expected)


def test_with_types_equally_far_the_mean_over_the_others_stands_for_the_nearest():
    x = cells(0)
    d = mean_distances(x, CODES, 5)
    own = d[np.arange(len(x)), CODES]
    other = (d.sum(axis=1) - own) / 4
    silhouettes = (other - own) / np.maximum(other, own)
    expected = np.mean([silhouettes[t == CODES].mean() for t in range(5)])
    assert score(x, ontology=1 - np.eye(5)).value == pytest.approx(expected)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6))
def test_it_is_the_mean_over_pairs_of_types_by_how_much_farther(seed, k):
    rng = np.random.default_rng(seed)
    codes, ontology = np.repeat(np.arange(k), 4), rng.random((k, k)) * (1 - np.eye(k))
    distances = rng.gamma(2, 1, (4 * k, k))
    assert onto_silhouette(distances, codes, ontology).value == pytest.approx(pair_by_pair(distances, codes, ontology))


@pytest.mark.parametrize("dimensions", [1, 2, 32, 512])
def test_noise_scores_zero_in_any_dimension_and_any_numbers_of_cells(dimensions):
    draws = [np.random.default_rng(i).normal(size=(len(CODES), dimensions)) for i in range(20)]
    scores = [score(x).value for x in draws]
    assert np.mean(scores) == pytest.approx(0, abs=0.01)
    assert np.std(scores) < 0.04


def test_the_ontologys_own_coordinates_score_clearly_and_noise_takes_from_it():
    exact = score(CENTRES[CODES])
    assert exact.value > 0.7
    assert exact.note == f"the ontology's own distances score {exact.value:.2f}"
    assert exact.value > score(cells(0, 0.5)).value > score(cells(0, 2)).value > 0.1


def test_a_hierarchy_of_scales_comes_near_one():
    centres = np.array([[0.0], [0.01], [1.0], [1.01]])
    near, far = 0.01, 1.0
    ontology = np.array([[0, near, far, far], [near, 0, far, far], [far, far, 0, near], [far, far, near, 0]])
    codes = np.repeat(np.arange(4), 10)
    assert score(centres[codes], codes, ontology).value > 0.98


def test_the_real_ontology_beats_one_hot_labels_and_its_own_terms_in_another_order(cell_ontology, cell_types):
    graph, rng = ontology_embedding(cell_ontology), np.random.default_rng(0)
    terms = sorted(rng.choice(cell_types, 30, replace=False))
    points = graph.coordinates[[graph.terms.index(term) for term in terms]]
    codes, ontology = np.repeat(np.arange(30), 5), cdist(points, points)
    own, shuffled, one_hot = (score(y[codes], codes, ontology).value for y in (points, points[::-1], np.eye(30)))
    assert own > 0.5
    assert own > one_hot + 0.05
    assert own > shuffled + 0.05


def test_reversed_distances_score_the_opposite_sign():
    distances = ONTOLOGY[CODES] + 1
    forth = onto_silhouette(distances, CODES, ONTOLOGY).value
    back = onto_silhouette(distances.max() + 1 - distances, CODES, ONTOLOGY).value
    assert back < 0 < forth


def test_cell_order_names_scale_rotation_and_shift_do_not_matter():
    x, rng = cells(0), np.random.default_rng(0)
    order, names = rng.permutation(len(x)), rng.permutation(5)
    back = np.argsort(names)
    first = score(x).value
    assert score(x[order], CODES[order]).value == pytest.approx(first)
    assert score(x, names[CODES], ONTOLOGY[np.ix_(back, back)]).value == pytest.approx(first)
    rotation = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    assert score(7 * x @ rotation + 3, ontology=2 * ONTOLOGY).value == pytest.approx(first)


def test_cells_without_a_term_and_types_without_cells_do_not_count():
    x = cells(0)
    distances = mean_distances(x, CODES, 5)
    more = np.vstack([distances, np.full((7, 5), 9.0)])
    codes = np.concatenate([CODES, np.full(7, -1)])
    assert onto_silhouette(more, codes, ONTOLOGY).value == pytest.approx(score(x).value)
    wider = np.pad(ONTOLOGY, (0, 1), constant_values=50.0) * (1 - np.eye(6))
    assert score(x, ontology=wider).value == pytest.approx(score(x).value)


def test_a_type_of_one_cell_is_compared_with_but_not_averaged_over():
    codes, x = np.append(CODES, 5), np.vstack([cells(0), np.full(4, 40.0)])
    points = np.vstack([CENTRES, np.full(4, 9.0)])
    found = score(x, codes, cdist(points, points))
    expected = pair_by_pair(mean_distances(x, codes, 6)[:-1], CODES, cdist(points, points))
    assert found.value == pytest.approx(expected)
    assert found.note.endswith("1 of 6 types of one cell or without a farther type left out")
    resampling = Resampling.stratified(codes, n_replicates=5)
    assert np.isfinite(score(x, codes, cdist(points, points), resampling=resampling).replicates).all()


def test_a_collapsed_embedding_scores_zero():
    found = score(np.full((len(CODES), 2), 0.1), resampling=Resampling.stratified(CODES, n_replicates=3))
    assert (found.value, found.replicates.tolist()) == (0.0, [0.0] * 3)


def test_replicates_follow_the_scores_of_the_cells_drawn():
    x = cells(0, 2.0)
    resampling = Resampling.stratified(CODES, n_replicates=60)
    true = [score(np.repeat(x, n, axis=0), np.repeat(CODES, n)).value for n in resampling.counts]
    assert np.corrcoef(score(x, resampling=resampling).replicates, true)[0, 1] > 0.95


@pytest.mark.parametrize("noise", [1.0, 4.0])
def test_replicates_spread_as_scores_of_fresh_cells_do(noise):
    true = np.std([score(cells(seed, noise)).value for seed in range(120)])
    resampling = Resampling.stratified(CODES)
    found = np.mean([score(cells(seed, noise), resampling=resampling).replicates.std() for seed in range(8)])
    assert true / 1.5 < found < true * 1.5


def test_datasets_that_cannot_answer_say_why():
    x = cells(0)
    with pytest.raises(Undefined, match="farther in the ontology"):
        score(x, ontology=np.zeros((5, 5)))
    with pytest.raises(Undefined, match="farther in the ontology"):
        score(x, np.zeros(len(x), dtype=int), np.zeros((1, 1)))
    with pytest.raises(Undefined, match="farther in the ontology"):
        score(x[:5], np.arange(5))


def test_bad_input_is_an_error():
    distances = mean_distances(cells(0), CODES, 5)
    with pytest.raises(DataError, match="onto_silhouette"):
        onto_silhouette(distances[:, :4], CODES, ONTOLOGY)
    with pytest.raises(DataError, match="codes"):
        onto_silhouette(distances, CODES + 1, ONTOLOGY)
    with pytest.raises(DataError, match="onto_distances"):
        onto_silhouette(distances, CODES, ONTOLOGY + 1)
    for bad in (np.nan, np.inf, -1.0):
        with pytest.raises(DataError, match="mean_distances"):
            onto_silhouette(np.where(np.arange(5) == 2, bad, distances), CODES, ONTOLOGY)
