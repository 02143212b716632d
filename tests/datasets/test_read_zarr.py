"""A dataset is the same dataset as an h5ad and as a zarr store: a folder or a zip, in memory or left on disk."""

import json
import shutil
import subprocess
import warnings
from dataclasses import replace
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import zarr
from anndata import AnnData
from scipy.sparse import csc_matrix, csr_matrix, vstack

from scarena.base.errors import DataError, ScarenaError, SourceError
from scarena.base.folders import digest_of
from scarena.cli.own_dataset import add_dataset
from scarena.cli.own_reader import OwnFile
from scarena.datasets import read_h5ad, read_zarr, sources, stored
from scarena.datasets.card import load_card, parse_card
from scarena.datasets.prepare import prepare
from scarena.datasets.prepared import read_prepared, write_prepared
from scarena.datasets.sources import pull
from scarena.datasets.stores.zarr_rows import in_order
from scarena.steps.config import BoardConfig
from scarena.steps.pull import pull_step

LABELS = {"type0": "CL:0000236", "type1": "CL:0000084", "type2": "CL:0000576"}
FORMS = ["v2", "v3", "sharded", "v2-zip", "v3-zip", "zip-of-folder"]


def write_zarr(data: AnnData, path: Path, form: str = "v3") -> Path:
    """Write a store in one of the forms a reader may meet; the larger arrays in several chunks."""
    data = data.copy()
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        # Of zarr and anndata, on what will be the default some day.
        warnings.simplefilter("ignore")
        patch.setattr(anndata.settings, "zarr_write_format", 2 if form.startswith("v2") else 3)
        data.write_zarr(path)
        for key in ("X", "layers/counts", "raw/X"):
            if key in zarr.open_group(path, mode="r") and isinstance(data.X, csr_matrix):
                rechunk(zarr.open_group(path, mode="r+")[key], sharded=form == "sharded")
    if "zip" not in form:
        return path
    inner = {"base_dir": path.name} if form == "zip-of-folder" else {}
    root = path.parent if inner else path
    return Path(shutil.make_archive(str(path), "zip", root, **inner))


def rechunk(group: zarr.Group, *, sharded: bool) -> None:
    for name in ("data", "indices"):
        held = group[name][:]
        more = {"shards": (1000,), "chunks": (250,)} if sharded else {"chunks": (333,)}
        group.create_array(name, shape=held.shape, dtype=held.dtype, overwrite=True, **more)[:] = held


