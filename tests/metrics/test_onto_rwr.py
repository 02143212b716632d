"""OntoRWR on the real Cell Ontology: a random embedding scores nothing, and the published form's flaw stays visible."""

import numpy as np
import pytest

from scarena.base.errors import DataError, OntologyError
from scarena.metrics.onto_rwr import onto_rwr
from scarena.metrics.ontology_graph import OntologyEmbedding, distances_between, ontology_embedding, reference_distances
from scarena.metrics.resampling import Resampling
from scarena.metrics.scores import NOT_APPLICABLE, OK

TREE = {"root": [], "a": ["root"], "b": ["root"], "a1": ["a", "a"], "a2": ["a", "a2"], "b1": ["b"], "alone": []}
NAMES = np.array([f"t{i}" for i in range(8)])


@pytest.fixture(scope="module")
def graph(cell_ontology):
    return ontology_embedding(cell_ontology)


def random_scores(graph, cell_types, sizes, mode, n_embeddings=20):
    """Score random 512-dimensional embeddings of one dataset whose types have these numbers of cells."""
    rng = np.random.default_rng(0)
    terms = sorted(rng.choice(cell_types, len(sizes), replace=False))
    reference, ids = distances_between(graph, terms), np.repeat(terms, sizes)
    draws = (rng.normal(size=(len(ids), 512)).astype(np.float32) for _ in range(n_embeddings))
    return [onto_rwr(x, ids, reference, terms, mode=mode).value.value for x in draws]


def unequal(n_types):
    """Numbers of cells as atlases have them: log-normal, a factor of a hundred between rare and frequent."""
    sizes = np.random.default_rng(n_types).lognormal(3, 1, n_types)
    return np.clip(sizes, 10, 400).astype(int)


@pytest.mark.parametrize("n_types", [14, 49, 155])
def test_a_random_embedding_scores_zero_in_the_sound_form_and_high_in_the_published(graph, cell_types, n_types):
    sizes = [20] * n_types
    assert np.mean(random_scores(graph, cell_types, sizes, "sound")) == pytest.approx(0, abs=0.05)
    assert np.mean(random_scores(graph, cell_types, sizes, "published", 5)) > 0.6


@pytest.mark.parametrize("n_types", [14, 49, 155])
def test_a_random_embedding_of_unequal_types_scores_zero_in_the_balanced_form(graph, cell_types, n_types):
    assert np.mean(random_scores(graph, cell_types, unequal(n_types), "balanced")) == pytest.approx(0, abs=0.05)


def test_numbers_of_cells_alone_give_a_random_embedding_a_score_in_the_sound_form(graph, cell_types):
    scores = random_scores(graph, cell_types, unequal(49), "sound", 5)
    assert np.std(scores) < 0.02 < 0.05 < abs(np.mean(scores))


def test_the_ontology_itself_scores_one(graph, cell_types):
    terms = cell_types[::40][:30]
    rows = [graph.terms.index(term) for term in terms]
    ids, x = np.repeat(terms, 12), np.repeat(graph.coordinates[rows], 12, axis=0)
    for mode in ("sound", "balanced", "published"):
        found = onto_rwr(x, ids, distances_between(graph, terms), terms, mode=mode)
        assert found.value.value == pytest.approx(1.0)
        assert (found.n_types, set(found.per_type)) == (30, set(terms))


def test_rotation_scale_shift_and_cell_order_do_not_matter(graph, cell_types):
    rng = np.random.default_rng(0)
    terms = cell_types[:8]
    ids, reference = np.repeat(terms, 15), distances_between(graph, terms)
    x = rng.normal(size=(120, 5)) + np.repeat(rng.normal(size=(8, 5)), 15, axis=0)
    first = onto_rwr(x, ids, reference, terms).value.value
    order = rng.permutation(120)
    assert onto_rwr(x[order], ids[order], reference, terms).value.value == pytest.approx(first)
    assert onto_rwr(7 * x + 3, ids, reference, terms).value.value == pytest.approx(first)
    back = slice(None, None, -1)
    assert onto_rwr(x, ids, reference[back, back], terms[back]).value.value == pytest.approx(first)
    rotation = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    # The trimming is by coordinate: only untrimmed centroids turn with the axes.
    plain, turned = (onto_rwr(y, ids, reference, terms, trim=0.0).value.value for y in (x, x @ rotation))
    assert turned == pytest.approx(plain)


def test_types_with_few_cells_are_dropped_and_two_types_are_too_few(graph, cell_types):
    terms = cell_types[:4]
    ids = np.repeat([*terms, ""], [12, 12, 12, 9, 20])
    x, reference = np.random.default_rng(0).normal(size=(len(ids), 4)), distances_between(graph, terms)
    assert onto_rwr(x, ids, reference, terms).n_types == 3
    found = onto_rwr(x[12:], ids[12:], reference, terms)
    assert (found.value.state, found.n_types) == (NOT_APPLICABLE, 2)
    assert onto_rwr(x, ids, reference, terms, min_cells=9).n_types == 4


