"""Type centroids hold what OntoRWR, scGraph and PCR ask for, wherever the data have it."""

import numpy as np
import pytest

from scarena.metrics.pcr import explained_variance
from scarena.models.base import Context
from scarena.models.controls.centroids import MOST_MOVED, NOISE, Centroids, centroids_of, levelled
from scarena.models.embedding import hand_over
from scarena.models.expression import principal_components
from scarena.models.registry import find_model

NOISES = ("random-2", "random-64", "random-512", "shuffled")


def codes(column):
    return np.unique(column.astype(str), return_inverse=True)[1]


def composed(table):
    """Types and batches of cells, from a table [n_batches, n_types] of how many there are."""
    batches, types = np.nonzero(table)
    times = np.asarray(table)[batches, types]
    return np.repeat(types, times), np.repeat(batches, times)


PLACES = np.random.default_rng(0).normal(size=(6, 10))
UNEVEN = np.array([[50, 40, 60, 50, 45, 55], [60, 50, 40, 40, 55, 55], [40, 55, 50, 60, 50, 45]])


def test_a_cell_is_at_the_centroid_of_its_type_but_for_a_little_noise(cells):
    found = Centroids().embed(hand_over(cells, Centroids.card), Context()).astype(float)
    types = codes(cells.obs["cell_type"])
    inner = found - centroids_of(found, types)[types]
    assert np.sqrt((inner**2).sum(axis=1).mean()) == pytest.approx(NOISE * np.sqrt(found.var(axis=0).sum()), rel=0.1)


def test_types_are_as_far_apart_as_in_the_components_where_batches_have_equal_shares(cells):
    found = Centroids().embed(hand_over(cells, Centroids.card), Context())
    types = codes(cells.obs["cell_type"])

    def apart(vectors):
        places = centroids_of(vectors.astype(float), types)
        return np.linalg.norm(places[:, None] - places, axis=2)

    assert apart(found) == pytest.approx(apart(principal_components(cells, 0)), rel=0.05)


def test_a_type_has_one_place_in_all_batches():
    types, batches = composed(UNEVEN)
    places, moved = levelled(PLACES, types, batches)
    assert places.shape == PLACES.shape and 0 < moved <= MOST_MOVED


@pytest.mark.parametrize("table", [UNEVEN, UNEVEN[:2], UNEVEN * 20, np.array([[9, 1, 5, 5, 5, 5], [1, 9, 5, 5, 5, 5]])])
def test_batches_explain_less_than_they_do_of_noise(table):
    types, batches = composed(table)
    places, moved = levelled(PLACES, types, batches)
    chance = (len(table) - 1) / (len(types) - 1)
    assert moved > 0 and explained_variance(places[types], batches)[0] <= 0.5 * chance + 1e-12
    assert explained_variance(PLACES[types], batches)[0] > 0.5 * chance


def test_no_other_places_with_means_as_level_are_nearer():
    types, batches = composed(UNEVEN)
    places, _ = levelled(PLACES, types, batches)
    sizes, rng = np.bincount(types)[:, None], np.random.default_rng(1)

    def uneven(at):
        vectors = at[types]
        return (vectors - vectors.mean(axis=0)).var() * explained_variance(vectors, batches)[0]

    far, closer = (sizes * (places - PLACES) ** 2).sum(), 0
    for scale in np.repeat([0.001, 0.01, 0.1], 500):
        other = places + scale * rng.normal(size=places.shape)
        if uneven(other) <= uneven(places):
            closer += 1
            assert (sizes * (other - PLACES) ** 2).sum() >= far - 1e-9
    assert closer > 50


@pytest.mark.parametrize(
    "table",
    [
        [[100, 100, 100]], [[50, 40, 30], [50, 40, 30]], [[200, 0, 0], [0, 200, 0], [0, 0, 200]],
        [[90, 5, 5], [5, 90, 5], [5, 5, 90]],
    ],
)  # fmt: skip
def test_with_one_batch_equal_shares_or_types_of_one_batch_nothing_moves(table):
    types, batches = composed(table)
    places, moved = levelled(PLACES[:3], types, batches)
    assert moved == 0 and np.allclose(places, PLACES[:3])


def test_the_sign_of_a_component_changes_nothing(cells, monkeypatch):
    from scarena.models.controls import centroids as module

    data = hand_over(cells, Centroids.card)
    before = Centroids().embed(data, Context())
    sign = np.where(np.arange(before.shape[1]) % 2, -1, 1)
    monkeypatch.setattr(module, "principal_components", lambda d, s: principal_components(d, s) * sign)
    assert np.array_equal(Centroids().embed(data, Context()), before)


@pytest.fixture(scope="module")
def prepared(cache, tmp_path_factory):
    """The demo's datasets with what their scores are compared with, by name."""
    from scarena.datasets.prepared import read_prepared
    from scarena.steps.config import BoardConfig
    from scarena.steps.sequence import dataset_steps
    from scarena.tasks.dataset_reference import read

    names = ["baron_h1", "li_lines", "pollen"]
    config = BoardConfig(
        board="b", datasets=names, models=["pca"], results=tmp_path_factory.mktemp("results"), cache=cache
    )
    for name in names:
        for _, step in dataset_steps(name, config):
            assert step()["state"] == "ok"
    places = {name: config.folder / name for name in names}
    return {name: (read_prepared(at / "dataset.h5ad"), read(at / "reference.npz")) for name, at in places.items()}


@pytest.mark.parametrize(
    ("dataset", "metrics"),
    [
        ("baron_h1", ("onto_rwr", "onto_rwr_balanced", "scgraph_rank", "scgraph_corr", "pcr")),
        ("li_lines", ("scgraph_rank", "scgraph_corr", "scgraph_weighted", "pcr")),
        ("pollen", ("scgraph_rank", "scgraph_corr", "scgraph_weighted")),
    ],
)
def test_on_published_data_they_score_better_than_any_noise_and_labels_do_not(prepared, dataset, metrics, one_thread):
    from scarena.metrics import score_embedding

    data, known = prepared[dataset]
    told = {}
    for name in ("centroids", "labels", *NOISES):
        model = find_model(name)
        scores = score_embedding(
            model().embed(hand_over(data, model.card), Context()), batch=known.batch, labels=known.labels,
            reference=known.reference, ontology=known.ontology, metrics=list(metrics), n_replicates=0, n_jobs=1,
        )  # fmt: skip
        told[name] = {key: scores[key].value for key in metrics}
    for key in metrics:
        noise = max(told[name][key] for name in NOISES)
        assert told["labels"][key] <= noise < told["centroids"][key], key
