"""The dry run that is timed is of the board it names."""

from scarena.bench.dag import time_dag


def test_every_run_of_every_model_and_dataset_is_planned():
    found = dict(time_dag(3, 2, 2))
    runs = 3 * 2 * 2
    # Each run is embedded and scored; each dataset pulled, prepared, given a reference and shown; then one board.
    shared = ["ontology", "board", "report", "crate", "all"]
    assert found["jobs"] == str(2 * runs + 4 * 2 + len(shared))
