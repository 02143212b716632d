"""A prepared dataset is the same bytes in every process, keeps its cells in order, and says what it left out."""

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError
from scarena.datasets.card import parse_card
from scarena.datasets.counts import whole
from scarena.datasets.genes import gene_table
from scarena.datasets.prepare import prepare, to_anndata
from scarena.datasets.prepared import read_prepared, write_prepared
from scarena.datasets.raw import Raw

WRITE = """
import sys
from pathlib import Path
from scarena.datasets.card import load_card
from scarena.datasets.counts import whole
from scarena.datasets.prepare import prepare
from scarena.datasets.prepared import write_prepared
cache, out = map(Path, sys.argv[1:])
write_prepared(prepare(load_card("pbmc68k_reduced"), cache=cache), out)
"""


def test_two_processes_write_the_same_bytes(tmp_path, cache):
    digests = set()
    for seed in "12":
        out, env = tmp_path / f"{seed}.h5ad", os.environ | {"PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", WRITE, str(cache), str(out)], env=env, check=True, capture_output=True)
        digests.add(hashlib.sha256(out.read_bytes()).hexdigest())
    assert len(digests) == 1


@pytest.fixture
def raw(cache):
    symbols = sorted(gene_table(cache=cache).symbol_to_id)[:5]
    counts = csr_matrix(np.array([[3, 0, 1, 0, 2], [0, 0, 0, 0, 0], [0, 9, 0, 0, 0], [1, 1, 1, 1, 1]]))
    obs = pd.DataFrame(
        {"batch": ["x", "x", "y", "y"], "label": ["B", "T", "T", "B"], "donor": ["1", "2", None, "2"]},
        index=["d", "a", "c", "b"],
    )
    return Raw(counts, obs, np.array(symbols, dtype=object))


def card(**more):
    raw = {
        "name": "d", "title": "d", "description": "d", "tissue": "blood",
        "labels": {"B": "CL:0000236", "T": "CL:0000084"}, "reader": {"name": "tables"},
        "files": [{"key": "data", "url": "file:/nowhere/d.csv"}], **more,
    }  # fmt: skip
    return parse_card(raw, "test")


def prepared(raw, cache, ontology, **more):
    return to_anndata(raw, card(**more), ontology, cache=cache, mirror=None)


def test_empty_cells_are_dropped_and_counted_and_the_order_stays(raw, cache, ontology):
    data = prepared(raw, cache, ontology)
    assert list(data.obs_names) == ["d", "c", "b"]
    assert data.uns["cells_dropped"] == 1
    assert list(data.obs["tissue"]) == ["blood"] * 3


def test_what_is_not_known_of_a_cell_is_unknown(raw, cache, ontology):
    assert list(prepared(raw, cache, ontology).obs["donor"]) == ["1", "unknown", "2"]


def test_cells_below_the_cards_least_count_are_dropped(raw, cache, ontology):
    data = prepared(raw, cache, ontology, min_counts=6)
    assert list(data.obs_names) == ["d", "c"]


def test_labels_that_are_dropped_take_their_cells_with_them(raw, cache, ontology):
    raw.obs.loc["c", "label"] = "doublet"
    raw.obs.loc["a", "label"] = "doublet"
    raw.obs.loc["b", "label"] = "T"
    assert list(prepared(raw, cache, ontology, drop_labels=["doublet"]).obs_names) == ["d", "b"]


def test_a_cell_without_a_batch_is_refused(raw, cache, ontology):
    raw.obs.loc["c", "batch"] = None
    with pytest.raises(DataError, match=r"d\.csv.*obs\['batch'\].*1 of 4 cells have no batch"):
        prepared(raw, cache, ontology)


def test_the_sources_and_the_card_travel_with_the_file(tmp_path, cache):
    from scarena.datasets.card import load_card

    data = prepare(load_card("pbmc68k_reduced"), cache=cache)
    write_prepared(data, tmp_path / "p.h5ad")
    back = read_prepared(tmp_path / "p.h5ad")
    assert parse_card(json.loads(back.uns["card"]), "test") == load_card("pbmc68k_reduced")
    assert all(len(digest) == 64 for digest in json.loads(back.uns["sources"]).values())
    assert list(back.obs_names) == list(data.obs_names)


@pytest.mark.parametrize("keep", [0, 100, 20_000])
def test_a_damaged_prepared_file_is_one_line(tmp_path, cache, raw, ontology, keep):
    write_prepared(prepared(raw, cache, ontology), tmp_path / "p.h5ad")
    (tmp_path / "p.h5ad").write_bytes((tmp_path / "p.h5ad").read_bytes()[:keep])
    with pytest.raises(DataError, match=r"p\.h5ad"):
        read_prepared(tmp_path / "p.h5ad")


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 0.5, 3e9])
def test_what_is_no_count_is_refused(value):
    with pytest.raises(DataError, match="counts"):
        whole(csr_matrix(np.array([[1.0, value]])), "d.csv: counts")


def test_counts_that_lost_bits_to_floating_point_are_still_counts():
    values = csr_matrix(np.array([[1.0000000001, 65536.001953125 - 0.001953125, 0.0]]))
    assert whole(values, "d.csv").toarray().tolist() == [[1, 65536, 0]]


def test_the_counts_given_are_not_changed():
    values = csr_matrix(np.array([[1.4, 0.2]]))
    assert whole(values, "d.csv", expected=True).toarray().tolist() == [[1, 0]]
    assert values.data.tolist() == [1.4, 0.2]
