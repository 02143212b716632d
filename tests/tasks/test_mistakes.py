"""What the board says of mistakes adds up to the scores it stands beside."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scarena.metrics import ontology_reference, score_embedding
from scarena.metrics.details import Details, confusion_of
from scarena.metrics.lcad import lca_distances, lcad_of_labels
from scarena.metrics.measured import Undefined
from scarena.metrics.ontology_graph import OntologyEmbedding
from scarena.tasks.mistakes import all_mistakes, edges_between, mistakes_of

# x0 is below x; "other" is a root of its own.
PARENTS = {"cell": [], "x": ["cell"], "y": ["cell"], "x0": ["x"], "x00": ["x0"], "y3": ["y"], "other": []}
TYPES = tuple("abcdefg")
# Two types of one term, two without any, one that has no ancestor in common with the others.
TERMS = ("x00", "y3", "x00", "", "", "other", "x")


def mean_distance(mistakes):
    """Return Σ distance · cells / the cells that have one."""
    return sum(step * cells for step, cells in mistakes["by_distance"] if step is not None) / mistakes["n_compared"]


def mistakes(confusion, terms=TERMS, types=TYPES):
    return mistakes_of(Details(types, terms, np.asarray(confusion, np.int64)), edges_between(terms, PARENTS))


def only(true, predicted, cells=1):
    found = np.zeros((7, 7), int)
    found[TYPES.index(true), TYPES.index(predicted)] = cells
    return found


@pytest.mark.parametrize(
    ("true", "predicted", "distance"),
    [
        ("a", "b", 3), ("b", "a", 2), ("a", "g", 2), ("g", "a", 0), ("a", "c", 0),
        ("a", "d", None), ("d", "a", None), ("d", "e", None), ("a", "f", None),
    ],
)  # fmt: skip
def test_a_distance_goes_from_the_truth_up_to_where_the_two_meet_or_is_none(true, predicted, distance):
    found = mistakes(only(true, predicted, 4))
    assert found["by_distance"] == [[distance, 4]]
    assert found["confused"] == [[true, predicted, 4, distance]]
    assert (found["n_cells"], found["n_wrong"]) == (4, 4)


def test_right_cells_are_no_mistakes_and_are_compared_where_their_type_has_a_term():
    found = mistakes(np.diag([3, 0, 1, 5, 0, 2, 0]))
    assert found == {"n_cells": 11, "n_wrong": 0, "n_compared": 6, "by_distance": [], "confused": []}


def test_the_most_frequent_pairs_come_first_and_equally_frequent_ones_by_name():
    confusion = np.full((7, 7), 2) + only("e", "a", 5) + only("b", "g", 1)
    found = mistakes(confusion)["confused"]
    assert [tuple(pair[:3]) for pair in found] == [
        ("e", "a", 7), ("b", "g", 3), *(("a", other, 2) for other in "bcdefg"),
    ]  # fmt: skip


def test_distances_rise_and_those_without_one_come_last():
    found = mistakes(np.ones((7, 7)))
    steps = [step for step, _ in found["by_distance"]]
    assert steps == [0, 1, 2, 3, None]
    assert all(type(value) is int for pair in found["by_distance"] for value in pair if value is not None)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=60))
@settings(deadline=None, max_examples=200)
def test_cells_add_up_and_the_mean_distance_is_the_metric(pairs):
    # Only a type that some cell has can be predicted, and the metric finds its term in these cells.
    pairs = [*pairs, *((guess, true) for true, guess in pairs)]
    codes, guess = np.array(pairs).T
    labels, predicted = np.array(TYPES)[codes], np.array(TYPES)[guess]
    confusion = confusion_of(codes, np.array(TYPES), predicted)
    found = mistakes(confusion)
    assert found["n_cells"] == len(pairs)
    assert sum(cells for _, cells in found["by_distance"]) == found["n_wrong"] == (labels != predicted).sum()
    table = lca_distances(PARENTS, sorted({*TERMS} - {""}))
    try:
        measured = lcad_of_labels(labels, predicted, np.array(TERMS)[codes], table)["lcad_all"]
    except Undefined:
        measured = Undefined()
    if isinstance(measured, Undefined):
        assert found["n_compared"] == 0
    else:
        assert mean_distance(found) == pytest.approx(measured.value, abs=1e-9)


def test_a_run_without_transferred_labels_has_no_mistakes_and_without_terms_needs_no_ontology():
    confusion = np.array([[1, 2], [0, 3]])
    details = {
        ("d", "a", 0): Details(("s", "t"), ("", ""), confusion),
        ("d", "b", 0): Details(("s", "t"), ("", "")),
    }
    assert all_mistakes(details, {}) == {
        ("d", "a", 0): {
            "n_cells": 6, "n_wrong": 2, "n_compared": 0, "by_distance": [[None, 2]],
            "confused": [["s", "t", 2, None]],
        }
    }  # fmt: skip


def test_on_real_cells_the_mean_distance_and_the_share_of_mistakes_are_those_of_the_metrics(cache):
    from scarena.datasets.card import load_card
    from scarena.datasets.ontology import CellOntology
    from scarena.datasets.prepare import prepare

    ontology = CellOntology.load()
    data = prepare(load_card("baron_h1"), cache=cache, ontology=ontology)
    labels, batch = (data.obs[key].astype(str).to_numpy() for key in ("cell_type", "batch"))
    # OntoRWR is not asked for, and its embedding of all terms takes long.
    nowhere = OntologyEmbedding(tuple(sorted(ontology.parents)), np.zeros((len(ontology.parents), 1)))
    view = ontology_reference(data.obs["cell_type_id"].astype(str), ontology.parents, nowhere)
    x = np.log1p(data.X[:, np.argsort(-np.asarray(data.X.sum(axis=0)).ravel())[:30]].toarray())
    asked = ["knn_accuracy", "lcad_all", "lcad_errors"]
    scores = score_embedding(x, batch=batch, labels=labels, ontology=view, metrics=asked, n_replicates=0, n_jobs=1)
    found = mistakes_of(scores.details, edges_between(scores.details.terms, ontology.parents))
    assert mean_distance(found) == pytest.approx(scores["lcad_all"].value, abs=1e-9)
    assert 1 - found["n_wrong"] / found["n_cells"] == pytest.approx(scores["knn_accuracy"].value, abs=1e-9)
    assert 100 < scores["lcad_errors"].value <= found["n_wrong"]