@pytest.fixture
def data(imperfect_cells):
    """Cells that are imperfect, with a layer and a raw of other counts."""
    cells = imperfect_cells
    cells.X = cells.X.astype(np.float32)
    cells.obs["site"] = pd.Categorical(["a", None] * (cells.n_obs // 2))
    cells.raw = AnnData(cells.X[:, ::2] * 2, obs=cells.obs, var=cells.var[::2])
    cells.layers["counts"] = cells.X * 3
    return cells


def card_of(path: Path, reader: str, **options):
    raw = {
        "name": "d", "title": "d", "description": "d", "tissue": "blood", "labels": LABELS, "drop_labels": ["doublet"],
        "reader": {"name": reader, "options": {"batch": "batch", "label": "cell_type", "tissue": "site", **options}},
        "files": [{"key": "data", "url": f"file:{path}", "sha256": digest_of(path)}],
    }  # fmt: skip
    return parse_card(raw, "test")


def both(data, tmp_path, form, **options):
    """Return what the readers of h5ad and of zarr make of the same cells."""
    data.write_h5ad(tmp_path / "d.h5ad")
    path = write_zarr(data, tmp_path / "d.zarr", form)
    given = {"batch": "batch", "label": "cell_type", "tissue": "site", **options}
    return read_h5ad.read({"data": tmp_path / "d.h5ad"}, given), read_zarr.read({"data": path}, given)


def whole(counts):
    return vstack([part for _, _, part in stored.blocks(counts)], format="csr")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("layer", [None, "counts", "raw"])
def test_a_store_reads_as_the_h5ad_of_the_same_cells(tmp_path, data, form, layer):
    wanted, found = both(data, tmp_path, form, layer=layer)
    assert not stored.is_stored(found.counts)
    assert found.counts.dtype == wanted.counts.dtype and (found.counts != wanted.counts).nnz == 0
    assert found.obs.equals(wanted.obs) and found.obs["tissue"].isna().sum() == len(data) // 2
    assert np.array_equal(found.genes, wanted.genes)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("layer", [None, "counts", "raw"])
def test_a_large_one_stays_on_disk_and_its_blocks_are_the_same_counts(tmp_path, data, on_disk, form, layer):
    wanted, found = both(data, tmp_path, form, layer=layer)
    assert stored.is_stored(found.counts) and found.counts.backend == "zarr"
    assert (whole(found.counts) != whole(wanted.counts)).nnz == 0
    assert found.obs.equals(wanted.obs) and np.array_equal(found.genes, wanted.genes)
    rows = np.array([0, 36, 37, 200])
    assert (stored.rows_of(found.counts, rows) != whole(wanted.counts)[rows]).nnz == 0
    assert (stored.in_memory(found.counts) != whole(wanted.counts)).nnz == 0


@pytest.mark.parametrize("form", ["v2", "v3-zip"])
def test_a_dataset_prepared_from_a_store_is_the_one_prepared_from_an_h5ad(
    tmp_path, data, cache, ontology, on_disk, form
):
    data.write_h5ad(tmp_path / "d.h5ad")
    card = card_of(write_zarr(data, tmp_path / "d.zarr", form), "zarr")
    wanted = prepare(card_of(tmp_path / "d.h5ad", "h5ad"), cache=cache, ontology=ontology)
    with stored.scratch(tmp_path / "p.h5ad") as store:
        write_prepared(prepare(card, cache=cache, ontology=ontology, store=store), tmp_path / "p.h5ad")
    found = read_prepared(tmp_path / "p.h5ad")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored, "STORED_ABOVE", 10**9)
        small = prepare(card, cache=cache, ontology=ontology)
    assert isinstance(small.X, csr_matrix) and stored.is_stored(found.X)
    for each in (small, found):
        assert (whole(each.X) != wanted.X).nnz == 0
        assert each.obs.equals(wanted.obs) and each.var.equals(wanted.var)
        assert dict(each.uns["genes"]) == dict(wanted.uns["genes"])
    assert json.loads(found.uns["sources"]) == {"data": card.files[0].sha256}


@pytest.mark.parametrize("form", [csc_matrix, csr_matrix.toarray])
def test_matrices_without_rows_to_read_one_by_one_come_into_memory(tmp_path, data, on_disk, form):
    raw = read_zarr.read(
        {"data": write_zarr(AnnData(form(data.X), obs=data.obs, var=data.var), tmp_path / "d.zarr")},
        {"batch": "batch", "label": "cell_type"},
    )
    assert isinstance(raw.counts, csr_matrix) and (raw.counts != data.X).nnz == 0


def test_counts_come_back_from_log_normalised_values(tmp_path, data):
    data.obs["depth"] = np.asarray(data.X.sum(axis=1)).ravel()
    scaled = data.X.multiply(1e4 / np.maximum(1, data.obs["depth"].to_numpy())[:, None]).tocsr().log1p()
    data.layers["log"] = scaled.astype(np.float64)
    wanted, found = both(data, tmp_path, "v3", layer="log", depth="depth")
    assert (found.counts != wanted.counts).nnz == 0
    assert abs(found.counts - data.X).max() < 1e-3


def test_no_chunk_is_decoded_twice(tmp_path, data, on_disk):
    raw = read_zarr.read({"data": write_zarr(data, tmp_path / "d.zarr")}, {"batch": "batch", "label": "cell_type"})
    asked = []

    class Counted:
        def __init__(self, array):
            self.array, self.chunks, self.dtype, self.shape = array, array.chunks, array.dtype, array.shape

        def get_basic_selection(self, part, out):
            asked.extend(range(part.start // self.chunks[0], -(-part.stop // self.chunks[0])))
            return self.array.get_basic_selection(part, out=out)

    class Group:
        store_path = "here"

        def __getitem__(self, key):
            return Counted(raw.counts.group[key]) if key == "data" else raw.counts.group[key]

    class Matrix:
        group, shape = Group(), raw.counts.shape

    rows = in_order(Matrix())
    for first in range(0, 240, 37):
        rows(first, min(240, first + 37))
    assert asked == list(range(-(-data.X.nnz // 333)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"batch": "nope"}, "obs has no column 'nope'"),
        ({"layer": "nope"}, "has no layer 'nope'.*layers: counts"),
        ({"layer": "../obs"}, "has no layer"),
        ({"layer": "counts/data"}, "has no layer"),
    ],
)
def test_an_option_that_the_store_does_not_have_is_told(tmp_path, data, change, words):
    path = write_zarr(data, tmp_path / "d.zarr")
    with pytest.raises(DataError, match=words):
        read_zarr.read({"data": path}, {"batch": "batch", "label": "cell_type", **change})


def test_a_store_without_raw_or_x_says_so(tmp_path, data):
    bare = AnnData(obs=data.obs, var=data.var)
    path = write_zarr(bare, tmp_path / "d.zarr")
    for layer, words in ((None, "X is empty"), ("raw", "has no raw")):
        with pytest.raises(DataError, match=words):
            read_zarr.read({"data": path}, {"batch": "batch", "label": "cell_type", "layer": layer})


def test_a_copy_that_lacks_chunks_is_refused_where_zarr_would_read_zeros(tmp_path, data):
    path = write_zarr(data, tmp_path / "d.zarr")
    (path / "X/data/c/1").unlink()
    with pytest.raises(DataError, match=r"'X/data' has \d+ of its \d+ chunks"):
        read_zarr.read({"data": path}, {"batch": "batch", "label": "cell_type"})


def test_a_chunk_on_disk_that_cannot_be_decoded_is_one_line_that_names_the_store(tmp_path, data, on_disk):
    path = write_zarr(data, tmp_path / "d.zarr")
    chunk = path / "X/data/c/3"
    held = bytearray(chunk.read_bytes())
    held[12:-8] = b"\xff" * len(held[12:-8])
    chunk.write_bytes(held)
    with pytest.raises(DataError, match=r"d\.zarr.*"):
        whole(read_zarr.read({"data": path}, {"batch": "batch", "label": "cell_type"}).counts)


@pytest.mark.parametrize("form", ["v2", "v3"])
def test_a_matrix_without_values_has_no_chunks_and_is_read(tmp_path, data, form):
    path = write_zarr(
        AnnData(csr_matrix(data.shape, dtype=np.float32), obs=data.obs, var=data.var), tmp_path / "d.zarr", form
    )
    assert read_zarr.read({"data": path}, {"batch": "batch", "label": "cell_type"}).counts.nnz == 0


@pytest.fixture
def folder(tmp_path):
    for name, text in (("a/b", "1"), ("a.c", "2"), ("a/B", ""), ("é", "3"), ("d e", "4")):
        (tmp_path / "s.zarr" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "s.zarr" / name).write_text(text)
    return tmp_path / "s.zarr"


def test_the_digest_of_a_folder_is_what_the_shell_says(folder):
    command = r"find . -type f -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' sha256sum | sha256sum"
    said = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=True).stdout
    assert digest_of(folder) == said.split()[0]


def test_a_digest_changes_with_any_byte_name_or_missing_file(folder):
    seen = [digest_of(folder)]
    for change in (
        lambda: (folder / "a/b").write_text("2"),
        lambda: (folder / "a/b").rename(folder / "a/c"),
        lambda: (folder / "a/B").unlink(),
        lambda: (folder / "new").write_text(""),
    ):
        change()
        seen.append(digest_of(folder))
    assert len(set(seen)) == len(seen)
    moved = folder.rename(folder.with_name("other.zarr"))
    (moved / "empty").mkdir()
    assert digest_of(moved) == seen[-1], "where a store lies is no part of it"


def test_a_folder_with_links_has_no_digest(folder):
    (folder / "link").symlink_to(folder / "a.c")
    with pytest.raises(SourceError, match="'link' is a link"):
        digest_of(folder)


def test_a_source_may_be_a_folder_only_if_it_is_a_store_of_the_users_own(tmp_path, data, cache, monkeypatch):
    path = write_zarr(data, tmp_path / "d.zarr")
    card = card_of(path, "zarr")
    assert pull(card, cache=cache) == {"data": path}
    (path / "obs/zarr.json").write_text("{}")
    with pytest.raises(SourceError, match="truncated, altered or replaced"):
        pull(card, cache=cache)
    other = path.rename(tmp_path / "d.store")
    with pytest.raises(SourceError, match="is a folder"):
        pull(card_of(other, "zarr"), cache=cache)
    mirror = tmp_path / "mirror" / "d" / "d.zarr"
    shutil.copytree(other, mirror)
    remote = card.model_copy(
        update={"files": (card.files[0].model_copy(update={"url": "https://localhost:1/d.zarr"}),)}
    )

    def asked(*_args, **_more):
        raise SourceError("asked the network", where="here", fix="none")

    # The mirror's folder is none that an address may stand for.
    monkeypatch.setattr(sources, "download", asked)
    with pytest.raises(SourceError, match="asked the network"):
        pull(remote, cache=tmp_path / "new", mirror=tmp_path / "mirror")


@pytest.mark.parametrize("reader", ["h5ad", "10x_h5", "mtx", "tables", "rdata"])
def test_other_readers_refuse_a_folder_in_one_line(tmp_path, data, cache, reader):
    card = card_of(write_zarr(data, tmp_path / "d.zarr"), reader, matrix="data", counts="data", object="x")
    with pytest.raises(ScarenaError):
        prepare(card, cache=cache)


@pytest.mark.parametrize("form", ["v2", "v3", "v3-zip"])
def test_a_card_is_written_for_a_store_as_for_an_h5ad(tmp_path, data, cache, monkeypatch, form):
    del data.layers["counts"]
    data.obs["cell_type"] = data.obs["cell_type"].astype(str).replace("doublet", "type0")
    (tmp_path / ".cache").symlink_to(cache)
    monkeypatch.chdir(tmp_path)
    data.write_h5ad(tmp_path / "My Data.h5ad")
    (tmp_path / "map.yaml").write_text("type0: CL:0000236\ntype9: CL:0000084\n")
    own = OwnFile(tmp_path / "My Data.h5ad", "batch", "cell_type", ontology_map=tmp_path / "map.yaml")
    wanted, said = add_dataset(own, name=None, folder=tmp_path / "h5ad")
    path = write_zarr(data, tmp_path / "My Data.zarr", form)
    found, told = add_dataset(replace(own, file=path), name=None, folder=tmp_path / "zarr")
    assert found.name == wanted.name == "my_data.yaml" and told == said
    cards = [load_card("my_data", place.parent) for place in (wanted, found)]
    assert [card.reader.name for card in cards] == ["h5ad", "zarr"]
    assert cards[0].labels == cards[1].labels and cards[0].gene_ids == cards[1].gene_ids
    assert cards[1].files[0].bytes == sum(
        p.stat().st_size for p in ([path] if path.is_file() else path.rglob("*")) if p.is_file()
    )

    board = BoardConfig(board="b", datasets=["my_data"], models=["hvg"], cache=cache, user_cards=found.parent)
    answer = pull_step("my_data", tmp_path / "sources.json", board)
    assert answer["files"]["zarr"]["sha256"] == cards[1].files[0].sha256
