"""Every reader gives the same counts, cells and genes, whatever the format they were written in."""

import gzip

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy.io import mmwrite
from scipy.sparse import csc_matrix, csr_matrix

from scarena.base.errors import CardError, DataError, NotAvailable
from scarena.datasets.readers import find_reader, reader_names

COUNTS = np.array([[0, 2, 0, 5], [1, 0, 0, 0], [0, 0, 7, 3]])
CELLS = ["c1_lib1", "c2_lib1", "c3_lib2"]
GENES = ["TP53", "HLA-A", "MS4A1", "CD3E"]
OBS = {"batch": {"pattern": "_(lib[0-9])$"}, "label": {"column": "type"}}


def table(folder, name="counts.csv", sep=",", transpose=True):
    frame = pd.DataFrame(COUNTS, index=CELLS, columns=GENES)
    (frame.T if transpose else frame).to_csv(folder / name, sep=sep)
    return folder / name


@pytest.fixture
def metadata(tmp_path):
    """A table of cells in another order than the counts."""
    frame = pd.DataFrame({"name": CELLS[::-1], "type": ["T", "B", "A"]})
    frame.to_csv(tmp_path / "cells.csv")
    return tmp_path / "cells.csv"


def same(raw, batches=("lib1", "lib1", "lib2"), labels=("A", "B", "T")):
    assert raw.counts.toarray().tolist() == COUNTS.tolist()
    assert list(raw.obs.index) == CELLS
    assert list(raw.genes) == GENES
    assert list(raw.obs["batch"]) == list(batches)
    assert list(raw.obs["label"]) == list(labels)


def read(name, files, **options):
    return find_reader(name, "test")(files, options)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(("sep", "transpose"), [(",", True), ("\t", True), (",", False)])
def test_tables_are_read_in_both_orientations_zipped_or_not(tmp_path, metadata, sep, transpose, zipped):
    path = table(tmp_path, sep=sep, transpose=transpose)
    if zipped:
        path.write_bytes(gzip.compress(path.read_bytes()))
    orientation = "genes_by_cells" if transpose else "cells_by_genes"
    rule = {"file": "cells", "sep": ",", "index": "name"}
    files = {"m": path, "cells": metadata}
    same(read("tables", files, matrix="m", sep=sep, orientation=orientation, metadata=rule, **OBS))


def test_rows_that_are_no_genes_are_dropped(tmp_path):
    files = {"m": table(tmp_path)}
    raw = read("tables", files, matrix="m", drop_genes="^(TP53|MS4A1)$", batch={"value": "b"})
    assert list(raw.genes) == ["HLA-A", "CD3E"]
    assert raw.counts.toarray().tolist() == COUNTS[:, [1, 3]].tolist()


def test_several_tables_are_stacked_over_the_union_of_their_genes(tmp_path):
    one, two = tmp_path / "1.csv", tmp_path / "2.csv"
    one.write_text(",a,b\nTP53,1,2\nCD3E,3,4\n")
    two.write_text(",a\nCD3E,5\nMS4A1,6\n")
    raw = read("tables", {"1": one, "2": two}, matrices={"1": "x", "2": "y"})
    assert list(raw.genes) == ["TP53", "CD3E", "MS4A1"]
    assert list(raw.obs.index) == ["x:a", "x:b", "y:a"]
    assert list(raw.obs["batch"]) == ["x", "x", "y"]
    assert raw.counts.toarray().tolist() == [[1, 3, 0], [2, 4, 0], [0, 5, 6]]


def test_an_empty_field_is_a_missing_value_and_no_batch(tmp_path):
    cells = tmp_path / "cells.csv"
    cells.write_text("name,batch,donor\nc1_lib1,,1\nc2_lib1,b,\nc3_lib2,b,2\n")
    files = {"m": table(tmp_path), "cells": cells}
    rule = {"file": "cells", "index": "name"}
    raw = read("tables", files, matrix="m", metadata=rule, batch={"column": "batch"}, donor={"column": "donor"})
    assert raw.obs["batch"].isna().tolist() == [True, False, False]
    assert raw.obs["donor"].dropna().tolist() == ["1", "2"]
    assert raw.obs["donor"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda b: b.replace(b"7", b"seven"), "holds no numbers"),
        (lambda b: b[:-4], "not a readable table"),
        (lambda b: b"", "not a readable table"),
        (lambda b: gzip.compress(b)[:-9], "not a readable table"),
        (lambda b: b.replace(b",", b";"), "one column only"),
    ],
)
def test_a_spoilt_table_is_one_line_with_the_file(tmp_path, spoil, words):
    path = table(tmp_path)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DataError, match=words) as caught:
        read("tables", {"m": path}, matrix="m", batch={"value": "b"})
    assert str(path) in str(caught.value)


