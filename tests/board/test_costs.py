"""Measured seconds, start-up and speed are three numbers, and none is made of another."""

import json
from pathlib import Path

import pytest

from scarena.board.costs import costs_of, measured_seconds, timed_runs

REFERENCE = Path(__file__).parents[2] / "results/reference"


def board(sizes, rows):
    """A board of datasets of some sizes and of (dataset, model, wall seconds, cells a second)."""
    return {
        "datasets": [{"dataset": name, "summary": {"n_cells": n, "n_genes": 2000}} for name, n in sizes.items()],
        "timings": [
            {"dataset": d, "model": m, "seed": 0, "step": "embed", "wall_s": wall, "peak_rss_mb": 512.0,
             "cells_per_s": speed}
            for d, m, wall, speed in rows
        ],
    }  # fmt: skip


@pytest.mark.parametrize("cells", [10, 150, 100_000])
def test_start_up_is_no_rate_whatever_the_number_of_cells(cells):
    found = costs_of(board({"d": cells}, [("d", "noise", 1.3, 1e6)]))["noise"]
    assert found.cells_per_s == pytest.approx(1e6)
    assert found.startup_s == pytest.approx(1.3 - cells / 1e6) and found.seconds == 1.3


def test_cells_a_second_are_those_of_all_cells_and_seconds_are_a_mean_over_datasets():
    found = costs_of(board({"a": 100, "b": 9900}, [("a", "m", 3.0, 100.0), ("b", "m", 11.0, 990.0)]))["m"]
    # One second for the first, ten for the second.
    assert found.cells_per_s == pytest.approx(10_000 / 11)
    assert (found.seconds, found.startup_s, found.partly) == (7.0, pytest.approx(1.5), False)


def test_a_run_that_failed_has_no_speed_and_leaves_the_seconds_of_the_others_alone():
    rows = [("a", "m", 2.0, 100.0), ("b", "m", 3600.0, None), ("a", "n", 2.0, 100.0), ("b", "n", 4.0, 100.0)]
    found = costs_of(board({"a": 100, "b": 200}, rows))
    assert (found["m"].seconds, found["m"].partly) == (2.0, True)
    assert (found["n"].seconds, found["n"].partly) == (3.0, False)


def test_a_model_of_which_no_run_ended_well_has_memory_and_no_time():
    found = costs_of(board({"a": 100}, [("a", "m", 3600.0, None)]))["m"]
    assert (found.seconds, found.startup_s, found.cells_per_s, found.peak_gib) == (None, None, None, 0.5)


@pytest.mark.parametrize(("cells", "speed"), [(0, 100.0), (100, 0.0), (100, -5.0), (-1, 5.0)])
def test_what_cannot_be_is_not_taken_for_a_speed(cells, speed):
    found = costs_of(board({"a": cells}, [("a", "m", 1.0, speed)]))["m"]
    assert (found.seconds, found.cells_per_s) == (None, None)


def test_seeds_of_a_dataset_count_as_one():
    rows = [("a", "m", 2.0, 100.0), ("a", "m", 4.0, 100.0), ("b", "m", 9.0, 100.0)]
    given = board({"a": 100, "b": 100}, rows)
    assert costs_of(given)["m"].seconds == 6.0
    assert measured_seconds(given) == {("a", "m"): 3.0, ("b", "m"): 9.0}


def test_hours_of_a_gpu_are_those_of_one_seed():
    given = board(
        {"a": 100, "b": 100}, [("a", "m", 1800.0, 100.0), ("a", "m", 5400.0, 100.0), ("b", "m", 3600.0, 100.0)]
    )
    for row in given["timings"]:
        row["peak_vram_mb"] = 100.0
    assert costs_of(given)["m"].gpu_hours == 2.0


@pytest.mark.parametrize("name", ["demo", "full", "baselines"])
def test_boards_from_before_have_all_of_it(name):
    found = json.loads((REFERENCE / name / "board.json").read_text())
    costs = costs_of(found)
    assert costs.keys() == {card["name"] for card in found["models"]}
    recorded = {(r["dataset"], r["model"]): r["cells_per_s"] for r in found["timings"] if r["step"] == "embed"}
    for run in timed_runs(found):
        assert run.cells_per_s == pytest.approx(recorded[run.dataset, run.model])
        assert 0 <= run.startup_s <= run.wall_s
    # Noise is as good as free; a minute of start-up would say otherwise.
    assert costs["random-64"].cells_per_s > 100_000
