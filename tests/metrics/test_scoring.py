"""Everything in one call, under the keys that the board knows."""

import numpy as np
import pytest

from scarena.base.errors import DataError, ModelError, OntologyError
from scarena.metrics import families, score_embedding
from scarena.metrics.reference import DatasetReference, dataset_reference, ontology_reference
from scarena.metrics.registry import METRICS, OF_EMBEDDING, keys_of
from scarena.metrics.scores import FAILED, NOT_APPLICABLE, OK

PARENTS = {"cell": [], "x": ["cell"], "y": ["cell"], "x0": ["x"], "x1": ["x"], "x2": ["x"], "y3": ["y"], "y4": ["y"]}
TERMS = ["x0", "x1", "x2", "y3", "y4", ""]
CONTRACT = {
    *("isolated_labels", "kmeans_nmi", "kmeans_ari", "leiden_nmi", "leiden_ari", "silhouette_label", "clisi"),
    *("silhouette_batch", "bras", "ilisi", "kbet", "graph_connectivity", "pcr", "bio", "batch", "total"),
    *("onto_rwr", "onto_rwr_published", "lcad", "lcad_symmetric", "lcad_all", "knn_accuracy", "knn_macro_f1"),
}


# Nothing to compare with: an embedding is no expression.
WITHOUT_VALUE = {"hvg_overlap"}


def reference_of(cells, **more):
    rng = np.random.default_rng(1)
    batches = [(cells.pre_pca[cells.batch == b], cells.labels[cells.batch == b]) for b in np.unique(cells.batch)]
    phases = cells.pre_pca[:, :2] + rng.normal(size=(len(cells.x), 2))
    return dataset_reference(cells.pre_pca, batch_pcas=batches, phase_scores=phases, **more)


@pytest.fixture(scope="module")
def terms(cells):
    term_of = dict(zip(sorted(set(cells.labels)), TERMS, strict=True))
    return [term_of[label] for label in cells.labels]


@pytest.fixture(scope="module")
def dataset(cells, terms):
    return {
        "batch": cells.batch,
        "labels": cells.labels,
        "reference": reference_of(cells),
        "ontology": ontology_reference(terms, PARENTS),
    }


@pytest.fixture(scope="module")
def noisy(cells):
    return cells.x + np.random.default_rng(0).normal(scale=3, size=cells.x.shape)


def states(scores, keys=OF_EMBEDDING):
    return {scores[key].state for key in keys}


def test_every_key_of_the_contract_is_scored_and_described(dataset, noisy):
    found = score_embedding(noisy, **dataset)
    assert set(METRICS) >= CONTRACT
    assert list(found) == list(OF_EMBEDDING)
    without = {key: score for key, score in found.items() if score.state != OK}
    assert set(without) == WITHOUT_VALUE, without
    for key in set(found) - WITHOUT_VALUE:
        score = found[key]
        assert METRICS[key].low - 0.05 <= score.value <= METRICS[key].high + 0.05, key
    left_out = f"{(dataset['labels'] == 'type 5').sum()} cells without a term left out"
    assert any(
        left_out in found[key].reason or "cells without a term" in found[key].reason for key in ("lcad", "lcad_all")
    )


def test_a_dataset_without_an_ontology_has_all_else(dataset, noisy):
    found = score_embedding(noisy, **{**dataset, "ontology": None})
    assert states(found, keys_of("ontology")) == {NOT_APPLICABLE}
    assert states(found, keys_of("transfer")) == {OK}


def test_reasons_of_the_dataset_rule_out_their_group(cells, dataset, noisy):
    reasons = {"batch": "batch is tissue", "ontology": "no terms", "rogi": "too few"}
    found = score_embedding(noisy, **{**dataset, "reference": reference_of(cells, not_applicable=reasons)})
    assert (found["rogi"].state, found["rogi_xd"].state) == (NOT_APPLICABLE, OK)
    assert states(found, [*keys_of("batch"), *keys_of("ontology"), "batch", "total"]) == {NOT_APPLICABLE}
    assert found["kbet"].reason == "batch is tissue"
    assert "5-fold" in found["knn_accuracy"].reason


def test_without_labels_only_what_needs_none_is_left(cells, dataset, noisy):
    reference = reference_of(cells, not_applicable={"labels": "unannotated"})
    found = score_embedding(noisy, **{**dataset, "labels": np.zeros(len(noisy)), "reference": reference})
    left = {key for key, score in found.items() if score.state == OK}
    structure = {"knn_preservation", "distance_correlation", "distance_emd", "effective_rank", "cell_cycle"}
    assert left == {"ilisi", "pcr", *structure}


def test_an_unknown_term_is_an_error_that_names_it(terms):
    with pytest.raises(OntologyError, match="CL:obsolete"):
        ontology_reference(["CL:obsolete" if term == "x0" else term for term in terms], PARENTS)


def test_a_broken_metric_is_a_state_of_its_keys_only(dataset, noisy, monkeypatch):
    def broken(inputs):
        raise RuntimeError("blew up")

    family = next(keys for keys in families.FAMILIES if "onto_rwr" in keys)
    monkeypatch.setitem(families.FAMILIES, family, broken)
    found = score_embedding(noisy, **dataset)
    assert states(found, family) == {FAILED}
    assert found["bio"].state == found["lcad_all"].state == OK


def test_wrong_input_is_an_error_before_anything_is_computed(dataset, noisy):
    with pytest.raises(ModelError, match="NaN"):
        score_embedding(np.where(noisy > 2, np.nan, noisy), **dataset)
    with pytest.raises(DataError, match="no group"):
        score_embedding(noisy, **{**dataset, "reference": DatasetReference(not_applicable={"bach": "typo"})})
    with pytest.raises(DataError, match="term_ids"):
        score_embedding(noisy, **{**dataset, "ontology": ontology_reference(["x0"], PARENTS)})


def test_every_metric_is_described():
    for key, info in METRICS.items():
        assert info.key == key
        assert info.low < info.high
        assert info.definition and info.failure and info.source
