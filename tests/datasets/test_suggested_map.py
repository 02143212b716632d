"""The map of proposed terms is a file that add-dataset reads, whatever the labels are."""

import unicodedata

import pytest
import yaml

from scarena.base.errors import ConfigError, DataError
from scarena.base.untrusted import read_yaml
from scarena.datasets.proposals import Proposal, Suggestion
from scarena.datasets.suggested_map import map_text

SURE = Proposal("CL:0000236", "B cell", "exact", "label 'B cell'", 1.0)
LESS = Proposal("CL:0000787", "memory B cell", "shared words", "words of label 'memory B cell'", 0.5)


def written(tmp_path, suggestions):
    cells = {each.label: number for number, each in enumerate(suggestions, 1)}
    (tmp_path / "map.yaml").write_text(
        map_text(suggestions, cells, release="v1", of="'type' of x.h5ad"), encoding="utf-8"
    )
    return read_yaml(tmp_path / "map.yaml", ConfigError), (tmp_path / "map.yaml").read_text(encoding="utf-8")


def test_a_trusted_term_stands_and_others_are_comments_beside_null(tmp_path):
    found, text = written(tmp_path, [
        Suggestion("B", (SURE, LESS)), Suggestion("mem", (LESS,)), Suggestion("12", (), "looks like a number"),
    ])  # fmt: skip
    assert found == {"B": "CL:0000236", "mem": None, "12": None}
    assert text.count("#   or CL:0000787") == 2
    assert "looks like a number" in text
    assert "Nothing is applied" in text and "0.8" in text


@pytest.mark.parametrize(
    "label",
    [
        "1.0", "01", "Yes", "null", "~", "12:30", "-", "- a", "a: b", "a #b", "#", "[x]", "{x}", "*x", "&x", "!x", "%x",
        "@x", "`x`", "\"quoted\" 'twice'", "<b>B</b>", "? x", "x\u00a0y", "x\u2028y", "\ufeffB", "B ", " B", "",
        "T细胞", "🧬", "\u202eB",
        unicodedata.normalize("NFD", "Müller"), "x" * 500, "key: value # " * 30, "<<", "=", "0x1F", "2020-01-01",
    ],
)  # fmt: skip
def test_any_label_is_read_back_as_it_is(tmp_path, label):
    found, _ = written(tmp_path, [Suggestion(label, (SURE, LESS)), Suggestion("other", ())])
    assert found == {label: "CL:0000236", "other": None}


def test_a_long_map_keeps_its_terms_and_leaves_out_the_alternatives(tmp_path):
    many = [Suggestion(f"type {n} with a name of some length", (SURE, LESS, LESS, LESS)) for n in range(1500)]
    found, text = written(tmp_path, many)
    assert len(found) == 1500 and set(found.values()) == {"CL:0000236"}
    assert "#   or" not in text


def test_a_map_that_could_not_be_read_is_not_written():
    many = [Suggestion(f"{n} {'x' * 1000}", (SURE,)) for n in range(500)]
    with pytest.raises(DataError, match="500 labels"):
        map_text(many, dict.fromkeys((each.label for each in many), 1), release="v1", of="x")


def test_comments_hold_no_line_of_their_own_making(tmp_path):
    odd = Proposal("CL:0000236", "B\ncell: CL:0000001", "exact", "label\n'x'", 1.0)
    found, _ = written(tmp_path, [Suggestion("B", (odd, odd))])
    assert found == {"B": "CL:0000236"}
    assert yaml.safe_load("B: CL:0000236") == found
