"""What a card may ask of an R file besides counts: proteins, places, hashtags, means over rows, partial vectors."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError
from scarena.datasets import read_rdata
from scarena.datasets.recover import rescaled, unlogged

CELLS = ["c1", "c2", "c3"]
BATCH = {"batch": {"value": "one"}}


def frame(values, rows, columns=CELLS):
    return pd.DataFrame(values, index=rows, columns=columns)


@pytest.fixture
def read(monkeypatch, tmp_path):
    """A reader of an R workspace that is given as Python objects."""
    space = {
        "rna": frame([[1, 0, 2], [0, 3, 0], [4, 0, 5]], ["hg19_A", "hg19_B", "mm10_C"]),
        "tags": frame([[9, 1, 0], [0, 8, 7]], ["tag1", "tag2"]),
        "adt": frame([[3, 2, 1], [6, 5, 4]], ["CD3", "CD4"], CELLS[::-1]),
        "twice": frame([[3, 2, 1], [6, 5, 4]], ["CD3", "CD3"]),
        "places": pd.DataFrame({"x": [0.0, 1.0, 2.0], "y": [5.0, 6.0, 7.0]}, index=CELLS[::-1]),
        "post": pd.DataFrame({"cell": ["c1", "c1", "c2", "c3"], "p": [0.9, 0.7, 0.1, 0.5]}),
        "logs": frame(np.log2(np.log2(np.array([[1, 0, 2], [0, 3, 0], [4, 0, 5]]) + 1) + 1), ["A", "B", "C"]),
    }
    monkeypatch.setattr(read_rdata, "load", lambda _: space)
    return lambda **options: read_rdata.read({"x": tmp_path / "x.rda"}, {"counts": ["rna"], **BATCH, **options})


def test_proteins_and_places_are_joined_by_the_names_of_the_cells(read):
    raw = read(proteins=["adt"], coordinates={"path": ["places"], "columns": ["x", "y"]})
    assert raw.matrices["proteins"].loc["c1"].to_dict() == {"CD3": 1.0, "CD4": 4.0}
    assert raw.matrices["coordinates"].loc["c3"].tolist() == [0.0, 5.0]


def test_two_proteins_of_one_name_are_refused(read):
    with pytest.raises(DataError, match="two proteins are called 'CD3'"):
        read(proteins=["twice"])


def test_the_most_counted_hashtag_is_the_sample(read):
    raw = read(guides={"counts": ["tags"]}, batch={"column": "target"})
    assert list(raw.obs["batch"]) == ["tag1", "tag2", "tag2"]


def test_a_genomes_prefix_is_taken_off_and_other_genes_are_left_out(read):
    raw = read(gene_prefix="hg19_")
    assert list(raw.genes) == ["A", "B"] and raw.counts.toarray().tolist() == [[1, 0], [0, 3], [2, 0]]
    assert raw.notes == ("1 genes without 'hg19_' are left out",)
    with pytest.raises(DataError, match="no gene's name begins with 'rn6_'"):
        read(gene_prefix="rn6_")


def test_a_mean_over_rows_is_above_or_below(read):
    rule = {"path": ["post"], "by": "cell", "of": "p", "above": 0.5}
    raw = read(means={"copies": rule}, malignant={"column": "copies"})
    assert list(raw.obs["malignant"]) == ["above", "below", "below"]


def test_logarithms_of_logarithms_come_back(read):
    raw = read(counts=["logs"], log2=2)
    assert np.allclose(raw.counts.toarray(), [[1, 0, 4], [0, 3, 0], [2, 0, 5]])


def test_the_names_of_a_factor_tell_which_cells_it_lacks(tmp_path, run_r):
    script = """
    counts <- matrix(1:6, nrow = 2, dimnames = list(c("A", "B"), c("c1", "c2", "c3")))
    types <- factor(c(c3 = "in", c1 = "out")); save(counts, types, file = "f.rda")
    """
    run_r(script, tmp_path)
    options = {"counts": ["counts"], **BATCH, "layer": {"column": "layer"}}
    vector = {"path": ["types"], "partial": True}
    raw = read_rdata.read({"x": tmp_path / "f.rda"}, {**options, "vectors": {"layer": vector}})
    assert list(raw.obs["layer"]) == ["out", None, "in"]
    with pytest.raises(DataError):
        read_rdata.read({"x": tmp_path / "f.rda"}, {**options, "vectors": {"layer": ["types"]}})


def test_values_that_are_no_multiples_or_no_logarithms_are_refused():
    assert rescaled(csr_matrix([[0.0, 0.5, 1.5], [0.0, 0.0, 0.0]]), "d").toarray().tolist() == [[0, 1, 3], [0, 0, 0]]
    for bad in ([[1.0, 1.4]], [[-1.0, 2.0]], [[1.0, np.nan]]):
        with pytest.raises(DataError):
            rescaled(csr_matrix(bad), "d")
    with pytest.raises(DataError, match="behind a logarithm"):
        unlogged(csr_matrix([[40.0]]), 1, "d")
