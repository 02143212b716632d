"""board.md says what the board says, in few lines, and nobody's name is markup in it."""

import copy
import itertools
import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from scarena.board.kept import SHOWN_FIRST
from scarena.board.ranked import letter, marks, plain, rank_text, ranked_models
from scarena.board.verdicts import verdicts
from scarena.report.board_md import board_md, escaped
from scarena.report.page.sentences import lead

BOARD = json.loads((Path(__file__).parents[2] / "results/reference/demo/board.json").read_text())
HOSTILE = [
    "a|b", "<script>alert(1)</script>", "`code`", "**bold** _it_", "[x](javascript:alert(1))", "![x](y)", "a\\|b",
    "&lt;b&gt;", "- item", "1. item", "1) item", "# head", "a\n\n# b", "~~gone~~", "$x$", "\x1b[2J", "<!-- x",
    "| --- |",
]  # fmt: skip


@pytest.fixture
def board():
    return copy.deepcopy(BOARD)


def parsed(text):
    """The lines of text of a Markdown document by an independent parser: (kind of block, its text, kinds of inline)."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    found = []
    for before, token in itertools.pairwise(tokens):
        if token.type == "inline":
            kinds = {child.type for child in token.children} - {"text", "text_special"}
            found.append((before.type, "".join(child.content for child in token.children), kinds))
    return found


def table(text):
    """The rows of the table, each a list of texts."""
    cells = [text for kind, text, _ in parsed(text) if kind in ("th_open", "td_open")]
    width = sum(kind == "th_open" for kind, _, _ in parsed(text))
    assert len(cells) % width == 0
    return [cells[start : start + width] for start in range(0, len(cells), width)]


def test_the_ranking_has_a_row_a_model_in_order_with_its_values(board):
    rows = table(board_md(board))[1:]
    cards, found = ranked_models(board), {(row["model"], row["metric"]): row for row in board["overall"]}
    assert len(rows) == len(cards)
    for row, card in zip(rows, cards, strict=True):
        assert row[0].startswith(card["title"]) and all(mark in row[0] for mark in marks(board)[card["name"]])
        total = found[card["name"], "total"]
        assert row[1] == (f"{rank_text(total)} {letter(total['tie_group'])}" if total["rank_low"] else "–")
        for shown, metric in zip(row[2:], SHOWN_FIRST, strict=False):
            told = found[card["name"], metric]
            assert shown == f"{told['value']:.3f} <sub>{told['low']:.3f} to {told['high']:.3f}</sub>"
        assert row[8] == "2/2" and all(float(cost.replace(",", "")) > 0 for cost in row[9:])


def test_the_verdicts_of_the_page_are_there(board):
    items = [text for kind, text, _ in parsed(board_md(board)) if kind == "paragraph_open"]
    assert set(verdicts(board)) <= set(items)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_name_is_text_whatever_it_holds(board, text):
    board["title"] = text
    for card in board["models"]:
        card["title"] = text
    written = board_md(board)
    (kind, heading, markup), *_ = parsed(written)
    assert (kind, heading, markup) == ("heading_open", plain(text), set())
    rows = table(written)
    assert len(rows) == 1 + len(board["models"]) and {len(row) for row in rows} == {12}
    assert all(row[0].startswith(plain(text)) for row in rows[1:])
    others = [kinds for block, _, kinds in parsed(written) if block != "td_open"]
    assert not set().union(*others)


@given(st.text(min_size=1).filter(lambda text: plain(text)))
def test_any_text_is_shown_as_it_is(text):
    for around in ("{}", "- {}", "| a |\n|---|\n| {} |"):
        shown = [found for _, found, kinds in parsed(around.format(escaped(text))) if not kinds]
        assert shown[-1] == plain(text)


def test_a_large_board_stays_short_and_says_what_is_left_out(board):
    first = next(card for card in board["models"] if card["name"] == "scarena-fm")
    rows = [row for row in board["overall"] if row["model"] == "scarena-fm"]
    for number in range(150):
        board["models"].append({**first, "name": f"more-{number}"})
        board["overall"] += [{**row, "model": f"more-{number}"} for row in rows]
    written = board_md(board)
    assert written.count("\n") <= 120
    assert f"{len(board['models']) - 50} more models are in board.csv" in written
    assert f"{len(lead(board)) + len(verdicts(board)) - 40} more are on the page" in written


def test_a_missing_value_is_a_word_and_a_partial_mean_is_marked(board):
    for row in board["overall"]:
        if (row["model"], row["metric"]) == ("pca", "total"):
            row |= {"coverage": 0.5, "rank_low": None, "rank_high": None, "tie_group": None}
        if (row["model"], row["metric"]) == ("pca", "onto_rwr"):
            row |= {"value": None, "low": None, "high": None, "coverage": 0.0}
    for cell in board["cells"]:
        if cell["model"] == "pca":
            cell["scores"]["onto_rwr"] = {"value": None, "state": "failed", "reason": "x"}
    (row,) = (row for row in table(board_md(board)) if row[0] == "PCA")
    assert (row[1], row[5], row[8]) == ("–", "failed", "1/2")
    assert row[2].startswith("0.690* <sub>")


def test_a_board_that_ranks_nobody_says_so_and_gives_no_rule_of_ranks(board):
    for row in board["overall"]:
        if row["metric"] == "total":
            row |= {"rank_low": None, "rank_high": None, "tie_group": None}
    board["differences"] = []
    assert "Rank: none" in board_md(board)
    assert "by the value alone" not in board_md(board)


def test_a_board_without_intervals_says_so(board):
    for row in (*board["overall"], *board["differences"]):
        row |= {"low": None, "high": None}
    assert "by the value alone" in board_md(board)
    assert "by the value alone" not in board_md(BOARD)
    assert [row[1] for row in table(board_md(board))[1:4]] == ["1–3", "1–3", "1–4"]


def test_the_same_board_is_the_same_bytes_whatever_the_order_of_its_rows(board):
    before = board_md(board)
    for key in ("cells", "overall", "timings"):
        random.Random(0).shuffle(board[key])
    assert board_md(board) == before


@pytest.mark.parametrize("startup", [0.0, 100.0])
def test_start_up_is_shown_apart_from_speed(board, startup):
    (before,) = (row for row in table(board_md(BOARD)) if row[0].startswith("Random 64-d"))
    for row in board["timings"]:
        row["wall_s"] += startup
    heads, *rows = table(board_md(board))
    assert heads[9:] == ["Seconds a run", "Start-up s", "Cells / s"]
    (noise,) = (row for row in rows if row[0].startswith("Random 64-d"))
    assert 0 < float(before[10]) < 10
    assert [float(noise[at]) - float(before[at]) for at in (9, 10)] == pytest.approx([startup, startup], abs=0.11)
    assert float(noise[11].replace(",", "")) > 500_000
