"""details.npz comes back as it was written, has the same bytes twice, and is refused by name where it does not fit."""

import numpy as np
import pytest

from scarena.base.errors import DataError
from scarena.base.files import write_json
from scarena.metrics.details import Details, ProfileScores
from scarena.steps.config import BoardConfig
from scarena.steps.record import Record
from scarena.steps.score import score_step
from scarena.tasks.details import read_details, type_graph, write_details

TYPES, TERMS = ("a", "b", "ü"), ("CL:1", "", "CL:2")
CONFUSION = np.array([[5, 1, 0], [0, 4, 0], [2, 0, 7]])
DISTANCES = np.array([[0, 1, np.nan], [1, 0, np.nan], [0.5, 0.25, np.nan]], np.float32)
WHOLE = Details(TYPES, TERMS, CONFUSION, TYPES, DISTANCES)
NUMBERS = np.array([[1, 0.2, 0.5, 0.1, 0.9, np.nan], [0, 0.5, 0.5, 0.1, 0.5, 0.7]], np.float32)
OF_RESPONSES = Details((), (), profiles=ProfileScores(("fold0 | ü", "fold1 | b"), NUMBERS))


def arrays(**changed):
    found = {
        "types": np.array(TYPES), "terms": np.array(TERMS), "confusion": CONFUSION, "graph_types": np.array(TYPES),
        "distances": DISTANCES, **changed,
    }  # fmt: skip
    return {key: value for key, value in found.items() if value is not None}


def same(found, expected):
    assert (found.types, found.terms, found.graph_types) == (expected.types, expected.terms, expected.graph_types)
    for one, other in ((found.confusion, expected.confusion), (found.distances, expected.distances)):
        assert (one is None) == (other is None)
        assert one is None or (one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f"))
    assert (found.profiles is None) == (expected.profiles is None)
    if found.profiles is not None:
        assert found.profiles.names == expected.profiles.names
        np.testing.assert_array_equal(found.profiles.numbers, expected.profiles.numbers)


@pytest.mark.parametrize(
    "details", [WHOLE, Details(TYPES, TERMS), Details((), ()), Details(TYPES, TERMS, CONFUSION), OF_RESPONSES]
)
def test_what_was_written_is_read_and_twice_is_the_same_bytes(tmp_path, details):
    for name in ("one.npz", "two.npz"):
        write_details(tmp_path / name, details)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    same(read_details(tmp_path / "one.npz"), details)


def test_a_run_from_before_there_were_details_has_none(tmp_path):
    assert read_details(tmp_path / "details.npz") is None


_NAMES = np.array(["a", "b"])
SPOILT = {
    "profile-numbers-alone": {"profile_scores": NUMBERS},
    "profiles-alone": {"profiles": _NAMES},
    "profiles-of-numbers": {"profiles": np.arange(2), "profile_scores": NUMBERS},
    "profiles-twice": {"profiles": _NAMES[[0, 0]], "profile_scores": NUMBERS},
    "profiles-escape": {"profiles": np.array(["a", "\x1b[2J"]), "profile_scores": NUMBERS},
    "profiles-narrow": {"profiles": _NAMES, "profile_scores": NUMBERS[:, :5]},
    "profiles-double": {"profiles": _NAMES, "profile_scores": NUMBERS.astype(float)},
    "profiles-infinite": {"profiles": _NAMES, "profile_scores": np.full((2, 6), np.inf, np.float32)},
    "terms": {"terms": np.array(["CL:1"])},
    "term-numbers": {"terms": np.arange(3)},
    "unsorted": {"types": np.array(["b", "a", "ü"])},
    "twice": {"types": np.array(["a", "a", "ü"])},
    "numbers": {"types": np.arange(3)},
    "square": {"types": np.array([["a", "b", "ü"]])},
    "escape": {"types": np.array(["\x1b[2J", "b", "ü"]), "graph_types": None, "distances": None},
    "no-types": {"types": None},
    "objects": {"confusion": CONFUSION.astype(object)},
    "wide": {"confusion": CONFUSION[:, :2]},
    "shares": {"confusion": CONFUSION / 5},
    "negative": {"confusion": CONFUSION - 1},
    "overflow": {"confusion": np.full((3, 3), 2**62)},
    "stranger": {"graph_types": np.array(["a", "b", "z"])},
    "few": {"graph_types": np.array(["a", "b"])},
    "far": {"distances": 2 * DISTANCES},
    "infinite": {"distances": np.full((3, 3), np.inf, np.float32)},
    "double": {"distances": DISTANCES.astype(float)},
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_file_whose_arrays_do_not_fit_is_refused_by_name(tmp_path, name):
    path = tmp_path / f"{name}.npz"
    np.savez(path, **arrays(**SPOILT[name]))
    with pytest.raises(DataError, match=rf"{name}\.npz: .+; .+"):
        read_details(path)


def test_the_distances_of_embedding_batches_and_ontology_are_of_the_same_types_in_one_order(tmp_path):
    consensus, onto = np.arange(9.0).reshape(3, 3), np.array([[0.0, 3.0, 5.0], [3.0, 0.0, 4.0], [5.0, 4.0, 0.0]])
    more = {"names": np.array(["left alone"]), "terms": np.array(["CL:0", "CL:1", "CL:2"]), "onto": onto}
    np.savez(tmp_path / "reference.npz", scgraph_types=np.array(TYPES), scgraph_distances=consensus, **more)
    found = type_graph(WHOLE, tmp_path / "reference.npz")
    assert (found.types, found.terms) == (TYPES, TERMS)
    assert np.array_equal(found.embedding, DISTANCES, equal_nan=True)
    assert np.array_equal(found.consensus, consensus)
    nan = np.nan
    assert np.array_equal(found.ontology, [[0, nan, 4], [nan, nan, nan], [4, nan, 0]], equal_nan=True)


def test_without_an_ontology_no_type_has_a_distance_there_and_without_scgraph_there_is_nothing_to_compare(tmp_path):
    place = tmp_path / "reference.npz"
    np.savez(place, scgraph_types=np.array(TYPES), scgraph_distances=np.eye(3))
    assert np.isnan(type_graph(WHOLE, place).ontology).all()
    assert type_graph(Details(TYPES, TERMS, CONFUSION), place) is None


def test_a_reference_about_other_types_is_an_error(tmp_path):
    np.savez(tmp_path / "reference.npz", scgraph_types=np.array(["a", "b", "c"]), scgraph_distances=np.eye(3))
    with pytest.raises(DataError, match="other types"):
        type_graph(WHOLE, tmp_path / "reference.npz")


def test_a_run_that_is_not_scored_keeps_no_details_of_an_earlier_one(tmp_path):
    record = Record(
        dataset="d", model="hvg", seed=0, state="failed(oom)", reason="big", card={}, fingerprint="f", versions={},
        commit="c", hardware={}, device="cpu", log="",
    )  # fmt: skip
    write_json(tmp_path / "record.json", record.model_dump(mode="json"))
    write_json(tmp_path / "reference.json", {"dataset": "d", "state": "ok", "reason": ""})
    write_details(tmp_path / "details.npz", WHOLE)
    board = BoardConfig(board="b", datasets=["d"], models=["hvg"], results=tmp_path)
    answer = score_step(tmp_path / "record.json", tmp_path / "reference.json", tmp_path / "scores.json", board)
    assert answer["state"] == "failed(oom)"
    assert not (tmp_path / "details.npz").exists()
