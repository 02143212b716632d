"""A user's own file, whatever its form and faults, becomes a card that is right, or one line that says what to do."""

import gzip
import warnings
import zlib
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.io import mmwrite
from scipy.sparse import csc_matrix, csr_matrix

from scarena.base.errors import ConfigError, DataError, ScarenaError
from scarena.cli.own_dataset import add_dataset
from scarena.cli.own_reader import OwnFile
from scarena.datasets.card import load_card
from scarena.datasets.genes import gene_table
from scarena.datasets.prepare import prepare


@pytest.fixture
def own(cells, cache):
    """Cells as a user has them: symbols that exist, a donor, a type."""
    cells.var_names = sorted(gene_table(cache=cache).symbol_to_id)[: cells.n_vars]
    cells.var = cells.var[[]]
    cells.obs = cells.obs.rename(columns={"batch": "donor", "cell_type": "type"})[["donor", "type"]].astype(str)
    return cells


@pytest.fixture
def add(tmp_path, cache):
    def adding(file, name=None, replace=False, **given):
        given = {"batch": "donor", "label": "type", **given}
        said = []
        path, lines = add_dataset(
            OwnFile(file, **given), name=name, folder=tmp_path / "cards", replace=replace, cache=cache, say=said.append
        )
        return load_card(path.stem, path.parent), "\n".join([*said, *lines])

    return adding


def as_h5ad(own, folder):
    own.write_h5ad(folder / "x.data")
    return folder / "x.data", {}


def as_zarr(own, folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own.write_zarr(folder / "x.zarr")
    return folder / "x.zarr", {}


def as_h5mu(own, folder):
    own.write_h5ad(folder / "x.h5ad")
    with h5py.File(folder / "x.h5ad") as file, h5py.File(folder / "x.h5mu", "w") as out:
        file.copy("/", out.create_group("mod"), name="rna")
    return folder / "x.h5mu", {}


def beside(own, folder):
    own.obs.sample(frac=1, random_state=0).to_csv(folder / "cells.csv", index_label="cell")
    return {"cells": folder / "cells.csv"}


def as_10x_folder(own, folder):
    where = folder / "filtered_feature_bc_matrix"
    where.mkdir()
    mmwrite(str(where / "matrix.mtx"), csr_matrix(own.X.T))
    (where / "features.tsv").write_text("".join(f"x\t{gene}\tGene Expression\n" for gene in own.var_names))
    (where / "barcodes.tsv").write_text("".join(f"{cell}\n" for cell in own.obs_names))
    for path in [*where.iterdir()]:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    return where, beside(own, folder)


def as_10x_h5(own, folder):
    with h5py.File(folder / "x.h5", "w") as file:
        group, matrix = file.create_group("matrix"), csc_matrix(own.X.T)
        for name in ("data", "indices", "indptr"):
            group[name] = getattr(matrix, name)
        group["shape"], group["barcodes"] = matrix.shape, np.array(list(own.obs_names), "S")
        group["features/id"] = np.array(list(own.var_names), "S")
        group["features/feature_type"] = np.array(["Gene Expression"] * own.n_vars, "S")
    return folder / "x.h5", beside(own, folder)


def as_table(own, folder, sep=",", turned=False, packed=False, r_header=False):
    frame = pd.DataFrame(own.X.toarray().astype(int), index=own.obs_names, columns=own.var_names)
    text = (frame if turned else frame.T).to_csv(sep=sep)
    if r_header:
        text = text[1:]
    path = folder / ("x.txt.gz" if packed else "x.txt")
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    return path, beside(own, folder)


def as_loom(own, folder):
    with h5py.File(folder / "x.loom", "w") as file:
        file["matrix"] = own.X.T.toarray()
        file["row_attrs/Gene"] = np.array(list(own.var_names), "S")
        for name, values in {"CellID": own.obs_names, "donor": own.obs["donor"], "type": own.obs["type"]}.items():
            file[f"col_attrs/{name}"] = np.array(list(values), "S")
    return folder / "x.loom", {}


FORMS = {
    "loom": as_loom, "h5ad": as_h5ad, "zarr": as_zarr, "h5mu": as_h5mu, "10x folder": as_10x_folder,
    "10x h5": as_10x_h5, "csv": as_table,
    "tsv by cells": lambda own, folder: as_table(own, folder, "\t", turned=True),
    "csv.gz": lambda own, folder: as_table(own, folder, packed=True),
    "semicolons": lambda own, folder: as_table(own, folder, ";"),
    "write.table": lambda own, folder: as_table(own, folder, "\t", r_header=True),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_cells_genes_and_labels(own, tmp_path, add, cache, form):
    file, given = FORMS[form](own, tmp_path)
    card, said = add(file, name="mine", **given)
    data = prepare(card, cache=cache)
    assert "240 cells, 400 genes, 2 batches, 3 cell types" in said
    assert data.X.sum() == own.X.sum() and list(data.obs_names) == list(own.obs_names)
    assert list(data.obs["cell_type"]) == list(own.obs["type"]) and list(data.obs["batch"]) == list(own.obs["donor"])
    assert data.X.toarray().sum(axis=0).tolist() == own.X.toarray().sum(axis=0).tolist()


UNREAD = {
    "loom": lambda f: [f.create_group("row_attrs"), f.create_group("col_attrs")],
    "before version 3": lambda f: [f.create_group(f"GRCh38/{key}") for key in ("barcodes", "gene_names")],
    "h5Seurat": lambda f: [f.create_group("assays"), f.create_group("cell.names")],
}


@pytest.mark.parametrize("kind", UNREAD)
def test_an_hdf5_file_of_another_kind_is_called_what_it_is(tmp_path, add, kind):
    with h5py.File(tmp_path / "x.h5ad", "w") as file:
        UNREAD[kind](file)
    with pytest.raises(DataError, match=kind):
        add(tmp_path / "x.h5ad")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (gzip.compress(b"\x89HDF\r\n\x1a\n" + bytes(90)), "gunzip"),
        (b"\x28\xb5\x2f\xfd" + bytes(90), "unzstd"),
        (b"PAR1" + bytes(90), "parquet"),
        (b"gene,c1\nCD4,1\n", "csv table of counts, which has no columns of cells"),
        (b"", "empty"),
        (b"\xff\xd8\xff" + bytes(90), "of no kind that is read"),
        (b"%%MatrixMarket matrix coordinate integer general\n1 1 1\n1 1 1\n", "features.tsv beside it"),
        (b"X\n\x00\x00\x00\x03", "R file, which has no columns of cells"),
    ],
    ids=["gzip", "zstd", "parquet", "csv", "empty", "jpeg", "mtx alone", "R"],
)
def test_what_is_not_read_is_one_line_that_says_what_it_is_and_what_to_do(tmp_path, add, content, words):
    (tmp_path / "matrix.mtx").write_bytes(content)
    with pytest.raises(DataError, match=words):
        add(tmp_path / "matrix.mtx")
    assert not (tmp_path / "cards").exists()


