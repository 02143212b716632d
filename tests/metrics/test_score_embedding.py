"""Everything in one call, under the keys that the board knows."""

import numpy as np
import pytest

from scarena.errors import DataError, ModelError
from scarena.metrics.ontology_graph import ontology_embedding
from scarena.metrics.registry import METRICS, keys_of
from scarena.metrics.score_embedding import score_embedding
from scarena.metrics.scores import FAILED, NOT_APPLICABLE, OK

PARENTS = {"cell": [], "x": ["cell"], "y": ["cell"], "x0": ["x"], "x1": ["x"], "x2": ["x"], "y3": ["y"], "y4": ["y"]}
TERMS = ["x0", "x1", "x2", "y3", "y4", ""]
CONTRACT = {
    *("isolated_labels", "kmeans_nmi", "kmeans_ari", "leiden_nmi", "leiden_ari", "silhouette_label", "clisi"),
    *("silhouette_batch", "bras", "ilisi", "kbet", "graph_connectivity", "pcr", "bio", "batch", "total"),
    *("onto_rwr", "onto_rwr_published", "lcad", "lcad_symmetric", "lcad_all", "knn_accuracy", "knn_macro_f1"),
}


@pytest.fixture(scope="module")
def dataset(cells):
    term_of = dict(zip(sorted(set(cells.labels)), TERMS, strict=True))
    return {
        "batch": cells.batch,
        "labels": cells.labels,
        "term_ids": [term_of[label] for label in cells.labels],
        "parents": PARENTS,
        "onto_reference": ontology_embedding(PARENTS),
        "pre_pca": cells.pre_pca,
    }


@pytest.fixture(scope="module")
def noisy(cells):
    return cells.x + np.random.default_rng(0).normal(scale=3, size=cells.x.shape)


def states(scores, keys=METRICS):
    return {scores[key].state for key in keys}


def test_every_key_of_the_contract_is_scored_and_described(dataset, noisy):
    found = score_embedding(noisy, **dataset)
    assert set(METRICS) >= CONTRACT
    assert list(found) == list(METRICS)
    assert states(found) == {OK}, {key: score for key, score in found.items() if score.state != OK}
    for key, score in found.items():
        assert METRICS[key].low - 0.05 <= score.value <= METRICS[key].high + 0.05, key
    left_out = f"{(dataset['labels'] == 'type 5').sum()} cells without a term left out"
    assert any(
        left_out in found[key].reason or "cells without a term" in found[key].reason for key in ("lcad", "lcad_all")
    )


def test_a_dataset_without_an_ontology_has_all_else(dataset, noisy):
    found = score_embedding(noisy, **{**dataset, "term_ids": None})
    assert states(found, keys_of("ontology")) == {NOT_APPLICABLE}
    assert states(found, keys_of("transfer")) == {OK}


def test_reasons_of_the_dataset_rule_out_their_group(dataset, noisy):
    found = score_embedding(noisy, **dataset, not_applicable={"batch": "batch is tissue", "ontology": "no terms"})
    assert states(found, [*keys_of("batch"), *keys_of("ontology"), "batch", "total"]) == {NOT_APPLICABLE}
    assert found["kbet"].reason == "batch is tissue"
    assert "5-fold" in found["knn_accuracy"].reason


def test_without_labels_only_what_looks_at_batches_is_left(dataset, noisy):
    found = score_embedding(noisy, **dataset, not_applicable={"labels": "unannotated"})
    assert {key for key, score in found.items() if score.state == OK} == {"ilisi", "pcr"}


def test_an_unknown_term_fails_the_ontology_and_nothing_else(dataset, noisy):
    terms = ["CL:obsolete" if term == "x0" else term for term in dataset["term_ids"]]
    found = score_embedding(noisy, **{**dataset, "term_ids": terms})
    assert states(found, keys_of("ontology")) == {FAILED}
    assert "CL:obsolete" in found["lcad"].reason
    assert found["bio"].state == OK


def test_wrong_input_is_an_error_before_anything_is_computed(dataset, noisy):
    with pytest.raises(ModelError, match="NaN"):
        score_embedding(np.where(noisy > 2, np.nan, noisy), **dataset)
    with pytest.raises(DataError, match="no group"):
        score_embedding(noisy, **dataset, not_applicable={"bach": "typo"})
    with pytest.raises(DataError, match="term_ids"):
        score_embedding(noisy, **{**dataset, "term_ids": ["x0"]})


def test_every_metric_is_described():
    for key, info in METRICS.items():
        assert info.key == key
        assert info.low < info.high
        assert info.definition and info.failure and info.source
