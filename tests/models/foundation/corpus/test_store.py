"""The reader: what is damaged is named, and what a dataset does not measure is known."""

import shutil

import numpy as np
import pytest

from scarena.base.errors import DataError
from scarena.base.files import read_json, write_json
from scarena.models.foundation.corpus.store import Corpus


@pytest.fixture
def copy(corpus, tmp_path):
    return shutil.copytree(corpus.folder, tmp_path / "copy")


def test_measured_are_the_genes_of_the_dataset_within_the_vocabulary(corpus, two):
    for number, group in enumerate(corpus.groups):
        assert np.array_equal(corpus.measured(number), np.isin(corpus.genes, two[group.dataset].var_names))
    assert not corpus.measured(0).all()


def test_the_chunks_of_the_groups_are_all_chunks_once(corpus):
    numbers = corpus.chunks_of_groups()
    assert sorted(np.concatenate(numbers)) == list(range(len(corpus.chunks)))
    for group, own in enumerate(numbers):
        assert {corpus.chunk(int(number)).group for number in own} == {group}


def test_chunks_are_mapped_and_not_read(corpus):
    chunk = corpus.chunk(0)
    assert isinstance(chunk.genes, np.memmap)
    assert not chunk.genes.flags.writeable
    assert (chunk.genes.dtype, chunk.counts.dtype, chunk.depth.dtype) == (np.uint16, np.uint16, np.uint32)


@pytest.mark.parametrize("name", ["shard-00001/genes.npy", "chunks.npy", "genes.txt"])
def test_a_truncated_or_missing_file_is_named(name, copy):
    path = copy / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=f"{name}: truncated or altered.*build the corpus anew"):
        Corpus.open(copy)
    path.unlink()
    with pytest.raises(DataError, match=f"{name}: missing"):
        Corpus.open(copy)


def test_an_altered_byte_is_found_when_asked_for(copy):
    path = copy / "shard-00001" / "counts.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert Corpus.open(copy).n_cells == 240
    with pytest.raises(DataError, match=r"shard-00001/counts\.npy.*sha256"):
        Corpus.open(copy, verify=True)


def test_a_shard_with_pickled_or_no_arrays_is_refused_when_it_is_read(copy):
    size = (copy / "shard-00000" / "names.npy").stat().st_size
    np.save(copy / "shard-00000" / "names.npy", np.array([{}], dtype=object), allow_pickle=True)
    manifest = read_json(copy / "manifest.json")
    manifest["files"]["shard-00000/names.npy"]["bytes"] = (copy / "shard-00000" / "names.npy").stat().st_size
    write_json(copy / "manifest.json", manifest)
    assert manifest["files"]["shard-00000/names.npy"]["bytes"] != size
    first = int(np.flatnonzero(Corpus.open(copy).chunks["shard"] == 0)[0])
    with pytest.raises(DataError, match=r"shard-00000/names\.npy: no readable array"):
        Corpus.open(copy).chunk(first)


@pytest.mark.parametrize(("text", "said"), [("{", "unreadable"), ("[]", "format None"), ('{"format": 9}', "format 9")])
def test_a_manifest_that_is_none_is_refused(text, said, copy):
    (copy / "manifest.json").write_text(text)
    with pytest.raises(DataError, match=said):
        Corpus.open(copy)


def test_a_folder_without_a_manifest_is_no_corpus(tmp_path):
    with pytest.raises(DataError, match="no complete corpus"):
        Corpus.open(tmp_path)
