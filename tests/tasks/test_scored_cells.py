"""Of a large dataset a sample of cells is scored: the same for every model, whether its counts lie on disk or not."""

import json

import numpy as np
import pytest

from scarena.base.files import write_json
from scarena.bench.scale import N_GENES, exponent, generate
from scarena.board.make import _dataset_entry
from scarena.datasets import stored
from scarena.datasets.prepared import read_prepared
from scarena.tasks import dataset_reference


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, make_cells, ontology_npz):
    """A prepared file of 240 cells with components, and an ontology."""
    folder, cells = tmp_path_factory.mktemp("prepared"), make_cells()
    cells.obsm["pca"] = np.asarray(cells.X[:, :10].toarray(), np.float32)
    cells.uns["card"] = json.dumps({"not_applicable": {}})
    cells.write_h5ad(folder / "d.h5ad")
    (folder / "ontology.npz").symlink_to(ontology_npz)
    return folder


def made(folder, n_scored):
    return dataset_reference.make(folder / "d.h5ad", folder / "ontology.npz", "pca", 1, n_scored)


def test_the_cells_scored_are_a_sample_in_the_order_of_the_dataset(prepared):
    found, names = made(prepared, 150), list(read_prepared(prepared / "d.h5ad").obs_names)
    rows = [names.index(name) for name in found.names]
    assert rows == sorted(rows) and len(set(rows)) == 150
    data = read_prepared(prepared / "d.h5ad")
    assert np.array_equal(found.reference.pre_pca, data.obsm["pca"][rows])
    assert list(found.labels) == list(data.obs["cell_type"].astype(str).iloc[rows])


def test_all_cells_are_scored_where_there_are_not_more(prepared):
    assert list(made(prepared, 240).names) == list(read_prepared(prepared / "d.h5ad").obs_names)


def test_the_reference_is_the_same_wherever_the_counts_lie(prepared, monkeypatch, tmp_path):
    dataset_reference.write(tmp_path / "near.npz", made(prepared, 150))
    monkeypatch.setattr(stored, "STORED_ABOVE", 0)
    monkeypatch.setattr(stored, "BLOCK", 37)
    assert stored.is_stored(read_prepared(prepared / "d.h5ad").X)
    dataset_reference.write(tmp_path / "far.npz", made(prepared, 150))
    with np.load(tmp_path / "near.npz") as near, np.load(tmp_path / "far.npz") as far:
        assert sorted(near.files) == sorted(far.files)
        assert all(np.array_equal(near[key], far[key]) for key in near.files)


@pytest.mark.parametrize(("n_scored", "said"), [(100, 100), (240, None)])
def test_the_board_says_how_many_were_scored_where_not_all_were(tmp_path, n_scored, said):
    write_json(tmp_path / "d" / "sources.json", {"files": {}})
    entry = _dataset_entry({"dataset": "d", "card": {}, "summary": {"n_cells": 240}}, tmp_path, n_scored)
    assert entry["summary"].get("n_scored") == said


def test_made_up_cells_are_as_sparse_as_a_droplet_protocols_and_repeat(tmp_path):
    genes = [f"ENSG{i:011d}" for i in range(N_GENES)]
    n_values = [generate(tmp_path / f"{run}.h5ad", 500, genes) for run in range(2)]
    assert n_values[0] == n_values[1]
    first, second = (read_prepared_matrix(tmp_path / f"{run}.h5ad") for run in range(2))
    assert (first.X != second.X).nnz == 0
    assert first.X.has_canonical_format and first.X.data.min() == 1
    assert 0.02 < n_values[0] / (500 * N_GENES) < 0.1
    # A type's own genes: two cells of one type share more than two of different types.
    x, kinds = np.log1p(first.X.toarray()), first.obs["type"].to_numpy()
    near = np.corrcoef(x)
    same = kinds[:, None] == kinds[None]
    np.fill_diagonal(near, np.nan)
    assert np.nanmean(near[same]) > np.nanmean(near[~same]) + 0.02


def test_made_up_cells_are_the_same_as_a_zarr_store(tmp_path):
    from scarena.datasets import read_h5ad, read_zarr

    genes = [f"ENSG{i:011d}" for i in range(N_GENES)]
    options, files = {"batch": "batch", "label": "type"}, [tmp_path / "d.h5ad", tmp_path / "d.zarr"]
    assert generate(files[0], 300, genes) == generate(files[1], 300, genes)
    first, second = (each.read({"d": path}, options) for each, path in zip((read_h5ad, read_zarr), files, strict=True))
    assert (first.counts != second.counts).nnz == 0
    assert first.obs.equals(second.obs) and np.array_equal(first.genes, second.genes)


def read_prepared_matrix(path):
    import anndata

    return anndata.read_h5ad(path)


def test_the_exponent_is_the_slope_between_the_two_largest_sizes_that_ended_well():
    def run(n_cells, seconds, state="ok"):
        return {"n_cells": n_cells, "steps": {"embed": {"wall_s": seconds, "state": state}}}

    runs = [run(10, 1.0), run(100, 4.0), run(1000, 400.0)]
    assert exponent(runs, "embed") == pytest.approx(2)
    assert exponent([*runs[:2], run(1000, 9.0, "failed(oom)")], "embed") == pytest.approx(np.log10(4))
    assert exponent(runs[:1], "embed") is None
    assert exponent(runs, "score") is None
