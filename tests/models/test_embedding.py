"""What a model is handed, and what it may hand back."""

import numpy as np
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError, ModelError
from scarena.models.baselines.hvg import HVG
from scarena.models.controls.labels import Labels
from scarena.models.embedding import check_embedding, hand_over, join, read_embedding, write_embedding


@pytest.fixture
def prepared():
    data = AnnData(csr_matrix(np.arange(12, dtype=np.int32).reshape(4, 3)))
    data.obs_names, data.var_names = list("abcd"), ["g1", "g2", "g3"]
    data.obs["batch"], data.obs["cell_type"], data.obs["cell_type_id"] = "x", ["t", "t", "u", "u"], ""
    data.var["symbol"] = ["G1", "G2", "G3"]
    data.obsm["unintegrated"], data.uns["card"] = np.zeros((4, 2)), "{}"
    return data


def test_a_model_sees_no_labels_unless_its_card_says_so(prepared):
    given = hand_over(prepared, HVG.card)
    assert list(given.obs) == ["batch"]
    assert not given.obsm and not given.uns and not given.layers
    assert "cell_type" in hand_over(prepared, Labels.card).obs


def test_a_model_that_writes_on_its_input_does_not_reach_the_prepared_data(prepared):
    given = hand_over(prepared, HVG.card)
    given.X.data[:] = 0
    given.obs["batch"] = "y"
    assert prepared.X.sum() == 66
    assert set(prepared.obs["batch"]) == {"x"}


@pytest.mark.parametrize(
    "bad",
    [np.zeros((3, 2)), np.zeros(4), np.zeros((4, 0)), np.full((4, 2), np.nan), np.array([["a"]] * 4), None],
)
def test_what_is_no_embedding_is_refused(bad):
    with pytest.raises(ModelError):
        check_embedding(bad, 4, "m")


def test_the_file_keeps_rows_and_names_and_is_the_same_each_time(tmp_path):
    values = np.random.default_rng(0).standard_normal((4, 2), dtype=np.float32)
    for name in ("a.npz", "b.npz"):
        write_embedding(tmp_path / name, values, np.array(list("abcd"), dtype=object))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    back, names = read_embedding(tmp_path / "a.npz")
    np.testing.assert_array_equal(back, values)
    assert list(names) == list("abcd")


def test_rows_are_joined_by_name_not_by_position():
    rows = np.array([[1.0], [2.0], [3.0]])
    joined = join(rows, np.array(["c", "a", "b"]), np.array(["a", "b"]), "file")
    np.testing.assert_array_equal(joined, [[2.0], [3.0]])


@pytest.mark.parametrize("names", [["a", "b", "c"], ["a", "a", "d"]])
def test_a_cell_without_a_row_or_with_two_is_refused(names):
    with pytest.raises(DataError):
        join(np.zeros((3, 1)), np.array(names), np.array(["a", "d"]), "file")


@pytest.mark.parametrize("card", [HVG.card, Labels.card], ids=["no labels", "labels"])
def test_no_model_is_given_targets_proteins_or_places(prepared, card):
    from scarena.datasets.targets import TARGETS

    for name in TARGETS:
        prepared.obs[name] = "yes"
    prepared.obsm["proteins"] = np.ones((prepared.n_obs, 2), np.float32)
    prepared.obsm["coordinates"] = np.ones((prepared.n_obs, 2), np.float32)
    prepared.uns["proteins"] = ["CD3", "CD4"]
    given = hand_over(prepared, card)
    assert not set(given.obs) & set(TARGETS)
    assert not given.obsm and not given.uns and not given.layers and given.n_vars == prepared.n_vars