def test_cells_that_are_not_in_the_table_of_cells_are_named(tmp_path, metadata):
    metadata.write_text(metadata.read_text().replace("c2_lib1", "other"))
    files = {"m": table(tmp_path), "cells": metadata}
    with pytest.raises(DataError, match=r"1 cells are not in it \(first: c2_lib1\)"):
        read("tables", files, matrix="m", metadata={"file": "cells", "index": "name"}, **OBS)


def test_a_pattern_that_matches_nothing_shows_the_name_it_failed_on(tmp_path):
    with pytest.raises(DataError, match="does not match 'c1_lib1'"):
        read("tables", {"m": table(tmp_path)}, matrix="m", batch={"pattern": "donor([0-9])"})


@pytest.mark.parametrize("zipped", [False, True])
def test_a_matrix_market_folder_is_read(tmp_path, metadata, zipped):
    mmwrite(str(tmp_path / "matrix.mtx"), csr_matrix(COUNTS.T))
    (tmp_path / "features.tsv").write_text(
        "".join(f"ENSG{i}\t{gene}\tGene Expression\n" for i, gene in enumerate(GENES))
    )
    (tmp_path / "barcodes.tsv").write_text("".join(f"{cell}\n" for cell in CELLS))
    files = {key: next(tmp_path.glob(f"{key}.*")) for key in ("matrix", "features", "barcodes")}
    if zipped:
        for path in files.values():
            path.write_bytes(gzip.compress(path.read_bytes()))
    same(read("mtx", files | {"cells": metadata}, metadata={"file": "cells", "index": "name"}, **OBS))


def ten_x(path):
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        matrix = csc_matrix(np.vstack([COUNTS.T, [9, 9, 9]]))
        for name in ("data", "indices", "indptr"):
            group[name] = getattr(matrix, name)
        group["shape"] = matrix.shape
        group["barcodes"] = np.array(CELLS, dtype="S")
        group["features/id"] = np.array([*GENES, "antibody"], dtype="S")
        group["features/feature_type"] = np.array(["Gene Expression"] * 4 + ["Antibody Capture"], dtype="S")
    return path


def test_a_10x_file_gives_its_genes_and_not_its_antibodies(tmp_path, metadata):
    files = {"h5": ten_x(tmp_path / "x.h5"), "cells": metadata}
    same(read("10x_h5", files, metadata={"file": "cells", "index": "name"}, **OBS))