def log1p(own, per=1e4):
    return csr_matrix(np.log1p(own.X.toarray() / own.X.sum(axis=1) * per))


def test_counts_are_taken_from_raw_as_in_a_cellxgene_file_and_that_is_said(own, tmp_path, add):
    own.raw = own.copy()
    own.X = log1p(own)
    card, said = add(as_h5ad(own, tmp_path)[0], name="cxg")
    assert card.reader.options["layer"] == "raw" and "counts: from raw.X" in said


def test_counts_are_taken_from_the_only_layer_that_has_them(own, tmp_path, add):
    own.layers["umi"], own.layers["norm"] = own.X.copy(), own.X * 0.5
    own.X = log1p(own)
    card, said = add(as_h5ad(own, tmp_path)[0], name="umi")
    assert card.reader.options["layer"] == "umi" and "the layer 'umi'" in said


def test_of_two_layers_with_counts_one_must_be_named(own, tmp_path, add):
    own.layers["a"], own.layers["b"] = own.X.copy(), own.X.copy()
    own.X = log1p(own)
    file = as_h5ad(own, tmp_path)[0]
    with pytest.raises(DataError, match="--layer a` or `--layer b"):
        add(file, name="two")
    assert add(file, name="two", layer="b")[0].reader.options["layer"] == "b"


