"""A user's file is read as counts by Ensembl id or refused in a line, and vectors go back by the names of cells."""

import anndata
import h5py
import numpy as np
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix

from scarena.base.errors import ConfigError, DataError, ScarenaError
from scarena.base.files import sha256_of
from scarena.models.foundation.lineage import provenance
from scarena.models.foundation.use_data import KEY, ids_of, read_cells, some_cells, write_table, write_vectors


@pytest.fixture
def path(cells, tmp_path):
    cells.obs["donor"], cells.obs["kind"] = cells.obs["batch"], cells.obs["cell_type"].astype(object)
    cells.obs.loc[cells.obs_names[:3], "kind"] = None
    cells.layers["counts"] = cells.X.copy()
    cells.X = cells.X.astype(np.float32) / 3
    cells.write_h5ad(tmp_path / "some.h5ad")
    return tmp_path / "some.h5ad"


def rewritten(path, change):
    data = anndata.read_h5ad(path)
    change(data)
    data.write_h5ad(path)


def test_counts_batches_and_labels_come_as_they_are(path, cells):
    found = read_cells(path, layer="counts", batch="donor", label="kind")
    assert (cells.layers["counts"] != found.X).nnz == 0
    assert list(found.var_names) == list(cells.var_names)
    assert list(found.obs_names) == list(cells.obs_names)
    assert list(found.obs["batch"]) == list(cells.obs["donor"])
    assert found.obs["label"].isna().sum() == 3
    assert list(found.obs["label"][3:]) == list(cells.obs["kind"][3:])
    assert list(read_cells(path, layer="counts").obs) == []


def test_symbols_become_ids_and_columns_of_one_gene_are_added_up(path, cache):
    def change(data):
        data.var_names = ["INS", "ENSG00000254647.4", *data.var_names[2:]]

    rewritten(path, change)
    found = read_cells(path, layer="counts", cache=cache)
    counts = anndata.read_h5ad(path).layers["counts"].toarray()
    np.testing.assert_array_equal(found[:, "ENSG00000254647"].X.toarray()[:, 0], counts[:, 0] + counts[:, 1])
    assert found.var.loc["ENSG00000254647", "symbol"] == "INS"


def test_symbols_of_ids_come_where_they_are_asked_for(path, cache):
    rewritten(path, lambda data: setattr(data, "var_names", ["ENSG00000254647", *data.var_names[1:]]))
    assert read_cells(path, layer="counts", cache=cache).var["symbol"].iloc[0] == "ENSG00000254647"
    assert read_cells(path, layer="counts", cache=cache, symbols=True).var["symbol"].iloc[0] == "INS"


def test_ids_alone_need_no_table(path, tmp_path):
    read_cells(path, layer="counts", cache=tmp_path / "empty")
    assert not (tmp_path / "empty").exists()


def repeat_a_name(data):
    data.obs_names = ["twice", "twice", *data.obs_names[2:]]


def lose_a_batch(data):
    data.obs["donor"] = data.obs["donor"].astype(object)
    data.obs.loc[data.obs_names[0], "donor"] = None


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        (None, {}, "values are not integer counts"),
        (None, {"layer": "raw"}, "has no raw"),
        (None, {"layer": "x"}, "layers: counts"),
        (None, {"layer": "counts", "batch": "x"}, "obs has no column 'x'"),
        (None, {"layer": "counts", "label": "x"}, "obs has no column 'x'"),
        (repeat_a_name, {"layer": "counts"}, "1 cell names occur twice"),
        (lose_a_batch, {"layer": "counts", "batch": "donor"}, "1 cells have no batch"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*names are not unique:UserWarning")
def test_what_cannot_be_used_is_one_line(path, change, options, words):
    if change is not None:
        rewritten(path, change)
    with pytest.raises(DataError, match=words) as raised:
        read_cells(path, **options)
    assert "\n" not in str(raised.value)
    assert "some.h5ad" in str(raised.value)


def test_files_that_are_missing_damaged_or_of_no_known_gene_are_refused(path, tmp_path, cache):
    with pytest.raises(DataError, match="no such file"):
        read_cells(tmp_path / "none.h5ad")
    (tmp_path / "bad.h5ad").write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match="not a readable"):
        read_cells(tmp_path / "bad.h5ad")
    rewritten(path, lambda data: setattr(data, "var_names", [f"gene-{i}" for i in range(data.n_vars)]))
    with pytest.raises(DataError, match="no gene is known"):
        read_cells(path, layer="counts", cache=cache)


def test_genes_are_found_by_id_or_symbol():
    data = AnnData(np.zeros((1, 3)))
    data.var_names, data.var["symbol"] = ["ENSG3", "ENSG1", "ENSG2"], ["A", "A", "B"]
    assert ids_of(data, ["B", "ENSG3", "A"]) == ["ENSG2", "ENSG3", "ENSG1"], "of two the lower id"
    with pytest.raises(DataError, match="not measured: C, D"):
        ids_of(data, ["B", "C", "D"])


