"""What is no gene is left out by every reader, whatever the file calls it, and counted."""

import warnings

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy.io import mmwrite
from scipy.sparse import csc_matrix, csr_matrix

from scarena.base.errors import DataError
from scarena.datasets.features import genes_among
from scarena.datasets.readers import find_reader

GENES, OTHERS = ["TP53", "HLA-A", "MS4A1"], ["CD4", "CD8A"]
COUNTS = np.array([[0, 2, 5, 900, 800], [1, 0, 3, 700, 600], [0, 7, 3, 500, 400]])
KINDS = ["Gene Expression"] * 3 + ["Antibody Capture", "Multiplexing Capture"]
OBS = {"batch": "b", "label": "t"}


def annotated(column="feature_types", kinds=KINDS):
    cells = pd.DataFrame({"b": ["1", "2", "1"], "t": ["A", "B", "A"]}, index=list("xyz"))
    return ad.AnnData(csr_matrix(COUNTS), obs=cells, var=pd.DataFrame({column: kinds}, index=GENES + OTHERS))


def as_h5ad(folder):
    annotated().write_h5ad(folder / "x.h5ad")
    return "h5ad", {"h5ad": folder / "x.h5ad"}, OBS


def as_zarr(folder):
    with warnings.catch_warnings():
        # On what will be the default some day.
        warnings.simplefilter("ignore")
        annotated().write_zarr(folder / "x.zarr")
    return "zarr", {"zarr": folder / "x.zarr"}, OBS


def as_h5mu(folder):
    annotated().write_h5ad(folder / "x.h5ad")
    with h5py.File(folder / "x.h5ad") as file, h5py.File(folder / "x.h5mu", "w") as out:
        file.copy("/", out.create_group("mod"), name="rna")
    return "h5mu", {"h5mu": folder / "x.h5mu"}, OBS


def as_raw_of_h5ad(folder):
    data = annotated()
    data.raw = data.copy()
    data = data[:, :2].copy()
    data.write_h5ad(folder / "x.h5ad")
    return "h5ad", {"h5ad": folder / "x.h5ad"}, {**OBS, "layer": "raw"}


def as_mtx(folder):
    mmwrite(str(folder / "matrix.mtx"), csr_matrix(COUNTS.T))
    rows = zip(GENES + OTHERS, KINDS, strict=True)
    (folder / "features.tsv").write_text("".join(f"ENSG{gene}\t{gene}\t{kind}\n" for gene, kind in rows))
    (folder / "barcodes.tsv").write_text("x\ny\nz\n")
    files = {key: next(folder.glob(f"{key}.*")) for key in ("matrix", "features", "barcodes")}
    return "mtx", files, {"batch": {"value": "1"}, "label": {"value": "A"}}


def as_10x_h5(folder):
    with h5py.File(folder / "x.h5", "w") as file:
        group, matrix = file.create_group("matrix"), csc_matrix(COUNTS.T)
        for name in ("data", "indices", "indptr"):
            group[name] = getattr(matrix, name)
        group["shape"], group["barcodes"] = matrix.shape, np.array(list("xyz"), "S")
        group["features/id"] = np.array(GENES + OTHERS, "S")
        group["features/feature_type"] = np.array(KINDS, "S")
    return "10x_h5", {"h5": folder / "x.h5"}, {"batch": {"value": "1"}, "label": {"value": "A"}}


@pytest.mark.parametrize("write", [as_h5ad, as_zarr, as_h5mu, as_raw_of_h5ad, as_mtx, as_10x_h5])
def test_every_reader_gives_genes_alone_and_says_what_it_left_out(tmp_path, write):
    name, files, options = write(tmp_path)
    raw = find_reader(name, "test")(files, options)
    assert list(raw.genes) == GENES
    assert raw.counts.toarray().tolist() == COUNTS[:, :3].tolist()
    assert raw.notes == ("2 features are no genes and left out (1 Antibody Capture, 1 Multiplexing Capture)",)


def test_parts_that_are_joined_lose_theirs_before_they_meet(tmp_path):
    for name, kinds in (("one", KINDS), ("two", ["Gene Expression"] * 5)):
        annotated(kinds=kinds).write_h5ad(tmp_path / f"{name}.h5ad")
    files = {name: tmp_path / f"{name}.h5ad" for name in ("one", "two")}
    parts = []
    for name in files:
        raw = find_reader("h5ad", "test")({name: files[name]}, OBS)
        parts.append(raw.counts.sum())
    assert parts == [COUNTS[:, :3].sum(), COUNTS.sum()]


@pytest.mark.parametrize(
    ("column", "kinds", "n_genes"),
    [
        ("feature_types", ["Gene Expression"] * 3 + ["Peaks"] * 2, 3),
        ("feature_types", ["GEX"] * 3 + ["ATAC"] * 2, 3),
        ("feature_biotype", ["gene"] * 3 + ["spike-in"] * 2, 3),
        ("feature_type", ["protein_coding", "lncRNA", "IG_C_gene", "Antibody Capture", "CRISPR Guide Capture"], 3),
        ("modality", ["rna"] * 3 + ["protein"] * 2, 3),
        ("Type", ["Gene Expression"] * 3 + ["Custom"] * 2, 3),
        ("feature_types", ["Gene Expression"] * 3 + ["Antibody Capture", None], 4),
        ("feature_type", ["protein_coding"] * 5, 5),
        ("feature_types", ["red", "green", "blue", "red", "red"], 5),
        ("highly_variable", ["Antibody Capture"] * 5, 5),
    ],
)
def test_what_a_column_says_decides_and_nothing_where_it_says_something_else(tmp_path, column, kinds, n_genes):
    annotated(column, kinds).write_h5ad(tmp_path / "x.h5ad")
    raw = find_reader("h5ad", "test")({"h5ad": tmp_path / "x.h5ad"}, OBS)
    assert raw.counts.shape == (3, n_genes) and bool(raw.notes) == (n_genes < 5)


def test_a_file_of_antibodies_or_peaks_alone_is_refused():
    for kinds in (["Peaks"] * 3, ["Antibody Capture", "CRISPR Guide Capture"], np.array([b"Antibody Capture"] * 2)):
        with pytest.raises(DataError, match="no feature is a gene"):
            genes_among(kinds, "test")