def test_logarithms_come_back_with_the_totals(own, tmp_path, add, cache):
    counts = own.X.copy()
    own.obs["n_umi"] = np.asarray(counts.sum(axis=1)).ravel()
    own.X = log1p(own)
    file = as_h5ad(own, tmp_path)[0]
    with pytest.raises(DataError, match="--depth n_umi"):
        add(file, name="log")
    card, _ = add(file, name="log", depth="n_umi")
    assert (counts != prepare(card, cache=cache).X).nnz == 0


@pytest.mark.parametrize("column", ["feature_id", "ensembl_id", "gene_ids"])
def test_genes_are_taken_from_the_column_that_has_them_as_in_a_census_file(own, tmp_path, add, column):
    own.var[column] = list(own.var_names)
    own.var_names = [str(number) for number in range(own.n_vars)]
    card, said = add(as_h5ad(own, tmp_path)[0], name="census")
    assert card.reader.options["genes"] == column and f"genes: from the column '{column}'" in said


@pytest.mark.parametrize(
    ("rename", "words"),
    [
        (str.capitalize, "mouse or rat"),
        (lambda name: f"ENSMUSG{zlib.crc32(name.encode()):011d}", "genes of mouse"),
        (lambda name: f"hg38_{name}", "begin with a genome's"),
        (lambda name: f"ENSG{zlib.crc32(name.encode()):011d}-1", "end in -1"),
        (lambda name: f"novel.{name}", "is this human"),
    ],
)
def test_a_file_of_unknown_genes_is_refused_with_what_they_look_to_be(own, tmp_path, add, rename, words):
    own.var_names = [*own.var_names[:4], *map(rename, own.var_names[4:])]
    with pytest.raises(DataError, match=words) as caught:
        add(as_h5ad(own, tmp_path)[0], name="other")
    assert "only" in str(caught.value) and "of 400 genes are known" in str(caught.value)


def test_a_file_of_which_under_half_of_the_counts_are_known_is_warned_of(own, tmp_path, add):
    own.var_names = [f"x{name}" if number % 3 else name for number, name in enumerate(own.var_names)]
    _, said = add(as_h5ad(own, tmp_path)[0], name="some")
    assert "134 of 400 genes are known" in said and "warning: under half of the counts" in said


MISSING = ["", " ", "nan", "NA", "N/A", "None", "NULL", "<NA>"]


@pytest.mark.parametrize("word", [*MISSING, None, np.nan])
def test_cells_without_a_label_are_left_out_and_counted_and_none_may_lack_a_batch(own, tmp_path, add, cache, word):
    for column in ("type", "donor"):
        data = own.copy()
        values = data.obs[column].to_numpy(dtype=object).copy()
        values[:30] = word
        data.obs[column] = pd.Categorical(values) if word is None else values
        if isinstance(word, float):
            data.obs[column] = data.obs[column].astype("category")
        data.write_h5ad(tmp_path / f"{column}.h5ad")
    card, said = add(tmp_path / "type.h5ad")
    assert "210 cells, 400 genes, 2 batches, 3 cell types" in said and "30 cells are unlabelled" in said
    assert prepare(card, cache=cache).n_obs == 210
    with pytest.raises(DataError, match="30 of 240 cells have no batch"):
        add(tmp_path / "donor.h5ad")


def test_labels_that_look_alike_are_one_and_that_is_said(own, tmp_path, add):
    values = own.obs["type"].to_numpy(dtype=object)
    values[:9] = [f"{text}\u00a0" for text in values[:9]]
    own.obs["type"] = values
    card, said = add(as_h5ad(own, tmp_path)[0], name="alike")
    assert set(card.labels) == {"type0", "type1", "type2"} and "labels that look alike are one" in said


def test_obsolete_terms_are_told_and_where_labels_meet_in_one(own, tmp_path, add):
    (tmp_path / "map.yaml").write_text("type0: CL:0000548\ntype1: CL:0000003\ntype2: CL:0000576\n")
    _, said = add(as_h5ad(own, tmp_path)[0], name="old", ontology_map=tmp_path / "map.yaml")
    assert "CL:0000548 is obsolete" in said and "is now the term of 2 labels: type0, type1" in said


def test_labels_of_a_map_are_the_text_that_is_written(own, tmp_path, add):
    names = dict(zip(("type0", "type1", "type2"), ("01", "Yes", "12:30"), strict=True))
    own.obs["type"] = own.obs["type"].map(names)
    (tmp_path / "map.yaml").write_text("01: CL:0000236\nYes: CL:0000084\n12:30: CL:0000576\n")
    card, _ = add(as_h5ad(own, tmp_path)[0], name="text", ontology_map=tmp_path / "map.yaml")
    assert card.labels == {"01": "CL:0000236", "Yes": "CL:0000084", "12:30": "CL:0000576"}