def test_an_hdf5_file_that_is_no_10x_file_is_one_line(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["other"] = 1
    with pytest.raises(DataError, match="no 10x HDF5 file"):
        read("10x_h5", {"h5": tmp_path / "x.h5"}, batch={"value": "b"})


def test_an_h5ad_stored_in_another_file_is_refused(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(80))
    with h5py.File(tmp_path / "x.h5ad", "w") as file:
        file.create_dataset("X", (10,), "f8", external=[(str(tmp_path / "secret"), 0, 80)])
    with pytest.raises(DataError, match="stored in another file"):
        read("h5ad", {"h5ad": tmp_path / "x.h5ad"}, batch="b")


@pytest.fixture(scope="session")
def r_files(tmp_path_factory, run_r):
    """The counts as R saves them, in every kind of matrix a card may meet."""
    folder = tmp_path_factory.mktemp("r")
    names = f"list(c({', '.join(map(repr, GENES))}), c({', '.join(map(repr, CELLS))}))"
    script = f"""
    library(methods); library(Matrix)
    dense <- matrix(c({", ".join(map(str, COUNTS.ravel()))}), nrow = 4, dimnames = {names})
    sparse <- as(as(as(dense, "dMatrix"), "generalMatrix"), "CsparseMatrix")
    frame <- as.data.frame(dense); triplet <- as(sparse, "TsparseMatrix")
    cells <- data.frame(type = c("T", "B", "A"), row.names = rev(colnames(dense)))
    inner <- data.frame(type = c("A", "B", "T")); inner$counts <- t(dense)
    save(dense, sparse, triplet, frame, cells, file = "all.rda")
    save(inner, file = "inner.RData", compress = "bzip2")
    saveRDS(list(deep = list(counts = sparse), cells = cells), "nested.rds", compress = "xz")
    saveRDS(triplet, "plain.rds", compress = FALSE)
    """
    run_r(script, folder)
    return folder


@pytest.mark.parametrize("name", ["dense", "sparse", "triplet", "frame"])
def test_every_kind_of_r_matrix_is_read(r_files, name):
    files = {"rda": r_files / "all.rda"}
    same(read("rdata", files, counts=[name], metadata={"path": ["cells"]}, **OBS))


def test_a_matrix_deep_in_a_list_is_reached_by_its_path(r_files):
    files = {"rds": r_files / "nested.rds"}
    same(read("rdata", files, counts=["deep", "counts"], metadata={"path": ["cells"]}, **OBS))


def test_a_single_object_needs_no_path(r_files):
    raw = read("rdata", {"rds": r_files / "plain.rds"}, batch=OBS["batch"])
    assert raw.counts.toarray().tolist() == COUNTS.tolist()


def test_a_step_that_is_not_there_is_answered_with_those_that_are(r_files):
    with pytest.raises(DataError, match=r"no 'nope'.*there are: .*dense"):
        read("rdata", {"rda": r_files / "all.rda"}, counts=["nope"], batch={"value": "b"})


@pytest.mark.parametrize("keep", [0, 5, 200])
def test_a_truncated_r_file_is_one_line(r_files, tmp_path, keep):
    path = tmp_path / "cut.rda"
    path.write_bytes((r_files / "all.rda").read_bytes()[:keep])
    with pytest.raises(DataError, match=r"cut\.rda"):
        read("rdata", {"rda": path}, counts=["dense"], batch={"value": "b"})


def test_r_itself_reads_a_matrix_inside_a_data_frame(r_files):
    files = {"rda": r_files / "inner.RData"}
    options = {"object": "inner", "matrix": "counts", "orientation": "cells_by_genes"}
    same(read("r", files, **options, **OBS))


def test_r_says_what_it_could_not_read(r_files):
    with pytest.raises(DataError, match="R could not read it"):
        read("r", {"rda": r_files / "inner.RData"}, object="nope", matrix="counts", batch={"value": "b"})


def test_without_r_a_dataset_is_not_available_and_nothing_fails(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotAvailable, match="R is not installed"):
        read("r", {"rda": tmp_path / "x.rda"}, object="x", matrix="y", batch={"value": "b"})


def test_a_missing_r_package_is_named(tmp_path, monkeypatch):
    fake = tmp_path / "Rscript"
    fake.write_text("#!/bin/sh\nprintf SummarizedExperiment\nexit 3\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotAvailable, match="lacks the package SummarizedExperiment"):
        read("r", {"rda": tmp_path / "x.rda"}, object="x", experiment="counts", batch={"value": "b"})


def test_parts_with_other_genes_share_the_intersection_or_count_zero(tmp_path):
    one, two = tmp_path / "1.csv", tmp_path / "2.csv"
    one.write_text(",a\nTP53,1\nCD3E,3\n")
    two.write_text(",a\nCD3E,5\nMS4A1,6\n")
    parts = [
        {"reader": "tables", "prefix": f"{key}:", "options": {"matrix": key, "batch": {"value": key}}} for key in "12"
    ]
    files = {"1": one, "2": two}
    shared = read("joined", files, parts=parts, genes="intersection")
    assert (list(shared.genes), shared.counts.toarray().tolist()) == (["CD3E"], [[3], [5]])
    union = read("joined", files, parts=parts)
    assert (list(union.genes), union.counts.toarray().tolist()) == (["TP53", "CD3E", "MS4A1"], [[1, 3, 0], [0, 5, 6]])
    assert list(union.obs.index) == ["1:a", "2:a"]


def test_an_unknown_reader_is_answered_with_those_there_are():
    with pytest.raises(CardError, match=", ".join(reader_names())):
        find_reader("excel", "dataset d")
