"""What is kept beside the scores is what they were computed from, and costs no second search for neighbours."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import trim_mean
from sklearn.metrics import confusion_matrix

from scarena.metrics import dataset_reference, label_transfer, ontology_reference, score_embedding
from scarena.metrics.details import MAX_TYPES
from scarena.metrics.label_transfer import transfer_labels

PARENTS = {"cell": [], "x": ["cell"], "y": ["cell"], "x0": ["x"], "x1": ["x"], "y3": ["y"]}
# Two types of one term, and one without.
TERMS = ("x0", "x1", "x1", "y3", "x", "")


@pytest.fixture(scope="module")
def dataset(cells):
    term_of = dict(zip(sorted(set(cells.labels)), TERMS, strict=True))
    batches = [(cells.pre_pca[cells.batch == b], cells.labels[cells.batch == b]) for b in np.unique(cells.batch)]
    return {
        "batch": cells.batch, "labels": cells.labels, "reference": dataset_reference(batch_pcas=batches),
        "ontology": ontology_reference([term_of[label] for label in cells.labels], PARENTS),
    }  # fmt: skip


@pytest.fixture(scope="module")
def noisy(cells):
    return (cells.x + np.random.default_rng(0).normal(scale=3, size=cells.x.shape)).astype(np.float32)


def details(x, dataset, *metrics):
    return score_embedding(x, **dataset, metrics=metrics, n_replicates=0, n_jobs=1).details


def test_the_confusion_is_that_of_the_transferred_labels(cells, dataset, noisy):
    found = details(noisy, dataset, "knn_accuracy")
    predicted = transfer_labels(noisy, batch=cells.batch, labels=cells.labels).predicted
    assert found.types == tuple(sorted(set(cells.labels))) and found.terms == TERMS
    assert found.confusion.dtype == np.int64
    assert (found.confusion == confusion_matrix(cells.labels, predicted, labels=found.types)).all()
    assert 0 < np.trace(found.confusion) < found.confusion.sum() == len(cells.labels)


def test_labels_are_transferred_once_for_scores_and_details_and_not_at_all_for_details_alone(
    dataset, noisy, monkeypatch
):
    calls = []

    def counted(*given, **options):
        calls.append(1)
        return transfer_labels(*given, **options)

    monkeypatch.setattr(label_transfer, "transfer_labels", counted)
    assert details(noisy, dataset, "knn_accuracy", "lcad_all", "scgraph_corr").confusion is not None
    assert len(calls) == 1
    assert details(noisy, dataset, "effective_rank").confusion is None
    assert len(calls) == 1


def test_the_distances_between_types_are_those_of_trimmed_centroids_over_the_farthest_of_each_column(
    cells, dataset, noisy
):
    found = details(noisy, dataset, "scgraph_corr")
    points = np.array([trim_mean(noisy[cells.labels == name], 0.05, axis=0) for name in found.graph_types])
    expected = cdist(points, points)
    assert found.graph_types == dataset["reference"].scgraph.types
    assert found.distances.dtype == np.float32
    assert found.distances == pytest.approx(expected / expected.max(axis=0), abs=2e-6)


def test_without_scgraph_there_are_no_distances_and_without_an_ontology_no_terms(dataset, noisy):
    asked = {**dataset, "reference": dataset_reference(), "ontology": None}
    found = details(noisy, asked, "knn_accuracy", "scgraph_corr")
    assert found.distances is None and found.graph_types == ()
    assert found.terms == ("",) * 6 and found.confusion is not None


def test_of_more_types_than_a_matrix_is_of_use_for_nothing_is_kept():
    n_cells = 2 * (MAX_TYPES + 1)
    x, labels = np.random.default_rng(0).normal(size=(n_cells, 2)), np.arange(n_cells) % (MAX_TYPES + 1)
    given = {"batch": np.arange(n_cells) // (MAX_TYPES + 1), "labels": labels}
    found = score_embedding(x, **given, metrics=["knn_accuracy"], n_replicates=0, n_jobs=1)
    assert found["knn_accuracy"].state == "ok"
    assert (found.details.types, found.details.confusion) == ((), None)
