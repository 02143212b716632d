"""What is wrong with an R file, or with the way a card reads it, is one line that names the file."""

import os
from pathlib import Path

import numpy as np
import pytest

from scarena.base.errors import DataError
from scarena.datasets.card import load_card
from scarena.datasets.r_objects import load
from scarena.datasets.read_rdata import read
from scarena.datasets.readers import find_reader
from scarena.datasets.sources import pull

# Three genes of four cells, as counts and as log1p of counts per 10,000 of the cells' totals.
SCRIPT = """
library(methods); library(Matrix)
counts <- matrix(c(1, 0, 2,  0, 3, 0,  4, 0, 0,  0, 0, 5), nrow = 3)
dimnames(counts) <- list(c("A", "B", "C"), paste0("c", 1:4))
setClass("Layered", representation(layers = "list", features = "matrix", cells = "matrix"))
bare <- as(counts, "CsparseMatrix"); dimnames(bare) <- list(NULL, NULL)
mark <- function(names) matrix(TRUE, length(names), 1, dimnames = list(names, "counts"))
marks <- lapply(dimnames(counts), mark)
layered <- new("Layered", layers = list(counts = bare), features = marks[[1]], cells = marks[[2]])
cells <- data.frame(id = rev(colnames(counts)), type = factor(c("T", "B", "T", "B")), total = rep(2000, 4))
cells$twice <- c("x", "x", "y", "z")
logs <- as(log1p(counts / 2000 * 1e4), "CsparseMatrix")
guides <- as(matrix(c(9, 1, 2, 8, 7, 0, 0, 6), nrow = 2, dimnames = list(c("g1", "g2"), NULL)), "CsparseMatrix")
targets <- data.frame(grna_id = c("g2", "g1"), grna_target = c("MYC", "none"))
types <- factor(c("T", "B", "B", "T"))
save(counts, bare, layered, cells, logs, guides, targets, types, file = "all.rda")
"""
BATCH = {"batch": {"value": "one"}}


@pytest.fixture(scope="session")
def rda(tmp_path_factory, run_r):
    """One R workspace with what cards read from."""
    folder = tmp_path_factory.mktemp("r")
    run_r(SCRIPT, folder)
    return folder / "all.rda"


def test_a_layer_without_names_takes_them_from_the_slots_the_card_names(rda):
    rules = {"genes": ["layered", "features"], "cells": ["layered", "cells"]}
    raw = read({"a": rda}, {"counts": ["layered", "layers", "counts"], **rules, **BATCH})
    assert list(raw.genes) == ["A", "B", "C"]
    assert list(raw.obs.index) == ["c1", "c2", "c3", "c4"]
    assert raw.counts.toarray().tolist() == [[1, 0, 2], [0, 3, 0], [4, 0, 0], [0, 0, 5]]


def test_a_matrix_without_gene_names_is_refused(rda):
    with pytest.raises(DataError, match=r"all\.rda: the matrix has no gene names"):
        read({"a": rda}, {"counts": ["bare"], **BATCH})


def test_logarithms_become_the_counts_they_were_made_from(rda):
    rule = {"path": ["cells"], "index": "id"}
    raw = read({"a": rda}, {"counts": ["logs"], "metadata": rule, "depth": "total", **BATCH})
    assert raw.counts.toarray().tolist() == [[1, 0, 2], [0, 3, 0], [4, 0, 0], [0, 0, 5]]


def test_values_that_are_not_those_of_the_totals_are_refused(rda):
    rule = {"path": ["cells"], "index": "id"}
    with pytest.raises(DataError, match="recovered counts are no whole numbers"):
        read({"a": rda}, {"counts": ["counts"], "metadata": rule, "depth": "total", **BATCH})


def test_cells_are_joined_by_name_and_a_factor_is_read_as_its_levels(rda):
    joined = read({"a": rda}, {"counts": ["counts"], "metadata": {"path": ["cells"], "index": "id"},
                               "label": {"column": "type"}, **BATCH})  # fmt: skip
    assert list(joined.obs["label"]) == ["B", "T", "B", "T"]
    ordered = read({"a": rda}, {"counts": ["counts"], "vectors": {"t": ["types"]}, "label": {"column": "t"}, **BATCH})
    assert list(ordered.obs["label"]) == ["T", "B", "B", "T"]


def test_the_label_of_a_screened_cell_is_the_target_of_its_most_counted_guide(rda):
    options = {"counts": ["counts"], "guides": {"counts": ["guides"], "targets": ["targets"]}}
    raw = read({"a": rda}, {**options, "label": {"column": "target"}, **BATCH})
    assert list(raw.obs["label"]) == ["none", "MYC", "none", "MYC"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"metadata": {"path": ["cells"], "index": "name"}}, "no 'name' on the way name; there are: id, type"),
        ({"metadata": {"path": ["cells"], "index": "twice"}}, "4 cells are not in it"),
        ({"metadata": {"path": ["counts"]}}, "counts is no data frame"),
        ({"metadata": {"path": ["targets"], "order": True}}, "2 rows for 4 cells"),
        ({"vectors": {"t": ["targets", "grna_id"]}}, "targets / grna_id: 2 rows for 4 cells"),
        ({"genes": {"path": ["cells"], "column": "gene"}}, "no 'gene' on the way cells / gene"),
        ({"batch": {"column": "donor"}}, "no column 'donor'"),
    ],
)
def test_a_card_that_does_not_fit_its_file_is_one_line_with_the_file(rda, options, words):
    with pytest.raises(DataError, match=words) as caught:
        read({"a": rda}, {"counts": ["counts"], **BATCH, **options})
    assert str(rda) in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"<html>Sign in</html>", b"\xfd7zXZ\x00rotten", b"BZh9rotten", b"\x1f\x8brotten", b"RDX3\nX\n\x00"]
)
def test_what_is_no_r_file_is_one_line_and_to_be_pulled_again(tmp_path, content):
    (tmp_path / "x.rda").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.rda: .*; pull it again"):
        load(tmp_path / "x.rda")


def published(name, cache):
    """What the reader of the card `name` returns for the files as published."""
    mirror = os.environ.get("SCARENA_MIRROR")
    if not mirror:
        pytest.skip("needs the published files: set SCARENA_MIRROR")
    card = load_card(name)
    return find_reader(card.reader.name, name)(pull(card, cache=cache, mirror=Path(mirror)), card.reader.options)


def rows_of(raw, prefix):
    """Rows of the cells whose name starts with `prefix`, by the barcode that follows."""
    names = enumerate(raw.obs.index)
    return {name.removeprefix(prefix).removesuffix("-1"): row for row, name in names if name.startswith(prefix)}


def test_two_sets_that_share_cells_declare_a_study_in_common(cache):
    pool, scored = published("pbmc_10x_chem", cache), published("pbmc_10x_symphony", cache)
    ours, theirs = rows_of(pool, "5':"), rows_of(scored, "fivePrime_")
    same = sorted(set(ours) & set(theirs))
    genes = sorted(set(pool.genes) & set(scored.genes))
    columns = [[list(raw.genes).index(gene) for gene in genes] for raw in (pool, scored)]
    left = pool.counts[[ours[b] for b in same]][:, columns[0]].toarray()
    right = scored.counts[[theirs[b] for b in same]][:, columns[1]].toarray()
    assert len(same) == 66
    assert np.array_equal(left, right)
    assert set(load_card("pbmc_10x_chem").study) & set(load_card("pbmc_10x_symphony").study)
