"""board.csv holds every number of its board, nothing in place of a missing one, and no formula."""

import copy
import csv
import io
import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scarena.report.board_csv import COLUMNS, board_csv, field

BOARD = json.loads((Path(__file__).parents[2] / "results/reference/demo/board.json").read_text())
NUMBERS = ("value", "low", "high", "rank_low", "rank_high", "tie_group", "coverage")


@pytest.fixture
def board():
    return copy.deepcopy(BOARD)


def rows(board):
    return list(csv.DictReader(io.StringIO(board_csv(board), newline="")))


def number(text):
    return None if text == "" else float(text)


def test_every_overall_value_with_its_interval_and_ranks_is_there(board):
    found = {(row["model"], row["metric"]): row for row in rows(board) if row["scope"] == "overall"}
    assert len(found) == len(board["overall"]) > 500
    for row in board["overall"]:
        told = found[row["model"], row["metric"]]
        assert [number(told[key]) for key in NUMBERS] == [row[key] for key in NUMBERS]
        assert (told["dataset"], told["seed"]) == ("", "")


def test_every_score_of_every_run_is_there_with_its_state(board):
    found = {(r["dataset"], r["model"], r["seed"], r["metric"]): r for r in rows(board) if r["scope"] == "dataset"}
    assert len(found) == sum(len(cell["scores"]) for cell in board["cells"])
    for cell in board["cells"]:
        for metric, score in cell["scores"].items():
            told = found[cell["dataset"], cell["model"], str(cell["seed"]), metric]
            ends = [score.get(key) for key in ("value", "low", "high")]
            assert [number(told[key]) for key in ("value", "low", "high")] == ends
            assert (told["state"], told["reason"]) == (score["state"], score.get("reason", ""))


def test_what_is_missing_is_empty_and_says_why(board):
    for cell in board["cells"]:
        if cell["model"] == "pca":
            cell |= {"state": "failed(oom)", "reason": "9 GiB", "scores": {}}
    for row in board["overall"]:
        if row["model"] == "pca":
            row |= dict.fromkeys(("value", "low", "high", "rank_low", "rank_high", "tie_group")) | {"coverage": 0.0}
    mine = [row for row in rows(board) if row["model"] == "pca" and row["scope"] != "cost"]
    assert len(mine) == sum(row["model"] == "pca" for row in board["overall"]) + len(board["datasets"])
    assert {(row["value"], row["low"], row["state"], row["reason"]) for row in mine} == {
        ("", "", "failed(oom)", "9 GiB")
    }


def test_what_each_timed_run_took_is_there_with_start_up_apart_from_speed(board):
    found = {(r["dataset"], r["model"], r["metric"]): number(r["value"]) for r in rows(board) if r["scope"] == "cost"}
    timed = [row for row in board["timings"] if row["step"] == "embed"]
    assert len(found) == 4 * len(timed)
    for row in timed:
        seconds, startup, speed = (
            found[row["dataset"], row["model"], key] for key in ("seconds", "startup_s", "cells_per_s")
        )
        assert (seconds, speed) == (row["wall_s"], row["cells_per_s"]) and 0 < startup <= seconds


def test_a_run_without_a_measured_speed_has_no_cost(board):
    for row in board["timings"]:
        row["cells_per_s"] = None
    assert not [row for row in rows(board) if row["scope"] == "cost"]


def test_a_mean_over_part_of_the_datasets_says_so(board):
    for row in board["overall"]:
        row["coverage"] = 0.5
    assert all("part of the datasets" in row["reason"] for row in rows(board) if row["scope"] == "overall")


def test_the_order_of_runs_models_and_rows_in_the_board_changes_no_byte(board):
    before = board_csv(board)
    for key in ("cells", "models", "overall"):
        random.Random(0).shuffle(board[key])
    assert board_csv(board) == before
    assert before.splitlines()[0] == ",".join(COLUMNS)


def test_models_without_a_rank_come_after_those_with_one_and_controls_last(board):
    row = next(row for row in board["overall"] if (row["model"], row["metric"]) == ("hvg", "total"))
    row |= {"value": 0.99, "rank_low": None, "rank_high": None, "tie_group": None, "coverage": 0.5}
    names = list(dict.fromkeys(row["model"] for row in rows(board)))
    controls = {card["name"] for card in board["models"] if card["family"] == "control"}
    assert names[-len(controls) - 1] == "hvg" and set(names[-len(controls) :]) == controls


@given(st.text())
def test_no_text_is_a_formula_to_a_spreadsheet(text):
    told = field(text)
    assert told[:1] not in ("=", "+", "-", "@") or float(told) is not None
    assert told.isprintable()


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "--1", "-", "-1e"])
def test_a_text_that_begins_as_a_formula_is_quoted(board, text):
    board["models"][0]["title"] = text
    board["cells"][0] |= {"state": "failed(error)", "reason": text, "scores": {}}
    written = {row[key] for row in rows(board) for key in ("title", "reason")}
    assert f"'{text.strip()}" in written and text.strip() not in written


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_written_so_that_it_is_read_back_to_the_bit(value):
    assert float(field(value)) == value
