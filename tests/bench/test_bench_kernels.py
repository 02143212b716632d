"""What the bench of the kernels reports where there is no GPU."""

import pytest

from scarena.base.errors import ConfigError
from scarena.bench.kernels import rows, time_kernels


@pytest.fixture(scope="module")
def found():
    """A run on a few cells on the CPU."""
    return time_kernels(device="cpu", repeats=1, scale=0.004)


def test_every_kernel_has_a_row_that_says_there_was_no_gpu(found):
    missing = [row for row in found["rows"] if row["state"] == "not measured: no GPU"]
    assert {row["kernel"] for row in missing} == {"pack", "embed_tokens", "attention", "nb_loss", "knn"}
    assert all(row["kernel_s"] is None and row["ratio"] is None and row["twin_s"] > 0 for row in missing)


def test_what_the_cpu_has_in_their_place_is_timed(found):
    timed = [row for row in found["rows"] if row["state"] == "ok"]
    assert {row["kernel"] for row in timed} == {"pack", "attention"}
    assert all(row["ratio"] == pytest.approx(row["twin_s"] / row["kernel_s"]) for row in timed)
    assert found["hardware"]["gpu"] is None


def test_one_kernel_may_be_timed_alone():
    alone = time_kernels(kernels=("nb_loss",), device="cpu", repeats=1, scale=0.04)
    assert {row["kernel"] for row in alone["rows"]} == {"nb_loss"}


def test_the_table_says_what_was_measured_and_leaves_blank_what_was_not(found):
    for row, line in zip(found["rows"], rows(found), strict=True):
        assert line[:3] == [row["kernel"], row["what"], row["state"]]
        assert (line[4] == "") == (row["kernel_s"] is None)
        assert float(line[3]) == pytest.approx(1000 * row["twin_s"], abs=0.06)


def test_an_unknown_kernel_is_refused_by_name():
    with pytest.raises(ConfigError, match="'gemm' is no kernel"):
        time_kernels(kernels=("gemm",))
