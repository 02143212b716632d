"""The first table says of each task what the overall rows of its headline say, for the tasks that a board asks."""

import copy
import json
from pathlib import Path

import pytest

from scarena.board.gate import gated
from scarena.board.ranked import letter, rank_text
from scarena.report.page.tasks_table import columns, tasks_of, tasks_table
from scarena.tasks.registry import DEFAULT, find_tasks

REFERENCE = json.loads((Path(__file__).parents[2] / "results/reference/demo/board.json").read_text())


@pytest.fixture
def board():
    return gated(copy.deepcopy(REFERENCE))


def asking(board, *tasks):
    board["provenance"]["config"] = {**board["provenance"].get("config", {}), "tasks": list(tasks)}
    return board


def test_every_answer_is_that_of_the_overall_row(board):
    table = tasks_table(board)
    assert [column.name for column in table["columns"]] == list(DEFAULT)
    assert [(c.title, c.metric) for c in table["columns"]] == [(t.title, t.headline) for t in find_tasks(DEFAULT)]
    rows = {(row["model"], row["metric"]): row for row in board["overall"]}
    assert {row["card"]["name"] for row in table["rows"]} == {card["name"] for card in board["models"]}
    for row in table["rows"]:
        for column, answer in zip(table["columns"], row["answers"], strict=True):
            told = rows[row["card"]["name"], column.metric]
            assert answer.entry.text.startswith(f"{told['value']:.3f}")
            assert (answer.rank, answer.group) == (rank_text(told), letter(told["tie_group"]))
            assert answer.best == (told["tie_group"] == 1)


def test_rows_come_by_the_first_task_and_controls_last(board):
    table = tasks_table(asking(board, "annotation", "integration"))
    assert [column.metric for column in table["columns"]] == ["knn_macro_f1", "total"]
    values = [float(row["answers"][0].entry.sort) for row in table["rows"] if row["kind"] == "models"]
    assert values == sorted(values, reverse=True)
    assert [row["kind"] for row in table["rows"]] == sorted((row["kind"] for row in table["rows"]), reverse=True)


@pytest.mark.parametrize("tasks", [("integration",), ("annotation",), ("integration", "nobody-knows-it")])
def test_a_board_of_one_known_task_has_no_such_table(board, tasks):
    assert tasks_table(asking(board, *tasks)) == {"columns": [], "rows": []}


def test_a_board_that_does_not_say_asks_what_it_has_values_of(board):
    board["provenance"].pop("config", None)
    board["overall"] = [row for row in board["overall"] if row["metric"] != "knn_macro_f1"]
    assert tasks_of(board) == DEFAULT and [column.name for column in columns(board)] == ["integration"]


def test_a_merged_board_asks_what_its_parts_asked(board):
    board["provenance"].pop("config", None)
    board["provenance"]["merged"] = [
        {"config": {"tasks": ["annotation"]}},
        {"config": None},
        {"config": {"tasks": ["integration"]}},
    ]
    assert tasks_of(board) == ("annotation", "integration")


def test_a_task_by_a_metric_that_fails_the_gate_has_values_and_no_ranks(board):
    for row in board["gate"]:
        if row["metric"] == "knn_macro_f1":
            row["verdict"] = "fails"
    table = tasks_table(board)
    assert [column.ranked for column in table["columns"]] == [True, False]
    answers = [row["answers"][1] for row in table["rows"]]
    assert all(answer.entry.gated and not answer.rank and not answer.best for answer in answers)
    assert all(answer.entry.sort for answer in answers)


def test_a_task_that_nothing_answers_is_a_column_of_reasons(board):
    for cell in board["cells"]:
        if "knn_macro_f1" in cell["scores"]:
            cell["scores"]["knn_macro_f1"] = {"value": None, "state": "not applicable", "reason": "one label"}
    board["overall"] = [row for row in board["overall"] if row["metric"] != "knn_macro_f1"]
    answers = [row["answers"][1].entry for row in tasks_table(asking(board, *DEFAULT))["rows"]]
    assert {(entry.text, entry.note) for entry in answers} == {("n/a", "one label")}
