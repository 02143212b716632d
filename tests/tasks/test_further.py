"""Further truths reach the tasks by way of reference.npz, which a reader of before them wrote without."""

import json

import numpy as np
import pytest

from scarena.tasks import dataset_reference
from scarena.tasks.further import coding_rna

CARD = {
    "targets": {"malignant": {"yes": ["m"], "no": ["n"], "not_identifiable": "one tumour"}, "layer": {}},
    "proteins": {"CD3": "GENE0", "isotype": None, "lost": "NO-SUCH"},
}


@pytest.fixture
def made(tmp_path, cells, ontology_npz):
    """The reference of a prepared dataset with every kind of further truth, read back from its file."""
    cells.obsm["pca"] = np.asarray(cells.X[:, :10].toarray(), np.float32)
    cells.obsm["proteins"] = np.arange(3 * cells.n_obs, dtype=np.float32).reshape(-1, 3)
    cells.obsm["coordinates"] = np.ones((cells.n_obs, 2), np.float32)
    cells.uns["proteins"] = list(CARD["proteins"])
    cells.uns["card"] = json.dumps(CARD)
    cells.obs["donor"] = np.arange(cells.n_obs) % 5
    cells.obs["malignant"] = np.resize(["yes", "no", ""], cells.n_obs)
    cells.obs["layer"] = np.resize(["outer", "inner"], cells.n_obs)
    cells.write_h5ad(tmp_path / "d.h5ad")
    found = dataset_reference.make(tmp_path / "d.h5ad", ontology_npz, "pca", 1)
    dataset_reference.write(tmp_path / "r.npz", found)
    return dataset_reference.read(tmp_path / "r.npz")


def test_every_truth_comes_back_as_it_was_prepared(made, cells):
    assert list(made.donor) == [str(i % 5) for i in range(cells.n_obs)]
    assert list(made.targets["malignant"][:4]) == ["yes", "no", "", "yes"]
    assert set(made.targets) == {"malignant", "layer"}
    assert made.proteins == ("CD3", "isotype", "lost") and made.matrices["proteins"].dtype == np.float32
    assert made.matrices["coordinates"].shape == (cells.n_obs, 2)
    assert made.not_identifiable == {"malignant": "one tumour"}


def test_the_rna_of_a_protein_is_its_genes_logarithm_and_nan_where_there_is_none(made, cells):
    counts = cells.X.toarray().astype(float)
    expected = np.log1p(1e4 * counts[:, 0] / counts.sum(axis=1))
    rna = made.matrices["coding_rna"]
    assert np.allclose(rna[:, 0], expected, rtol=1e-5) and np.isnan(rna[:, 1:]).all()


def test_ids_that_share_a_symbol_are_summed_before_the_logarithm():
    from scipy.sparse import csr_matrix

    log = csr_matrix(np.log1p(np.array([[1.0, 2.0, 5.0]])))
    assert coding_rna(log, np.array(["A", "A", "B"]), ["A"])[0, 0] == pytest.approx(np.log1p(3))


def test_a_reference_from_before_them_is_read(tmp_path, made):
    dataset_reference.write(tmp_path / "new.npz", made)
    with np.load(tmp_path / "new.npz") as file:
        kept = {
            key: file[key] for key in file.files if key.split("_")[0] not in ("donor", "target", "matrix", "proteins")
        }
    said = json.loads(kept["said"].tobytes())
    del said["not_identifiable"]
    kept["said"] = np.frombuffer(json.dumps(said).encode(), np.uint8)
    np.savez(tmp_path / "old.npz", **kept)
    old = dataset_reference.read(tmp_path / "old.npz")
    assert set(old.donor) == {"unknown"} and len(old.donor) == len(old.names)
    assert not old.targets and not old.matrices and not old.proteins and not old.not_identifiable
