"""The embedding of an ontology is computed once, and found again for as long as nothing it depends on changes."""

import numpy as np
import pytest

from scarena.datasets.ontology import CellOntology
from scarena.tasks import ontology_reference as module
from scarena.tasks.ontology_reference import read_reference, write_reference

PARENTS = {"CL:1": (), "CL:2": ("CL:1",), "CL:3": ("CL:1",), "CL:4": ("CL:2",), "CL:5": ("CL:3",)}


def ontology(parents=PARENTS, release="r"):
    return CellOntology(release, {term: f"name of {term}" for term in parents}, parents, {})


@pytest.fixture
def computed(monkeypatch):
    """How often it was computed."""
    times, compute = [], module.ontology_embedding

    def counted(parents):
        times.append(len(parents))
        return compute(parents)

    monkeypatch.setattr(module, "ontology_embedding", counted)
    return times


def test_what_is_kept_is_what_is_computed_to_the_last_byte(tmp_path, computed):
    write_reference(tmp_path / "alone.npz", ontology())
    for board in ("first", "second"):
        write_reference(tmp_path / f"{board}.npz", ontology(), tmp_path / "kept")
    assert computed == [5, 5]
    alone, first, second = ((tmp_path / f"{name}.npz").read_bytes() for name in ("alone", "first", "second"))
    assert alone == first == second
    found = read_reference(tmp_path / "second.npz")
    assert (found.release, found.parents) == ("r", PARENTS)


def test_another_graph_or_other_code_is_computed_and_another_name_of_the_same_is_not(tmp_path, computed, monkeypatch):
    kept = tmp_path / "kept"
    write_reference(tmp_path / "o.npz", ontology(), kept)
    write_reference(tmp_path / "o.npz", ontology(release="other"), kept)
    assert computed == [5] and read_reference(tmp_path / "o.npz").release == "other"
    write_reference(tmp_path / "o.npz", ontology({**PARENTS, "CL:5": ("CL:2",)}), kept)
    assert len(computed) == 2
    code = tmp_path / "code.py"
    code.write_text("other")
    monkeypatch.setattr(module.ontology_graph, "__file__", str(code))
    write_reference(tmp_path / "o.npz", ontology(), kept)
    assert len(computed) == len(list(kept.iterdir())) == 3


@pytest.mark.parametrize("content", [b"", b"PK torn", None])
def test_a_damaged_one_is_made_again(tmp_path, computed, content):
    kept = tmp_path / "kept"
    write_reference(tmp_path / "whole.npz", ontology(), kept)
    (place,) = kept.iterdir()
    if content is None:
        np.savez(place, terms=np.array(["CL:1"]), diffusion=np.zeros((2, 2)))
    else:
        place.write_bytes(content)
    for _ in range(2):
        write_reference(tmp_path / "again.npz", ontology(), kept)
    assert computed == [5, 5]
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()


def test_a_place_that_cannot_be_written_is_done_without(tmp_path, computed):
    (tmp_path / "kept").write_text("a file")
    write_reference(tmp_path / "o.npz", ontology(), tmp_path / "kept")
    assert computed == [5] and read_reference(tmp_path / "o.npz").release == "r"
