"""A gzipped HDF5 file is read as the file in it, and a damaged one is one line."""

import gzip
import hashlib

import pytest

from scarena.base.errors import SourceError
from scarena.datasets.card import parse_card
from scarena.datasets.sources import pull

CONTENT = bytes(range(256)) * 5000


@pytest.fixture
def packed(tmp_path):
    """A maker of cards for a gzip, and the gzip."""
    path = tmp_path / "cells.h5ad.gz"
    path.write_bytes(gzip.compress(CONTENT))

    def card(**more):
        file = {"key": "data", "url": f"file:{path}", "unpack": "gzip", **more}
        raw = {"name": "d", "title": "d", "description": "d", "files": [file], "reader": {"name": "h5ad"}}
        return parse_card(raw, "test")

    return card, path


def test_what_a_gzip_holds_is_what_the_reader_gets(packed, tmp_path):
    card, path = packed
    found = pull(card(sha256=hashlib.sha256(path.read_bytes()).hexdigest()), cache=tmp_path / "cache")["data"]
    assert found.read_bytes() == CONTENT


def test_the_checksum_is_of_the_packed_file(packed, tmp_path):
    card, _ = packed
    with pytest.raises(SourceError, match="altered"):
        pull(card(sha256=hashlib.sha256(CONTENT).hexdigest()), cache=tmp_path / "cache")


def test_it_is_unpacked_once_and_again_if_that_rotted(packed, tmp_path):
    card, _ = packed
    found = pull(card(), cache=tmp_path / "cache")["data"]
    made = found.stat().st_mtime_ns
    assert pull(card(), cache=tmp_path / "cache")["data"].stat().st_mtime_ns == made
    found.write_bytes(CONTENT[:-1] + b"x")
    assert pull(card(), cache=tmp_path / "cache")["data"].read_bytes() == CONTENT


@pytest.mark.parametrize("spoil", [lambda b: b[:-9], lambda b: b[:40] + b"\xff" * 9 + b[49:], lambda b: CONTENT])
def test_a_damaged_one_is_one_line_and_leaves_nothing(packed, tmp_path, spoil):
    card, path = packed
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(SourceError, match=r"cells\.h5ad\.gz.*not a readable gzip") as caught:
        pull(card(), cache=tmp_path / "cache")
    assert "\n" not in str(caught.value)
    assert not [each for each in (tmp_path / "cache").rglob("*") if each.is_file()]


def test_a_gzip_that_unpacks_to_far_more_than_counts_would_is_refused(packed, tmp_path):
    card, path = packed
    path.write_bytes(gzip.compress(bytes(300 << 20), 9))
    with pytest.raises(SourceError, match="no counts or vectors compress that well"):
        pull(card(), cache=tmp_path / "cache")


def test_cards_that_pack_nothing_stay_the_same(packed):
    card, _ = packed
    assert card().model_dump()["files"][0]["unpack"] == "gzip"
    assert "unpack" not in card(unpack=None).model_dump()["files"][0]
