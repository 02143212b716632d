"""The Census through a stand-in with the functions, arguments and tables of cellxgene-census."""

import sys
import types

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError, NotAvailable
from scarena.models.foundation.corpus.build import build
from scarena.models.foundation.corpus.config import CorpusConfig
from scarena.models.foundation.corpus.store import Corpus

QUERY = {"version": "2025-11-08", "value_filter": "tissue == 'lung'"}


class StandIn:
    """Two datasets, joinids that are no positions, one cell held twice, and a gene that one dataset lacks."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.joinid = np.arange(100, 160) * 3
        self.counts = rng.poisson(0.6, (60, 40)).astype(np.float32)
        self.gene_id = np.arange(40) * 2 + 5
        text = {
            "dataset_id": np.where(np.arange(60) < 35, "b-id", "a-id"),
            "donor_id": [f"d{i % 2}" for i in range(60)],
            "assay": "10x 3' v3",
            "tissue": ["lung"] * 50 + ["blood"] * 10,
        }
        self.obs = pd.DataFrame({"soma_joinid": self.joinid, **text, "is_primary_data": np.arange(60) != 4})
        for key in text:
            self.obs[key] = self.obs[key].astype("category")
        self.var = pd.DataFrame({"soma_joinid": self.gene_id, "feature_id": [f"ENSG{i:011d}" for i in range(40)]})
        about = {"soma_joinid": [8, 2, 5], "dataset_id": ["a-id", "b-id", "c-id"], "dataset_title": ["A", "B", "C"]}
        about |= {"collection_doi": ["10.1/a", "", "10.1/c"], "collection_name": ["Atlas A", "Atlas B", "Atlas C"]}
        self.datasets = pd.DataFrame(about)
        self.blocks = []
        self.loses_cells = False

    def module(self):
        found = types.ModuleType("cellxgene_census")
        for name in ("open_soma", "get_obs", "get_var", "get_presence_matrix", "get_anndata"):
            setattr(found, name, getattr(self, name))
        return found

    def open_soma(self, *, census_version):
        assert census_version == "2025-11-08"
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def __getitem__(self, key):
        assert key == "census_info"
        frame = types.SimpleNamespace(to_pandas=lambda: self.datasets)
        read = types.SimpleNamespace(concat=lambda: frame)
        return {"datasets": types.SimpleNamespace(read=lambda: read)}

    def get_obs(self, census, organism, *, value_filter, column_names):
        if value_filter.count("'") % 2:
            raise ValueError("cannot parse")
        found = self.obs
        if "lung" in value_filter:
            found = found[found["tissue"] == "lung"]
        if "liver" in value_filter:
            found = found[found["tissue"] == "liver"]
        if "and is_primary_data == True" in value_filter:
            found = found[found["is_primary_data"]]
        return found[list(column_names)].reset_index(drop=True)

    def get_var(self, census, organism, *, column_names):
        return self.var[list(column_names)]

    def get_presence_matrix(self, census, organism):
        present = np.zeros((9, self.gene_id.max() + 1), np.uint8)
        present[8, self.gene_id] = 1
        present[2, self.gene_id[:30]] = 1
        return csr_matrix(present)

    def get_anndata(self, census, organism, *, X_name, obs_coords, var_coords, obs_column_names, var_column_names):
        assert X_name == "raw"
        self.blocks.append(len(obs_coords))
        # In an order of its own: rows and columns are to be joined by their ids.
        cells = np.flatnonzero(np.isin(self.joinid, obs_coords))[::-1][int(self.loses_cells) :]
        genes = np.flatnonzero(np.isin(self.gene_id, var_coords))[::-1]
        obs, var = self.obs.iloc[cells][list(obs_column_names)], self.var.iloc[genes][list(var_column_names)]
        obs.index, var.index = obs.index.astype(str), var.index.astype(str)
        return AnnData(csr_matrix(self.counts[cells][:, genes]), obs=obs, var=var)


@pytest.fixture
def census(monkeypatch):
    stand_in = StandIn()
    monkeypatch.setitem(sys.modules, "cellxgene_census", stand_in.module())
    return stand_in


def config(**more):
    return CorpusConfig.model_validate({"name": "c", "census": {**QUERY, **more}, "min_cells": 1, "block_cells": 10})


def test_cells_and_genes_are_joined_by_their_ids(census, tmp_path):
    build(config(), tmp_path / "c")
    corpus = Corpus.open(tmp_path / "c")
    assert corpus.n_cells == 49  # fifty of lung, one of them held a second time
    assert max(census.blocks) == 10
    for number in range(len(corpus.chunks)):
        chunk = corpus.chunk(number)
        for at, name in enumerate(chunk.names):
            dataset, joinid = name.decode().split(":")
            row = int(np.flatnonzero(census.joinid == int(joinid))[0])
            panel = 30 if dataset == "census-b-id" else 40
            values = slice(chunk.starts[at], chunk.starts[at + 1])
            found = dict(zip(chunk.genes[values].tolist(), chunk.counts[values].tolist(), strict=True))
            genes = {corpus.genes[gene]: n for gene, n in found.items()}
            expected = census.counts[row, :panel]
            assert genes == {f"ENSG{g:011d}": int(expected[g]) for g in np.flatnonzero(expected)}


def test_a_dataset_of_the_census_knows_its_study_its_genes_and_its_batches(census, tmp_path):
    manifest = build(config(), tmp_path / "c")
    a, b = manifest["sources"]
    assert (a["dataset"], a["study"], a["cells"]) == ("census-a-id", ["10.1/a", "Atlas A"], 15)
    assert (b["dataset"], b["study"], b["cells"]) == ("census-b-id", ["Atlas B"], 34)
    assert (a["genes_measured"], b["genes_measured"]) == (40, 30)
    assert b["files"] == [{"url": "census:2025-11-08#b-id", "sha256": None}]
    assert {group["name"] for group in manifest["groups"] if group["dataset"] == "census-a-id"} == {
        f"census-a-id:d{i}|10x 3' v3" for i in (0, 1)
    }


def test_cells_held_twice_come_in_when_asked_for(census, tmp_path):
    assert build(config(primary_only=False), tmp_path / "c")["cells"] == 50


@pytest.mark.parametrize(
    ("value_filter", "said"), [("tissue == 'liver'", "finds no cell"), ("tissue == 'lung", "the query fails")]
)
def test_a_query_that_finds_nothing_or_fails_is_an_error(value_filter, said, census, tmp_path):
    with pytest.raises(DataError, match=said):
        build(config(value_filter=value_filter), tmp_path / "c")


def test_cells_that_do_not_come_back_are_an_error(census, tmp_path):
    census.loses_cells = True
    with pytest.raises(DataError, match="9 of 10 cells"):
        build(config(), tmp_path / "c")


def test_without_the_package_one_is_told_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "cellxgene_census", None)
    with pytest.raises(NotAvailable, match="pip install cellxgene-census"):
        build(config(), tmp_path / "c")
