"""The one file: what is read is what was written, the same atlas is the same bytes, and another file is refused."""

import anndata
import numpy as np
import pytest

from scarena.base.errors import DataError
from scarena.models.foundation.atlas.store import read_atlas, read_manifest, write_atlas


@pytest.fixture
def atlas(atlas_of, written, make_table):
    return atlas_of(written(make_table()), written(make_table(200, first=200, seed=1), "other", tissue="liver"))


def test_what_is_read_is_what_was_written(atlas, tmp_path):
    write_atlas(atlas, tmp_path / "a.h5ad")
    found = read_atlas(tmp_path / "a.h5ad")
    assert np.array_equal(found.values, atlas.values) and found.values.dtype == np.float32
    assert np.array_equal(found.measured, atlas.measured)
    assert (found.genes, found.symbols, found.sources) == (atlas.genes, atlas.symbols, atlas.sources)
    assert found.manifest == atlas.manifest == read_manifest(tmp_path / "a.h5ad")
    assert found.obs.index.equals(atlas.obs.index)
    for key in ("source", "study", "label", "term", "tissue", "stage", "species", "licence"):
        assert found.obs[key].tolist() == atlas.obs[key].tolist()


def test_anybody_can_open_it(atlas, tmp_path):
    write_atlas(atlas, tmp_path / "a.h5ad")
    data = anndata.read_h5ad(tmp_path / "a.h5ad")
    assert list(data.uns["sources"]) == ["mine", "other"]
    assert data.varm["measured"].shape == (400, 2) and data.varm["measured"].dtype == bool
    assert data.obs["term"].tolist()[:2] == ["CL:0000236", "CL:0000127"]


def test_the_same_atlas_is_the_same_bytes(atlas, tmp_path):
    write_atlas(atlas, tmp_path / "a.h5ad")
    write_atlas(read_atlas(tmp_path / "a.h5ad"), tmp_path / "b.h5ad")
    write_atlas(atlas, tmp_path / "c.h5ad")
    assert (tmp_path / "a.h5ad").read_bytes() == (tmp_path / "c.h5ad").read_bytes()
    assert read_atlas(tmp_path / "b.h5ad").obs.equals(read_atlas(tmp_path / "a.h5ad").obs)


def altered(path, change):
    data = anndata.read_h5ad(path)
    change(data)
    data.write_h5ad(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.uns.pop("manifest"), "no manifest in uns"),
        (lambda d: d.uns.update(manifest="[]"), "names no sources"),
        (lambda d: d.uns.update(manifest='{"sources": [], "format": 9}'), "format 9 and not 1"),
        (lambda d: d.varm.pop("measured"), "no readable atlas"),
        (lambda d: d.varm.update(measured=np.ones((400, 2))), "does not say which genes"),
        (lambda d: d.obs.drop(columns="label", inplace=True), "lacks label"),
        (lambda d: d.obs.__setitem__("source", "third"), "names a source that it does not list"),
        (lambda d: d.X.data.__setitem__(3, -1.0), "values that are no expression"),
    ],
)
def test_a_file_that_is_no_atlas_is_refused(change, said, atlas, tmp_path):
    write_atlas(atlas, tmp_path / "a.h5ad")
    altered(tmp_path / "a.h5ad", change)
    with pytest.raises(DataError, match=said):
        read_atlas(tmp_path / "a.h5ad")


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n" + b"0" * 100, b"a\tb\n"])
def test_a_damaged_file_is_refused(content, tmp_path):
    (tmp_path / "a.h5ad").write_bytes(content)
    for read in (read_atlas, read_manifest):
        with pytest.raises(DataError, match=r"a\.h5ad"):
            read(tmp_path / "a.h5ad")
    with pytest.raises(DataError, match="no such file"):
        read_atlas(tmp_path / "b.h5ad")
