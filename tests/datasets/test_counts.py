"""What values are is told from themselves, and advice about them never leads to wrong data."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csc_matrix, csr_matrix

from scarena.base.errors import DataError
from scarena.datasets.counts import nature, plain, whole
from scarena.datasets.readers import find_reader


@pytest.fixture
def counts():
    rng = np.random.default_rng(0)
    return rng.poisson(rng.gamma(0.5, 2.0, size=(1, 300)) * rng.lognormal(0, 0.4, size=(60, 1))).astype(np.float64)


def scaled_to(counts, total):
    return counts / counts.sum(axis=1, keepdims=True) * total


LOGS = {
    "ln 10,000": lambda c: np.log1p(scaled_to(c, 1e4)),
    "ln of the median": lambda c: np.log1p(scaled_to(c, np.median(c.sum(axis=1)))),
    "ln float32": lambda c: np.log1p(scaled_to(c, 1e4)).astype(np.float32),
    "ln three decimals": lambda c: np.round(np.log1p(scaled_to(c, 1e4)), 3),
    "log2": lambda c: np.log2(scaled_to(c, 1e6) + 1),
    "log10": lambda c: np.log10(scaled_to(c, 1e4) + 1),
    "genes dropped after": lambda c: np.log1p(scaled_to(c, 1e4))[:, ::3],
}


@pytest.mark.parametrize("how", LOGS)
@pytest.mark.parametrize("expected", [False, True])
def test_logarithms_are_recognised_and_never_rounded(counts, how, expected):
    with pytest.raises(DataError, match="they are log") as caught:
        whole(csr_matrix(LOGS[how](counts)), "x", expected=expected)
    assert "round" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda c: c, "counts"),
        (lambda c: (c - c.mean(axis=0)) / (c.std(axis=0) + 1), "scaled"),
        (lambda c: scaled_to(c, 1e6), "normalised"),
        (lambda c: scaled_to(c, 1e4)[:, ::3], "normalised"),
        (lambda c: np.where(c > 2, c - 0.37 * np.arange(c.shape[1]) % 1, c), "fractional"),
        (lambda c: np.where(np.arange(c.size).reshape(c.shape) % 7 == 0, c * 0.31, c), "fractional"),
    ],
)
def test_the_nature_of_values(counts, make, kind):
    assert nature(csr_matrix(make(counts))).kind == kind


def test_rounding_is_advised_for_expected_counts_alone(counts):
    some = np.where(np.arange(counts.size).reshape(counts.shape) % 7 == 0, counts * 0.31, counts)
    with pytest.raises(DataError, match="counts: expected"):
        whole(csr_matrix(some), "x")
    assert whole(csr_matrix(some), "x", expected=True).dtype == np.int32
    with pytest.raises(DataError) as caught:
        whole(csr_matrix(scaled_to(counts, 1e6)), "x")
    assert "expected" not in str(caught.value) and "per 1,000,000" in str(caught.value)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "g", "i1", "u1", "i8", "u8", "?", ">f4", ">i4"])
@pytest.mark.parametrize("form", [csr_matrix, csc_matrix, np.asarray])
def test_any_type_of_number_becomes_counts(dtype, form):
    values = np.array([[0, 1, 0], [1, 0, 1]]).astype(dtype)
    if dtype in ("f2", ">f4", ">i4") and form is not np.asarray:
        pytest.skip("scipy makes no sparse matrix of these")
    assert whole(plain(form(values)), "x").toarray().tolist() == [[0, 1, 0], [1, 0, 1]]


def test_complex_values_are_refused():
    with pytest.raises(DataError, match="complex"):
        whole(np.array([[1 + 2j, 0]]), "x")


def written(tmp_path, counts, **changes):
    data = ad.AnnData(csr_matrix(np.log1p(scaled_to(counts, 1e4))))
    data.obs["b"], data.obs["n"] = "1", counts.sum(axis=1)
    for key, value in changes.items():
        if key == "raw":
            data.raw = ad.AnnData(csr_matrix(value), var=data.var)
        elif key == "drop":
            data.obs = data.obs.drop(columns=value)
        else:
            data.layers[key] = csr_matrix(value)
    data.write_h5ad(tmp_path / "x.h5ad")
    return find_reader("h5ad", "test")({"h5ad": tmp_path / "x.h5ad"}, {"batch": "b"}).advice


def test_advice_names_where_counts_look_to_be(tmp_path, counts):
    assert "`--layer raw`" in written(tmp_path, counts, raw=counts)
    assert "`--layer umi`" in written(tmp_path, counts, umi=counts, scaled=counts * 0.3)
    assert "`--depth n`" in written(tmp_path, counts)
    assert "cannot be turned back" in written(tmp_path, counts, drop=["n"])


def test_advice_to_recover_is_given_only_where_the_counts_come_back(tmp_path, counts):
    data = ad.AnnData(csr_matrix(np.log1p(scaled_to(counts, 1e4))))
    data.obs = pd.DataFrame(
        {"b": "1", "age": np.arange(60) + 20.0, "total": counts.sum(axis=1) + 1}, index=data.obs_names
    )
    data.write_h5ad(tmp_path / "x.h5ad")
    assert "--depth" not in find_reader("h5ad", "test")({"h5ad": tmp_path / "x.h5ad"}, {"batch": "b"}).advice
