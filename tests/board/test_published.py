"""A board that others measured is told from one of our own runs, and is not used as one."""

import json

import pytest

from scarena.base.errors import DataError
from scarena.bench.others.tables import load_table, table_board
from scarena.board.costs import Cost, costs_of
from scarena.board.file import read_board
from scarena.board.merging.boards import merge
from scarena.board.merging.union import Part
from scarena.board.published import is_published, refuse_published, shown_columns, whose
from scarena.board.verify import verify


@pytest.fixture(scope="module")
def board():
    return table_board(load_table("vcbench"))


def test_only_a_board_that_names_who_measured_is_published(board):
    own = {**board, "provenance": {**board["provenance"], "measured_by": ""}}
    assert is_published(board)
    assert "scArena ran none of this" in whose(board)
    assert not is_published(own)
    assert (whose(own), shown_columns(own)) == ("", ())
    refuse_published(own, "here", "used")


def test_it_is_neither_merged_nor_computed_again(board, tmp_path):
    with pytest.raises(DataError, match="cannot be merged"):
        merge([Part(board, "a board", "0" * 64, lambda cell: {})] * 2, "both")
    (tmp_path / "board.json").write_text(json.dumps(board))
    with pytest.raises(DataError, match="cannot be computed again"):
        list(verify(tmp_path))


@pytest.mark.parametrize("lacking", ["date", "version", "licence", "source", "columns"])
def test_who_measured_says_the_rest_too(board, tmp_path, lacking):
    told = {key: value for key, value in board["provenance"].items() if key != lacking}
    (tmp_path / "board.json").write_text(json.dumps({**board, "provenance": told}))
    with pytest.raises(DataError, match="measured by others"):
        read_board(tmp_path / "board.json")


def test_a_run_of_our_own_has_a_peak_memory(board, tmp_path):
    row = {"dataset": "norman", "model": "mean", "step": "embed", "wall_s": 1.0, "peak_rss_mb": None}
    told = {**board["provenance"], "measured_by": ""}
    (tmp_path / "board.json").write_text(json.dumps({**board, "provenance": told, "timings": [row]}))
    with pytest.raises(DataError, match="peak memory"):
        read_board(tmp_path / "board.json")


def test_published_costs_are_means_over_datasets_and_partly_where_one_lacks(board):
    rows = [("a", "d1", 10.0, 5.0, 2048), ("a", "d2", 30.0, None, 1024), ("b", "d1", 7.0, None, None)]
    timings = [
        {"model": m, "dataset": d, "wall_s": s, "cpu_s": c, "peak_virtual_mb": v, "step": "embed"}
        for m, d, s, c, v in rows
    ]
    found = costs_of({**board, "timings": timings})
    assert found == {
        "a": Cost(seconds=20.0, cpu_hours=5 / 3600, virtual_gib=2.0), "b": Cost(seconds=7.0, partly=True),
    }  # fmt: skip
