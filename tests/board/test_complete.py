"""No claim over models that are not compared, and those are named with what they lack."""

import copy
import json
from pathlib import Path

import pytest

from scarena.board.complete import lacking, left_out
from scarena.board.make import compared
from scarena.board.merging.boards import merge
from scarena.board.merging.union import Part
from scarena.board.ranked import has_order, has_ranges
from scarena.board.verdicts import verdicts
from scarena.metrics.resampling import N_REPLICATES
from scarena.report.board_md import board_md
from scarena.report.html import render
from scarena.report.page.sentences import lead
from scarena.report.page.tables import overall_table

DEMO = json.loads((Path(__file__).parents[2] / "results/reference/demo/board.json").read_text())
WITH_TOTAL = ["baron_h1", "li_lines"]


def replicates(board):
    """Made-up replicates of every score of a board."""
    import numpy as np

    noise = np.random.default_rng(0).normal(size=N_REPLICATES)
    return {
        (c["dataset"], c["model"], c["seed"]): {
            key: score["value"] + 0.01 * noise for key, score in c["scores"].items() if score["state"] == "ok"
        }
        for c in board["cells"]
    }


def without(*lost, unreplicated=()):
    """The demo board on which some models failed on some datasets, and of which others have no replicates."""
    board = copy.deepcopy(DEMO)
    for cell in board["cells"]:
        if (cell["model"], cell["dataset"]) in lost:
            cell |= {"state": "failed(oom)", "reason": "9 GiB", "scores": {}}
    rows = {key: value for key, value in replicates(board).items() if key[1] not in unreplicated}
    return board | compared(board["cells"], board["models"], rows, scaled=False)


def names(board):
    return [card["name"] for card in board["models"] if card["family"] != "control"]


def said(board):
    return [*lead(board), *verdicts(board), *board_md(board).splitlines()]


def test_all_models_complete_leave_nobody_out():
    assert lacking(DEMO) == {} and left_out(DEMO) == []


def test_the_only_complete_model_is_not_said_to_score_highest():
    board = without(*((name, "li_lines") for name in names(DEMO) if name != "pca"))
    first, *_, last = lead(board)
    assert first.startswith("PCA alone has a total on all 2 datasets that count (mean 0.690): it is compared with no")
    assert last.startswith("Not compared, for want of a total on every dataset: HVG, Harmony, scVI")
    assert last.endswith("(none on li_lines).")
    assert not any("highest" in line or "has no intervals" in line or "leads" in line for line in said(board))
    assert not has_order(board) and "| PCA | – |" in board_md(board)
    (row,) = (row for row in overall_table(board) if row["card"]["name"] == "pca")
    assert row["rank"].text == "–" and "none to be compared with" in row["rank"].note


def test_where_no_model_is_complete_each_is_named_with_what_it_lacks():
    half = names(DEMO)[::2]
    board = without(*((name, WITH_TOTAL[name in half]) for name in names(DEMO)))
    first, left = lead(board)
    assert "none is ranked" in first
    assert "(none on baron_h1)" in left and "(none on li_lines)" in left


def test_two_complete_models_are_compared_and_the_others_are_left_out_by_name():
    board = without(*((name, "baron_h1") for name in names(DEMO) if name not in ("pca", "hvg")))
    assert has_ranges(board) and "PCA" in lead(board)[0]
    assert lacking(board).keys() == set(names(DEMO)) - {"pca", "hvg"}
    assert any(line.startswith("Not compared") for line in lead(board))
    assert any("no verdict, since it has no total on baron_h1" in line for line in verdicts(board))


def test_a_baseline_that_is_not_complete_is_not_the_best_of_those_compared():
    board = without(*((name, "li_lines") for name in ("atlas-harmony", "atlas-pca", "atlas-random", "harmony", "scvi")))
    (line,) = (line for line in lead(board) if "baselines" in line)
    assert "the best of the 2 baselines compared here (scArena has 22), PCA," in line
    (left,) = (line for line in lead(board) if line.startswith("Not compared"))
    assert "Harmony" in left and "scVI" in left and "(none on li_lines)" in left


@pytest.mark.parametrize("model", ["hvg", "scvi"])
def test_intervals_of_some_models_are_not_called_none(model):
    board = without(unreplicated=(model,))
    assert not has_ranges(board) and any(row["low"] is not None for row in board["overall"])
    title = next(card["title"] for card in board["models"] if card["name"] == model)
    assert lead(board)[0].endswith(f"whether beyond noise is not known, since {title} has no interval.")
    assert "this board has no intervals" not in " ".join(said(board))


def test_a_board_without_any_interval_says_so():
    board = without(unreplicated=[card["name"] for card in DEMO["models"]])
    assert lead(board)[0].endswith("this board has no intervals.")


def test_merged_boards_name_the_models_of_one_of_them():
    def part(models, dataset):
        board = copy.deepcopy(DEMO)
        board["models"] = [card for card in board["models"] if card["name"] in models]
        board["datasets"] = [entry for entry in board["datasets"] if entry["dataset"] == dataset]
        board["cells"] = [c for c in board["cells"] if c["model"] in models and c["dataset"] == dataset]
        rows = replicates(board)
        return Part(board, dataset, dataset, lambda c: rows[c["dataset"], c["model"], c["seed"]])

    parts = [part(("pca", "hvg", "harmony", "labels", "random-2"), "baron_h1"), part(("pca", "labels"), "li_lines")]
    board = merge(parts, "both").board
    assert lacking(board) == {"hvg": ["li_lines"], "harmony": ["li_lines"]}
    assert lead(board)[0].startswith("PCA alone has a total")
    assert "HVG and Harmony (none on li_lines)" in lead(board)[-1]


def test_page_and_summary_say_by_what_is_ranked(tmp_path):
    ranged, partly, one_alone = (
        DEMO,
        without(unreplicated=("scvi",)),
        without(*((n, "li_lines") for n in names(DEMO)[1:])),
    )
    rules = {
        "Rank: the 95 % range of ranks by total; models of one letter": ranged,
        "Rank: by the value alone, since no two ranked models have totals with intervals": partly,
        "Rank: none, since at most one model has a total on every dataset": one_alone,
    }
    for rule, board in rules.items():
        for text in (render(board, tmp_path), board_md(board)):
            assert [each for each in rules if each in text] == [rule]
            assert "This board has no intervals" not in text


def test_many_models_that_are_left_out_are_counted():
    board = copy.deepcopy(DEMO)
    one = next(card for card in board["models"] if card["name"] == "hvg")
    board["models"] += [{**one, "name": f"more-{number}", "title": f"More {number}"} for number in range(20)]
    (line,) = left_out(board)
    assert "More 5 and 14 more (none on baron_h1 and li_lines)" in line
