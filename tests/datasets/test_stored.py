"""Counts that stay on disk are the same counts: prepared, read back and picked from as if they were in memory."""

import json

import numpy as np
import pytest
from anndata import AnnData
from scipy.sparse import csc_matrix, csr_matrix

from scarena.base.errors import DataError
from scarena.datasets import stored
from scarena.datasets.card import parse_card
from scarena.datasets.prepare import prepare
from scarena.datasets.prepared import read_prepared, write_prepared

LABELS = {"type0": "CL:0000236", "type1": "CL:0000084", "type2": "CL:0000576"}


@pytest.fixture
def h5ad(tmp_path, imperfect_cells):
    """A file with genes to merge and to lose, an empty cell and labels to drop; and its card."""

    def make(path=tmp_path / "d.h5ad", layer=None):
        given = imperfect_cells.copy()
        if layer:
            given.layers[layer], given.X = given.X, csr_matrix(given.shape, dtype=np.float32)
        given.write_h5ad(path)
        options = {"batch": "batch", "label": "cell_type", **({"layer": layer} if layer else {})}
        raw = {
            "name": "d", "title": "d", "description": "d", "tissue": "blood", "labels": LABELS,
            "drop_labels": ["doublet"], "reader": {"name": "h5ad", "options": options},
            "files": [{"key": "data", "url": f"file:{path}"}],
        }  # fmt: skip
        return parse_card(raw, "test")

    return make


@pytest.mark.parametrize("layer", [None, "counts"])
def test_a_dataset_prepared_on_disk_is_the_one_prepared_in_memory(tmp_path, h5ad, cache, ontology, on_disk, layer):
    card = h5ad(layer=layer)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored, "STORED_ABOVE", 10**9)
        wanted = prepare(card, cache=cache, ontology=ontology)
    with stored.scratch(tmp_path / "p.h5ad") as store:
        data = prepare(card, cache=cache, ontology=ontology, store=store)
        assert stored.is_stored(data.X)
        data.obsm["pca"] = np.arange(data.n_obs * 2.0).reshape(-1, 2)
        write_prepared(data, tmp_path / "p.h5ad")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d.h5ad", "p.h5ad"]
    found = read_prepared(tmp_path / "p.h5ad")
    assert stored.is_stored(found.X) and found.X.dtype == np.int32
    assert (found.X.to_memory() != wanted.X).nnz == 0
    assert found.obs.equals(wanted.obs) and found.var.equals(wanted.var)
    assert np.array_equal(found.obsm["pca"][:, 0], np.arange(data.n_obs) * 2.0)
    assert json.loads(found.uns["card"]) == json.loads(wanted.uns["card"])
    assert dict(found.uns["genes"]) == wanted.uns["genes"] and found.uns["cells_dropped"] == wanted.uns["cells_dropped"]


def test_any_reader_of_h5ad_reads_what_was_written_from_disk(tmp_path, h5ad, cache, ontology, on_disk):
    import anndata

    with stored.scratch(tmp_path / "p.h5ad") as store:
        write_prepared(prepare(h5ad(), cache=cache, ontology=ontology, store=store), tmp_path / "p.h5ad")
    read = anndata.read_h5ad(tmp_path / "p.h5ad")
    assert (read_prepared(tmp_path / "p.h5ad").X.to_memory() != read.X).nnz == 0


def test_without_a_place_to_store_them_counts_come_into_memory(h5ad, cache, ontology, on_disk):
    assert isinstance(prepare(h5ad(), cache=cache, ontology=ontology).X, csr_matrix)


def test_a_value_that_is_no_count_is_refused_wherever_it_lies(tmp_path, h5ad, cells, cache, ontology, on_disk):
    cells.X = cells.X.astype(np.float32)
    cells.X.data[-1] = 0.5
    card = h5ad()
    with (
        stored.scratch(tmp_path / "p.h5ad") as store,
        pytest.raises(DataError, match=r"1 of .* values are not integer counts"),
    ):
        prepare(card, cache=cache, ontology=ontology, store=store)
    assert [path.name for path in tmp_path.iterdir()] == ["d.h5ad"]


def test_rows_are_those_asked_for_however_they_lie(tmp_path, cells, on_disk):
    cells.write_h5ad(tmp_path / "c.h5ad")
    matrix = stored.stored_matrix(tmp_path / "c.h5ad")
    for rows in ([], [0], [36, 37, 239], range(0, 240, 7), range(240)):
        wanted = np.asarray(list(rows), dtype=int)
        assert (stored.rows_of(matrix, wanted) != cells.X[wanted]).nnz == 0


def test_blocks_are_the_whole_in_order(tmp_path, cells, on_disk):
    cells.write_h5ad(tmp_path / "c.h5ad")
    parts = list(stored.blocks(stored.stored_matrix(tmp_path / "c.h5ad")))
    assert [last - first for first, last, _ in parts] == [37] * 6 + [18]
    assert all((part != cells.X[first:last]).nnz == 0 for first, last, part in parts)
    ((first, last, whole),) = stored.blocks(cells.X)
    assert (first, last) == (0, 240) and whole.shape == cells.shape


@pytest.mark.parametrize("form", [csc_matrix, csr_matrix.toarray])
def test_matrices_without_rows_to_read_one_by_one_come_into_memory(tmp_path, cells, on_disk, form):
    AnnData(form(cells.X), obs=cells.obs, var=cells.var).write_h5ad(tmp_path / "c.h5ad")
    assert stored.stored_matrix(tmp_path / "c.h5ad") is None
