"""Published means: files join by name, what two of them hold must be the same, and a control is of one context."""

import numpy as np
import pytest

from scarena.base.errors import DataError
from scarena.datasets.read_mean_profiles import read_mean_profiles
from scarena.datasets.response_rule import MeanProfiles

GENES = ["A", "B", "C", "D"]


def file(folder, key, names, values, control, genes=GENES, **more):
    arrays = {
        "obs_means": np.asarray(values, np.float32), "strata": np.array([f"perturbation={n}" for n in names], object),
        "genes": np.array(genes, object), "control_mean": np.asarray(control, np.float32),
    }  # fmt: skip
    np.savez(folder / f"{key}.npz", **{**arrays, **more})
    return folder / f"{key}.npz"


@pytest.fixture
def values():
    return dict(zip("pqrs", np.random.default_rng(0).random((4, 4)), strict=True))


def test_files_of_one_context_are_put_together_by_name_and_genes_too(tmp_path, values):
    order = [2, 0, 3, 1]
    one = file(tmp_path, "one", "pq", [values["p"], values["q"]], range(4))
    two = file(tmp_path, "two", "rp", [values["r"][order], values["p"][order]], order, genes=[GENES[i] for i in order])
    options = MeanProfiles(contexts={"one": "x", "two": "x"}, published={"half": ("two",)})
    found = read_mean_profiles({"one": one, "two": two}, options)
    assert set(found.profiles.index) == {("p", "x"), ("q", "x"), ("r", "x")}
    for name in "pqr":
        np.testing.assert_allclose(found.profiles.loc[(name, "x"), GENES], values[name], rtol=1e-6)
    np.testing.assert_array_equal(found.controls.loc["x", GENES], range(4))
    assert found.asked == {"half": (("r", "x"), ("p", "x"))}


def test_each_context_has_its_own_control(tmp_path, values):
    files = {key: file(tmp_path, key, "p", [values[key]], np.full(4, i)) for i, key in enumerate("pq")}
    found = read_mean_profiles(files, MeanProfiles(contexts={"p": "x", "q": "y"}))
    assert found.controls.loc["x"].tolist() == [0] * 4 and found.controls.loc["y"].tolist() == [1] * 4
    assert not np.allclose(found.profiles.loc[("p", "x")], found.profiles.loc[("p", "y")])


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"names": "pp"}, "two profiles of one name"),
        ({"genes": ["A", "A", "C", "D"]}, "two genes of one name"),
        ({"control": range(5)}, "means are"),
        ({"values": np.full((2, 4), np.nan)}, "no finite number"),
        ({"values": np.full((2, 4), -1.0)}, "negative values: effects"),
        ({"obs_means": np.array([["a"] * 4] * 2)}, "no finite number"),
        ({"strata": np.array(["perturbation=p|cell=x", "perturbation=q|cell=x"], object)}, "is called"),
        ({"strata": np.array(["p", "q"], object)}, "is called"),
        ({"strata": np.array([{}, {}], object)}, "not a readable npz"),
        ({"strata": np.array(["perturbation=p\x1b[2J", "perturbation=q"], object)}, "control characters"),
    ],
)
def test_a_file_that_is_none_is_one_typed_line(tmp_path, values, change, what):
    given = {"names": "pq", "values": [values["p"], values["q"]], "control": range(4), **change}
    path = file(tmp_path, "one", given.pop("names"), given.pop("values"), given.pop("control"), **given)
    with pytest.raises(DataError, match=what):
        read_mean_profiles({"one": path}, MeanProfiles(contexts={"one": "x"}))


def test_a_file_without_means_is_one_typed_line(tmp_path):
    np.savez(tmp_path / "one.npz", genes=np.array(GENES))
    with pytest.raises(DataError, match="lacks obs_means, strata, control_mean"):
        read_mean_profiles({"one": tmp_path / "one.npz"}, MeanProfiles(contexts={"one": "x"}))


@pytest.mark.parametrize("what", ["profile", "control", "genes"])
def test_files_that_disagree_are_refused(tmp_path, values, what):
    one = file(tmp_path, "one", "pq", [values["p"], values["q"]], range(4))
    second = values["p"] + 0.01 * (what == "profile")
    genes = ["A", "B", "C", "E"] if what == "genes" else GENES
    two = file(tmp_path, "two", "p", [second], np.arange(4) + (what == "control"), genes=genes)
    with pytest.raises(DataError, match="has other means of"):
        read_mean_profiles({"one": one, "two": two}, MeanProfiles(contexts={"one": "x", "two": "x"}))
    if what == "genes":
        with pytest.raises(DataError, match="other genes than those of"):
            read_mean_profiles({"one": one, "two": two}, MeanProfiles(contexts={"one": "x", "two": "y"}))
