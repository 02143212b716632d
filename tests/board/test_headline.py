"""A board is ranked by the headline of its first task; one that names none, by the total, as ever."""

import copy
import json
from pathlib import Path

import pytest

from scarena.base.errors import DataError
from scarena.board.diff import differences as moved
from scarena.board.file import read_board
from scarena.board.make import compared
from scarena.board.merging.boards import merge
from scarena.board.merging.union import Part
from scarena.board.ranked import has_ranges, headline_of, ranked_models
from scarena.board.verdicts import verdicts
from scarena.report.board_md import board_md
from scarena.report.html import render

REFERENCE = json.loads((Path(__file__).parents[2] / "results/reference/demo/board.json").read_text())
HEADLINE = "knn_macro_f1"


def ranked_by(headline):
    board = copy.deepcopy(REFERENCE)
    if headline != "total":
        board["headline"] = headline
    return board | compared(board["cells"], board["models"], {}, scaled=False, headline=headline)


@pytest.fixture(scope="module")
def board():
    return ranked_by(HEADLINE)


def values(board, metric):
    return {row["model"]: row["value"] for row in board["overall"] if row["metric"] == metric}


def test_models_are_ordered_by_it(board):
    assert headline_of(REFERENCE) == "total" and headline_of(board) == HEADLINE
    ranked = [card["name"] for card in ranked_models(board) if card["family"] != "control"]
    assert ranked == sorted(ranked, key=lambda name: (-values(board, HEADLINE)[name], name))
    assert ranked != [card["name"] for card in ranked_models(REFERENCE) if card["family"] != "control"]


def test_pairs_are_compared_by_it_too_and_by_the_total_alone_where_nobody_asks(board):
    assert {row["metric"] for row in board["differences"]} == {"total", "bio", "batch", HEADLINE}
    assert {row["metric"] for row in ranked_by("total")["differences"]} == {"total", "bio", "batch"}


@pytest.mark.parametrize("metric", ["knn_macro_f1", "lcad_all"])
def test_the_one_ahead_is_the_better_one(metric):
    found = values(ranked_by(metric), metric)
    rows = [row for row in ranked_by(metric)["differences"] if row["metric"] == metric]
    sign = -1 if metric == "lcad_all" else 1
    assert rows and all(sign * found[row["model_a"]] >= sign * found[row["model_b"]] for row in rows)
    assert all(row["difference"] == pytest.approx(abs(found[row["model_a"]] - found[row["model_b"]])) for row in rows)


def test_words_and_pages_name_it(board, tmp_path):
    assert not has_ranges(board)
    assert all("mean Label transfer macro F1" in line for line in verdicts(board) if "mean" in line)
    assert "mean Label transfer macro F1" in board_md(board)
    page = render(board, tmp_path)
    assert "mean Label transfer macro F1" in page and "mean total" not in page.split("</h1>")[1].split("<table")[0]


def test_boards_that_agree_on_it_are_merged_by_it_and_others_by_the_total(board):
    def part(board):
        return Part(board, board["board"], "0" * 64, lambda cell: {})

    halves = []
    for models in (("hvg", "pca"), ("harmony", "labels", "random-2")):
        half = copy.deepcopy(board)
        half["models"] = [card for card in half["models"] if card["name"] in models]
        half["cells"] = [cell for cell in half["cells"] if cell["model"] in models]
        halves.append(half)
    assert merge([part(half) for half in halves], "both").board["headline"] == HEADLINE
    del halves[1]["headline"]
    assert "headline" not in merge([part(half) for half in halves], "both").board


def test_a_tie_group_that_moved_is_told_by_it(board):
    other = copy.deepcopy(board)
    for row in other["overall"]:
        if row["metric"] == HEADLINE and row["model"] == "hvg":
            row["tie_group"] = 99
    assert [change.what for change in moved(board, other)] == ["tie group of hvg"]


def test_a_board_read_back_keeps_it_and_nonsense_is_refused(board, tmp_path):
    path = tmp_path / "board.json"
    path.write_text(json.dumps(board))
    assert headline_of(read_board(path)) == HEADLINE
    path.write_text(json.dumps({**board, "headline": "<script>"}))
    with pytest.raises(DataError, match="headline"):
        read_board(path)