def test_terms_that_the_file_has_are_offered_and_taken_when_asked_for(own, tmp_path, add):
    terms = {"type0": "CL:0000236", "type1": "CL:0000084", "type2": "unknown"}
    own.obs["cell_type_ontology_term_id"] = own.obs["type"].map(terms)
    file = as_h5ad(own, tmp_path)[0]
    card, said = add(file, name="terms")
    assert set(card.labels.values()) == {None} and "`--terms cell_type_ontology_term_id` takes them" in said
    card, _ = add(file, name="terms", terms="cell_type_ontology_term_id")
    assert card.labels == {"type0": "CL:0000236", "type1": "CL:0000084", "type2": None}


def test_a_card_of_another_file_is_not_replaced_unasked(own, tmp_path, add):
    for lab in ("one", "two", "three"):
        (tmp_path / lab).mkdir()
        own[: {"one": 240, "two": 200, "three": 160}[lab]].copy().write_h5ad(tmp_path / lab / "adata.h5ad")
    first, _ = add(tmp_path / "one/adata.h5ad")
    with pytest.raises(ConfigError, match="give another --name, or --replace"):
        add(tmp_path / "two/adata.h5ad")
    assert load_card("adata", tmp_path / "cards") == first
    assert add(tmp_path / "two/adata.h5ad", name="two")[0].name == "two"
    replaced, said = add(tmp_path / "three/adata.h5ad", replace=True)
    assert replaced != first and "adata.yaml.old" in said
    # The same file again is the user's correction; what was there is kept.
    add(tmp_path / "three/adata.h5ad")
    kept = yaml.safe_load(Path(tmp_path / "cards/adata.yaml.old").read_text())
    assert kept["files"][0]["url"].endswith("three/adata.h5ad")


@pytest.mark.parametrize("given", [{"layer": "x"}, {"genes": "x"}, {"depth": "x"}])
def test_an_option_that_a_form_has_not_is_named(own, tmp_path, add, given):
    file, beside_it = as_table(own, tmp_path)
    with pytest.raises(ConfigError, match="--"):
        add(file, **beside_it, **given)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.obs.__setitem__("type", pd.array(d.obs["type"], dtype="string")),
        lambda d: d.obs.__setitem__("donor", pd.array(np.arange(240) % 2, dtype="Int64")),
        lambda d: d.obs.__setitem__("donor", np.arange(240) % 2 == 0),
        lambda d: d.obs.__setitem__("type", pd.Categorical(np.arange(240) % 3)),
        lambda d: setattr(d, "X", d.X.astype(np.float64).toarray()),
        lambda d: setattr(d, "X", d.X.toarray().astype(np.float16)),
        lambda d: setattr(d, "X", csc_matrix(d.X.astype(np.uint16))),
    ],
)
def test_any_type_that_a_file_may_have_is_read(own, tmp_path, add, cache, change):
    change(own)
    with ad.settings.override(allow_write_nullable_strings=True):
        own.write_h5ad(tmp_path / "x.h5ad")
    card, said = add(tmp_path / "x.h5ad")
    assert "2 batches, 3 cell types" in said and prepare(card, cache=cache).X.sum() == int(own.X.astype(float).sum())


def test_errors_are_one_line(own, tmp_path, add):
    with pytest.raises(ScarenaError) as caught:
        add(tmp_path / "no such file.h5ad")
    assert "\n" not in str(caught.value)


def test_cells_of_one_batch_are_taken_where_it_is_said_and_only_there(own, tmp_path, add):
    with pytest.raises(ConfigError, match="has 2 batches, not one"):
        add(as_h5ad(own, tmp_path)[0], one_batch=True)
    own.obs["donor"] = "one"
    file = as_h5ad(own, tmp_path)[0]
    with pytest.raises(DataError, match="--one-batch"):
        add(file)
    assert not (tmp_path / "cards").exists()
    card, said = add(file, one_batch=True)
    assert card.not_applicable == {"batch": "one batch"} and "1 batch," in said
