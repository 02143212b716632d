"""Linear values pass and logarithms do not, on published tables and on made-up ones."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scarena.base.errors import DataError
from scarena.models.foundation.atlas.units import linear, look_like_logs

LOGS = {
    "log1p": np.log1p,
    "log2p1": lambda x: np.log2(1 + x),
    "log10p1": lambda x: np.log10(1 + x),
}
mirrored = pytest.mark.skipif(
    "SCARENA_MIRROR" not in os.environ, reason="needs SCARENA_MIRROR, a folder of published files"
)


def uneven(n_profiles=5, n_genes=2000, seed=0):
    return np.random.default_rng(seed).lognormal(0, 2.5, (n_profiles, n_genes))


def per(values, total):
    return values / values.sum(axis=1, keepdims=True) * total


@pytest.mark.parametrize("total", [1, 500, 1e4, 1e6])
def test_linear_values_of_any_scale_pass_as_they_are(total):
    values = per(uneven(), total)
    assert linear(values, "linear", "x") is values


@pytest.mark.parametrize("total", [1e4, 1e6])
@pytest.mark.parametrize("units", LOGS)
def test_logarithms_said_to_be_linear_are_refused_in_one_line(units, total):
    with pytest.raises(DataError, match=r"x: the values are logarithms, though `units: tpm`.*`units: log1p`") as said:
        linear(LOGS[units](per(uneven(), total)), "tpm", "x")
    assert len(str(said.value).splitlines()) == 1


@pytest.mark.parametrize("units", LOGS)
def test_logarithms_that_are_called_so_become_linear_again(units):
    values = per(uneven(), 1e4)
    assert np.allclose(linear(LOGS[units](values), units, "x"), values)


def test_linear_values_said_to_be_logarithms_are_refused():
    with pytest.raises(DataError, match="are no logarithms, though `units: log1p`"):
        linear(per(uneven(), 1e6), "log1p", "x")


def test_whole_numbers_are_counts_however_small():
    assert not look_like_logs(np.random.default_rng(0).poisson(3.0, (4, 1000)).astype(float))


@pytest.mark.parametrize(
    ("value", "said"), [(np.nan, "1 values are NaN"), (np.inf, "1 values are NaN or infinite"), (-2.0, "least: -2")]
)
def test_what_is_no_expression_is_refused(value, said):
    values = uneven()
    values[1, 7] = value
    with pytest.raises(DataError, match=said):
        linear(values, "tpm", "x")


def published(name, cache):
    from scarena.models.foundation.atlas import cell_profile_library, hpa, human_cell_landscape

    if name == "hpa":
        return hpa.published(cache).values
    if name == "hcl":
        return human_cell_landscape.published(cache).values
    if name.startswith("RNAtable"):
        path = Path(os.environ["SCARENA_MIRROR"]) / "gene_tables" / f"{name}.tsv.gz"
        return pd.read_csv(path, sep="\t", index_col="GeneID").fillna(0).to_numpy(float).T
    return next(cell_profile_library.published([name], cache)).values


@mirrored
@pytest.mark.parametrize(
    "name",
    [
        "hpa",
        "hcl",
        "RNAtableTissue",
        "RNAtableBlood",
        "Adult/Pancreas_HCA",
        "Adult/Rectum_Wang",
        "Fetal/Thymus_Descartes",
    ],
)
def test_published_tables_pass_and_their_logarithms_do_not(name, cache):
    values = published(name, cache)
    assert not look_like_logs(values)
    for total in (1e4, 1e6):
        assert not look_like_logs(per(values, total))
        assert all(look_like_logs(log(per(values, total))) for log in LOGS.values())
