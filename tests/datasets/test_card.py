"""A card is either right or one line says which key of which file is not."""

import subprocess
import sys

import pytest
import yaml

from scarena.base.errors import CardError
from scarena.datasets.card import card_names, load_card, parse_card

GOOD = {
    "name": "mine",
    "title": "t",
    "description": "d",
    "files": [{"key": "h5ad", "url": "https://example.org/x.h5ad"}],
    "reader": {"name": "h5ad"},
}


def write(folder, **changes):
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(GOOD | changes))
    return path


def test_a_card_of_ones_own_is_found_by_name_and_by_path(tmp_path):
    path = write(tmp_path)
    assert load_card("mine", tmp_path) == load_card(str(path))
    assert set(card_names(tmp_path)) - set(card_names()) == {"mine"}


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(CardError, match=r"'baron1'.*did you mean 'baron_h1'"):
        load_card("baron1")


def test_a_card_under_another_name_than_its_file_is_refused(tmp_path):
    write(tmp_path, name="other")
    with pytest.raises(CardError, match=r"rename the file to other\.yaml"):
        load_card("mine", tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"extra": 1}, "extra"),
        ({"labels": {"B": "CL:12"}}, "labels.B"),
        ({"files": []}, "files"),
        ({"role": "toy"}, "role"),
        ({"name": "../up"}, "name"),
        ({"not_applicable": {"speed": "x"}}, "not_applicable.speed"),
        ({"files": [dict(file) for file in GOOD["files"] * 2]}, "two files have the same key"),
        ({"files": [{"key": "a", "url": "http://example.org/x"}]}, "files.0.url"),
        ({"files": [{"key": "a", "url": "pypi:w==1"}]}, "files.0.url"),
        ({"files": [{"key": "a", "url": "pypi:--index-url=https://example.org/==1#x"}]}, "files.0.url"),
        ({"files": [{"key": "a", "url": "https://example.org/x", "sha256": "abc"}]}, "files.0.sha256"),
        ({"reader": {"name": "r"}}, "needs the sha256"),
        ({"reader": {"name": "joined", "options": {"parts": [{"reader": "r"}]}}}, "needs the sha256"),
        ({"reader": {"name": "inferred", "options": {"types": {"reader": "r"}}}}, "needs the sha256"),
        (
            {
                "reader": {
                    "name": "inferred",
                    "options": {"cells": {"reader": "joined", "options": {"parts": [{"reader": "r"}]}}},
                }
            },
            "needs the sha256",
        ),
    ],
)
def test_a_bad_key_is_one_line_with_the_file_and_the_key(tmp_path, changes, words):
    path = write(tmp_path, **changes)
    with pytest.raises(CardError) as caught:
        load_card("mine", tmp_path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"- 1\n", b"a: [\n", b"\xff\xfe\x00"])
def test_a_file_that_is_no_card_is_one_line(tmp_path, content):
    (tmp_path / "mine.yaml").write_bytes(content)
    with pytest.raises(CardError, match=r"mine\.yaml"):
        load_card("mine", tmp_path)


def test_a_card_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        parse_card(GOOD, "test").name = "other"


def test_listing_the_cards_imports_nothing_heavy():
    code = (
        "import sys; from scarena.datasets.card import card_names, load_card; [load_card(n) for n in card_names()]; "
        "sys.exit(', '.join({'anndata', 'pandas', 'scipy', 'torch', 'scanpy'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