def test_a_collapsed_embedding_scores_zero_and_an_indifferent_reference_asks_nothing():
    terms = ["a", "b", "c", "d"]
    ids, rng = np.repeat(terms, 10), np.random.default_rng(0)
    reference = np.abs(np.subtract.outer(np.arange(4.0), np.arange(4.0)))
    assert onto_rwr(np.ones((40, 3)), ids, reference, terms).value.value == 0.0
    found = onto_rwr(rng.normal(size=(40, 3)), ids, 1 - np.eye(4), terms)
    assert found.value.state == NOT_APPLICABLE
    partly = reference.copy()
    partly[0, 1:] = partly[1:, 0] = 2.0
    found = onto_rwr(rng.normal(size=(40, 3)), ids, partly, terms)
    assert (found.value.state, np.isnan(found.per_type["a"])) == (OK, True)
    assert found.value.reason.startswith("1 of 4")


def eight_types(seed):
    """Return cells of eight types of unequal size with their codes, and a reference that they follow by half."""
    rng, centres = np.random.default_rng(seed), np.random.default_rng(7).normal(size=(2, 8, 5))
    codes = np.repeat(np.arange(8), [90, 70, 60, 50, 40, 30, 25, 20])
    reference = np.linalg.norm((centres.sum(axis=0)[:, None] - centres.sum(axis=0)), axis=2)
    return centres[0][codes] + rng.normal(size=(len(codes), 5)), codes, reference


@pytest.mark.parametrize("mode", ["sound", "balanced", "published"])
def test_replicates_spread_as_scores_of_fresh_cells_do(mode):
    def score(seed, resampled=False):
        x, codes, reference = eight_types(seed)
        resampling = Resampling.stratified(codes) if resampled else None
        return onto_rwr(x, NAMES[codes], reference, NAMES, mode=mode, resampling=resampling)

    true = np.std([score(seed).value.value for seed in range(100)])
    found = np.mean([score(seed, resampled=True).replicates.std() for seed in range(6)])
    assert true / 1.5 < found < true * 1.5


def test_replicates_without_trimming_are_the_scores_of_the_cells_drawn():
    x, codes, reference = eight_types(0)
    resampling = Resampling.stratified(codes, n_replicates=4)
    for mode in ("sound", "published"):
        found = onto_rwr(x, NAMES[codes], reference, NAMES, mode=mode, trim=0.0, resampling=resampling)
        drawn = [
            onto_rwr(np.repeat(x, n, axis=0), NAMES[np.repeat(codes, n)], reference, NAMES, mode=mode, trim=0.0)
            for n in resampling.counts
        ]
        assert found.replicates == pytest.approx([each.value.value for each in drawn])


def test_replicates_change_no_value_and_are_missing_where_it_is():
    x, codes, reference = eight_types(0)
    resampling = Resampling.stratified(codes, n_replicates=4)
    for mode in ("sound", "balanced", "published"):
        found = onto_rwr(x, NAMES[codes], reference, NAMES, mode=mode, resampling=resampling)
        plain = onto_rwr(x, NAMES[codes], reference, NAMES, mode=mode)
        assert (found.value, found.per_type, plain.replicates) == (plain.value, plain.per_type, None)
        assert found.replicates.shape == (4,)
    assert onto_rwr(x, NAMES[codes], 1 - np.eye(8), NAMES, resampling=resampling).replicates is None
    assert onto_rwr(x, NAMES[codes], reference, NAMES, min_cells=70, resampling=resampling).replicates is None


def test_a_collapsed_embedding_has_replicates_of_zero():
    _, codes, reference = eight_types(0)
    point = np.full((len(codes), 3), 0.1)
    found = onto_rwr(point, NAMES[codes], reference, NAMES, resampling=Resampling.stratified(codes, n_replicates=4))
    assert (found.value.value, found.replicates.tolist()) == (0.0, [0.0] * 4)


def test_the_walk_agrees_with_its_iteration_and_the_coordinates_with_a_full_svd():
    found = ontology_embedding(TREE)
    terms = sorted(TREE)
    assert found.terms == tuple(terms)
    n = len(terms)
    edges = np.zeros((n, n))
    for child, above in TREE.items():
        for parent in set(above) - {child}:
            edges[terms.index(child), terms.index(parent)] = edges[terms.index(parent), terms.index(child)] = 1
    edges[terms.index("alone"), terms.index("alone")] = 1
    step = edges / edges.sum(axis=1, keepdims=True)
    visits = np.eye(n)
    for _ in range(100):
        visits = 0.7 * np.eye(n) + 0.3 * visits @ step
    left, singular, _ = np.linalg.svd(np.log(visits + 1 / n**2) - np.log(1 / n**2))
    x = left * np.sqrt(singular)
    expected = np.linalg.norm(x[:, None] - x[None], axis=2)
    assert reference_distances(TREE, terms) == pytest.approx(expected, abs=1e-7)


def test_siblings_are_closer_than_cousins():
    distances = reference_distances(TREE, ["a1", "a2", "b1"])
    assert distances[0, 1] < distances[0, 2]


def test_unknown_terms_and_lengths_are_errors():
    graph = OntologyEmbedding(("a", "b"), np.eye(2))
    with pytest.raises(OntologyError, match="unknown terms, first x"):
        distances_between(graph, ["a", "x"])
    with pytest.raises(DataError, match="term_ids"):
        onto_rwr(np.ones((3, 2)), ["a"], np.eye(1), ["a"])
    with pytest.raises(OntologyError, match="no reference for c"):
        onto_rwr(np.ones((30, 2)), np.repeat(["a", "b", "c"], 10), np.eye(2), ["a", "b"])
