"""A name on disk always means a whole file."""

import json

import pytest

from scarena.base.errors import ConfigError
from scarena.base.files import read_json, replacing, write_json


def test_an_interrupted_write_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"x": 1})
    with pytest.raises(KeyboardInterrupt), replacing(path) as part:
        part.write_text("half")
        raise KeyboardInterrupt
    assert read_json(path) == {"x": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_nan_is_refused_so_that_a_missing_number_must_be_null(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert not (tmp_path / "a.json").exists()


def test_json_is_the_same_for_any_order_of_keys(tmp_path):
    write_json(tmp_path / "a.json", {"x": 1, "y": 2})
    write_json(tmp_path / "b.json", {"y": 2, "x": 1})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": 1, "y": 2}


def test_an_error_is_one_line_that_says_where_and_what_to_do():
    line = str(ConfigError("bad\nvalue", where="file.yaml: key", fix="write another"))
    assert line == "config error: file.yaml: key: bad value; write another"