def test_some_cells_are_drawn_in_their_order(cells):
    found, again, other = (some_cells(cells, 20, seed) for seed in (1, 1, 2))
    place = [cells.obs_names.get_loc(name) for name in found.obs_names]
    assert place == sorted(set(place))
    assert len(place) == 20
    assert list(found.obs_names) == list(again.obs_names) != list(other.obs_names)
    assert some_cells(cells, 500, 0) is some_cells(cells, None, 0) is cells


def test_vectors_go_to_their_cells_by_name(path, cells, tmp_path):
    z, order = (
        np.random.default_rng(0).normal(size=(240, 4)).astype(np.float32),
        np.random.default_rng(1).permutation(240),
    )
    names = list(cells.obs_names[order])
    write_vectors(tmp_path / "z.npz", z, names, path)
    with np.load(tmp_path / "z.npz", allow_pickle=False) as file:
        assert np.array_equal(file["embedding"], z)
        assert list(file["obs_names"]) == names
    write_vectors(tmp_path / "z.h5ad", z, names, path)
    found = anndata.read_h5ad(tmp_path / "z.h5ad")
    assert list(found.obs_names) == list(cells.obs_names)
    np.testing.assert_array_equal(found.obsm[KEY][order], z)
    assert (found.layers["counts"] != cells.layers["counts"]).nnz == 0
    assert KEY not in anndata.read_h5ad(path).obsm, "the source stays as it is"


def test_vectors_are_written_as_npz_or_h5ad_alone(path, tmp_path):
    with pytest.raises(ConfigError, match=r"end it in \.npz or \.h5ad"):
        write_vectors(tmp_path / "z.csv", np.zeros((1, 1), np.float32), ["a"], path)


def test_a_file_that_reads_from_another_is_not_copied(path, tmp_path):
    with h5py.File(path, "a") as file:
        file["uns/elsewhere"] = h5py.ExternalLink("/etc/other.h5", "/x")
    with pytest.raises(ScarenaError, match="links to another file"):
        write_vectors(tmp_path / "z.h5ad", np.zeros((240, 1), np.float32), [], path)


def test_a_table_leaves_fields_empty_that_are_missing(tmp_path, cells):
    write_table(tmp_path / "t.csv", cells.obs[["batch"]].where(np.arange(240)[:, None] > 0))
    assert (tmp_path / "t.csv").read_text().splitlines()[:3] == [",batch", "cell0,", "cell1,batch0"]


def test_a_manifest_names_a_file_by_its_card_or_by_itself(path, tmp_path):
    row = provenance(path, 240)
    assert (row["dataset"], row["study"], row["cells"]) == ("some", [], 240)
    assert row["files"] == [{"url": "file:some.h5ad", "sha256": sha256_of(path)}]
    card = '{"name": "blood", "study": ["GSE1"], "licence": "CC0"}'
    rewritten(path, lambda data: data.uns.update(card=card))
    row = provenance(path, 240)
    assert (row["dataset"], row["study"], row["licence"]) == ("blood", ["GSE1"], "CC0")
    assert csr_matrix(anndata.read_h5ad(path).X).nnz, "and is closed again"


def mark_antibodies(data):
    data.var["feature_types"] = ["Antibody Capture"] * 40 + ["Gene Expression"] * (data.n_vars - 40)


def blank_labels(data):
    data.obs["kind"] = ["", "nan", "NA", *data.obs["kind"].astype(str)[3:]]


def lose_nine_genes(data):
    data.var_names = [*(f"x{number}" for number in range(9)), *data.var_names[9:]]


def number_genes(data):
    data.var["ids"] = list(data.var_names)
    data.var_names = [str(number) for number in range(data.n_vars)]


def look_alikes(data):
    data.obs["donor"] = [f"{each}\u00a0" if n % 2 else str(each) for n, each in enumerate(data.obs["donor"])]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (mark_antibodies, "40 features are no genes and left out (40 Antibody Capture)"),
        (look_alikes, "2 batches that look alike are one"),
        (lose_nine_genes, "391 of 400 genes are known"),
    ],
)  # fmt: skip
def test_what_is_dropped_or_renamed_is_noted(path, cache, change, said):
    rewritten(path, change)
    found = read_cells(path, layer="counts", batch="donor", cache=cache)
    assert any(said in note for note in found.uns["notes"]), found.uns["notes"]
    assert found.obs["batch"].nunique() == 2


def test_words_for_missing_are_missing_labels(path):
    rewritten(path, blank_labels)
    assert read_cells(path, layer="counts", label="kind").obs["label"].isna().sum() == 3


def test_names_of_genes_may_stand_in_a_column(path):
    rewritten(path, number_genes)
    with pytest.raises(DataError, match="--gene-column ids"):
        read_cells(path, layer="counts")
    assert read_cells(path, layer="counts", genes="ids").n_vars == 400


def test_vectors_go_into_a_file_that_anndata_could_not_write_again(path, tmp_path):
    with h5py.File(path, "r+") as file:
        file["uns/odd"] = np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")])
    z, names = np.zeros((240, 4), np.float32), list(anndata.read_h5ad(path).obs_names)
    write_vectors(tmp_path / "out.h5ad", z, names, path)
    with h5py.File(tmp_path / "out.h5ad") as file:
        assert file["obsm"][KEY].shape == (240, 4) and file["uns/odd"].dtype.names == ("a", "b")
