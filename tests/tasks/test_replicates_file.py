"""A run without replicates, as one to which no task is applicable, leaves a file of them all the same."""

from scarena.tasks.replicates import read_replicates, write_replicates


def test_of_no_metric_nothing_is_read_back(tmp_path):
    write_replicates(tmp_path / "replicates.npz", {})
    assert read_replicates(tmp_path / "replicates.npz") == {}
