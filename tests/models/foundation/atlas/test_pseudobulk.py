"""Profiles from cells: means of counts per 10,000, by label and tissue, of an h5ad and of the Census."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError, NotAvailable, SourceError
from scarena.models.foundation.atlas.build import build_atlas
from scarena.models.foundation.atlas.config import AtlasConfig


@pytest.fixture(scope="module")
def cells():
    rng = np.random.default_rng(0)
    counts = rng.poisson(rng.gamma(0.3, 2.0, (3, 80))[np.arange(90) % 3]).astype(np.float32)
    data = AnnData(csr_matrix(counts), obs=pd.DataFrame(index=[f"c{i}" for i in range(90)]))
    data.var_names = [f"ENSG{i:011d}" for i in range(80)]
    data.obs["type"] = [("B cell", "hepatocyte", None if i % 2 else "rare")[i % 3] for i in range(90)]
    data.obs["organ"] = np.where(np.arange(90) < 45, "liver", "blood")
    return data


@pytest.fixture
def atlas_of_cells(cells, tmp_path, cache):
    cells.write_h5ad(tmp_path / "mine.h5ad")

    def build(block_cells=4096, **more):
        entry = {"name": "mine", "path": tmp_path / "mine.h5ad", "label": "type", "study": ["S"], **more}
        config = AtlasConfig.model_validate({"name": "a", "h5ad": [entry], "block_cells": block_cells})
        return build_atlas(config, cache)

    return build


def mean_of(cells, mask):
    counts = cells.X.toarray()[mask]
    return (counts / counts.sum(axis=1, keepdims=True) * 1e4).mean(axis=0)


def test_a_profile_is_the_mean_of_the_cells_of_a_label(cells, atlas_of_cells):
    atlas = atlas_of_cells()
    assert atlas.obs["label"].tolist() == ["B cell", "hepatocyte"]
    assert atlas.obs["n_cells"].tolist() == [30, 30]
    for label, profile in zip(atlas.obs["label"], atlas.values, strict=True):
        assert np.allclose(profile, mean_of(cells, (cells.obs["type"] == label).to_numpy()), rtol=1e-5)
    (about,) = atlas.manifest["sources"]
    assert "15 cells without a label were left out" in about["notes"]
    assert "1 types with fewer than 20 cells were left out (15 cells)" in about["notes"]


def test_in_each_tissue_where_a_column_is_named(cells, atlas_of_cells):
    atlas = atlas_of_cells(tissue="organ", min_cells=5)
    assert atlas.obs[["label", "tissue"]].value_counts().max() == 1 and len(atlas.obs) == 6
    mask = ((cells.obs["type"] == "B cell") & (cells.obs["organ"] == "liver")).to_numpy()
    assert np.allclose(atlas.values[atlas.obs.index.get_loc("mine:B cell, liver")], mean_of(cells, mask), rtol=1e-5)


def test_the_size_of_a_block_is_of_no_influence(atlas_of_cells):
    assert np.allclose(atlas_of_cells(7).values, atlas_of_cells().values, rtol=1e-6)


@pytest.mark.parametrize(
    ("more", "error", "said"),
    [
        ({"label": "cell_type"}, DataError, "no column 'cell_type'"),
        ({"min_cells": 40}, DataError, "no cell type has 40 cells"),
        ({"path": Path("nowhere.h5ad")}, SourceError, "no such file"),
        ({"sha256": "0" * 64}, SourceError, "truncated, altered or replaced"),
        ({"layer": "counts"}, DataError, "has no layers/counts"),
    ],
)
def test_what_a_file_has_not_is_one_line(more, error, said, atlas_of_cells):
    with pytest.raises(error, match=said):
        atlas_of_cells(**more)


def test_logarithms_of_cells_are_refused(cells, atlas_of_cells, tmp_path):
    logs = cells.copy()
    logs.X = csr_matrix(np.log1p(cells.X.toarray() / cells.X.sum(axis=1).A1[:, None] * 1e4))
    logs.write_h5ad(tmp_path / "logs.h5ad")
    with pytest.raises(DataError, match="they are log1p of counts per 10,000"):
        atlas_of_cells(path=tmp_path / "logs.h5ad")


def stand_in():
    path = Path(__file__).parents[1] / "corpus" / "test_census.py"
    spec = importlib.util.spec_from_file_location("stand_in_of_the_census", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.StandIn()


QUERY = {"version": "2025-11-08", "value_filter": "tissue == 'lung'", "min_cells": 3}


@pytest.fixture
def census(monkeypatch):
    found = stand_in()
    found.obs["cell_type"] = np.where(np.arange(60) % 2, "B cell", "macrophage")
    found.obs["cell_type_ontology_term_id"] = np.where(np.arange(60) % 2, "CL:0000236", "CL:0000235")
    monkeypatch.setitem(sys.modules, "cellxgene_census", found.module())
    return found


def atlas_of_census(cache, **more):
    return build_atlas(AtlasConfig.model_validate({"name": "a", "census": {**QUERY, **more}, "block_cells": 10}), cache)


def test_of_the_census_by_type_tissue_and_dataset_with_its_terms(census, cache):
    atlas = atlas_of_census(cache)
    assert atlas.sources == ("census-a-id", "census-b-id") and atlas.measured.sum(axis=1).tolist() == [40, 30]
    assert set(zip(atlas.obs["label"], atlas.obs["term"], strict=True)) == {
        ("B cell", "CL:0000236"), ("macrophage", "CL:0000235"),
    }  # fmt: skip
    assert set(atlas.obs["tissue"]) == {"lung"} and atlas.obs["n_cells"].sum() == 49
    assert set(atlas.obs["study"]) == {"10.1/a; Atlas A", "Atlas B"}
    rows = (
        (census.obs["dataset_id"] == "a-id") & (census.obs["cell_type"] == "B cell") & (census.obs["tissue"] == "lung")
    )
    counts = census.counts[rows.to_numpy()]
    expected = (counts / counts.sum(axis=1, keepdims=True) * 1e4).mean(axis=0)
    at = atlas.obs.index.get_loc("census-a-id:B cell, lung")
    assert np.allclose(atlas.values[at], expected, rtol=1e-5)


def test_without_the_package_or_a_cell_one_is_told(census, cache, monkeypatch):
    with pytest.raises(DataError, match="finds no cell"):
        atlas_of_census(cache, value_filter="tissue == 'liver'")
    monkeypatch.setitem(sys.modules, "cellxgene_census", None)
    with pytest.raises(NotAvailable, match="pip install cellxgene-census"):
        atlas_of_census(cache)
