"""What names something in YAML stays what is written, and nothing is dropped."""

from pathlib import Path

import pytest

from scarena.base.errors import ConfigError
from scarena.base.untrusted import read_yaml
from scarena.base.validated import read_own_yaml
from scarena.base.yaml_data import plain_data


@pytest.mark.parametrize(
    "key", ["1.0", "01", "Yes", "ON", "12:30", "1e3", "null", "~", "0x1F", "2020-01-01", "NaN", "1_000"]
)
def test_a_key_is_the_text_that_is_written(key):
    assert plain_data(f"{key}: x\nother: 1\n") == {key: "x", "other": 1}


@pytest.mark.parametrize("value", ["1.0", "01", "Yes", "12:30", "2020-01-01"])
def test_values_of_a_map_of_text_are_text_too(value):
    assert plain_data(f"a: {value}\nb: null\nc:\n", typed=False) == {"a": value, "b": None, "c": None}


@pytest.mark.parametrize(
    "text", ["a: 1\na: 2\n", "x:\n  b: 1\n  c: 2\n  b: 3\n", "- {k: 1, 'k': 2}\n", "01: a\n'01': b\n"]
)
@pytest.mark.parametrize("read", [read_yaml, read_own_yaml])
def test_a_key_that_stands_twice_is_refused_wherever_it_stands(tmp_path, text, read):
    path = Path(tmp_path / "x.yaml")
    path.write_text(text)
    with pytest.raises(ConfigError, match="stands twice"):
        read(path, ConfigError, fix="correct it")


def test_a_users_own_file_may_merge_mappings_and_override_them(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("base: &b {one: 1, two: 2}\nmine:\n  <<: *b\n  two: 3\n")
    assert read_own_yaml(path, ConfigError, fix="")["mine"] == {"one": 1, "two": 3}


def test_a_key_that_is_no_text_is_refused():
    with pytest.raises(ValueError, match="no text"):
        plain_data("? [a, b]\n: 1\n")
