"""A board that travels without its runs keeps the replicates of what ranks its models."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest

from scarena.base.errors import DataError
from scarena.board.file import read_board
from scarena.board.kept import kept_metrics, read_kept, write_kept
from scarena.board.make import compared, write_board
from scarena.board.merging.files import merge_boards, read_part
from scarena.metrics.resampling import N_REPLICATES

REFERENCE = json.loads((Path(__file__).parents[2] / "results/reference/demo/board.json").read_text())
# kbet is none of the metrics that are kept.
MEASURED = ("total", "bio", "batch", "lcad_all", "kbet")


def replicates_of(cell):
    seed = [cell["seed"], *f"{cell['dataset']} {cell['model']}".encode()]
    noise = np.random.default_rng(seed).normal(0, 0.02, (len(MEASURED), N_REPLICATES))
    values = {key: score["value"] for key, score in cell["scores"].items() if score["value"] is not None}
    return {key: values[key] + row for key, row in zip(MEASURED, noise, strict=True) if key in values}


def run_of(cell):
    return cell["dataset"], cell["model"], cell["seed"]


def half(models, place):
    """The demo board of some models, as a folder without runs."""
    board = copy.deepcopy(REFERENCE)
    board["board"] = place.name
    board["models"] = [card for card in board["models"] if card["name"] in models]
    board["cells"] = [cell for cell in board["cells"] if cell["model"] in models]
    for key in ("timings", "contamination"):
        board[key] = [row for row in board[key] if row["model"] in (None, *models)]
    made = {run_of(cell): replicates_of(cell) for cell in board["cells"]}
    board |= compared(board["cells"], board["models"], made, scaled=False)
    place.mkdir()
    write_board(board, place / "board.json", made)
    return place


@pytest.fixture
def places(tmp_path):
    return half(["hvg", "pca", "labels", "random-2"], tmp_path / "one"), half(["harmony", "scvi"], tmp_path / "two")


def test_every_headline_and_what_is_shown_first_are_kept():
    assert {"total", "bio", "batch", "onto_rwr", "malignant_auroc", "response_value"} <= {*kept_metrics()}


def test_what_is_kept_is_read_back_by_run_and_metric(places):
    board = read_board(places[0] / "board.json")
    found = read_kept(places[0] / "board.npz", board)
    with_some = [cell for cell in board["cells"] if replicates_of(cell)]
    assert {*found} == {run_of(cell) for cell in with_some}
    for cell in with_some:
        wanted = {key: row for key, row in replicates_of(cell).items() if key != "kbet"}
        assert found[run_of(cell)].keys() == wanted.keys()
        for key, row in wanted.items():
            np.testing.assert_allclose(found[run_of(cell)][key], row, rtol=1e-7)


@pytest.mark.parametrize("name", ["", "board.json"])
def test_boards_without_their_runs_are_compared_as_with_them(places, tmp_path, name):
    merged = merge_boards([place / name for place in places], tmp_path / "both").board
    cells = merged["cells"]
    whole = compared(cells, merged["models"], {run_of(c): replicates_of(c) for c in cells}, scaled=False)
    assert merged["differences"] and len(merged["differences"]) == len(whole["differences"])
    for mine, wanted in zip(merged["differences"], whole["differences"], strict=True):
        assert [mine[k] for k in ("model_a", "model_b")] == [wanted[k] for k in ("model_a", "model_b")]
        assert [mine[k] for k in ("low", "high")] == pytest.approx([wanted[k] for k in ("low", "high")], abs=1e-6)
    ranks = ("model", "rank_low", "rank_high", "tie_group", "interval")
    both = ([[r[k] for k in ranks] for r in b["overall"] if r["metric"] == "total"] for b in (merged, whole))
    assert next(both) == next(both)
    assert {row["interval"] for row in merged["overall"] if row["metric"] == "kbet"} == {None}
    # What was merged is kept in its turn.
    assert merge_boards([tmp_path / "both"], tmp_path / "again").board["overall"] == merged["overall"]


def test_without_the_file_a_board_counts_without_intervals(places, tmp_path):
    (places[0] / "board.npz").unlink()
    merged = merge_boards([*places], tmp_path / "both")
    assert merged.replicated == [(12, 0), (6, 6)]
    assert {row["low"] for row in merged.board["differences"]} == {None}


def test_a_board_none_of_whose_runs_has_replicates_has_a_file_of_none(tmp_path):
    board = copy.deepcopy(REFERENCE)
    write_kept(tmp_path / "board.npz", board, {})
    assert read_kept(tmp_path / "board.npz", board) == {}


def test_the_replicates_of_another_board_are_refused(places):
    (places[0] / "board.npz").write_bytes((places[1] / "board.npz").read_bytes())
    with pytest.raises(DataError, match=r"one/board.npz: not of this board: total of baron_h1/harmony/0 differs"):
        read_part(places[0])


def test_scores_that_were_computed_again_are_not_given_old_replicates(places):
    path = places[0] / "board.json"
    board = json.loads(path.read_text())
    next(cell for cell in board["cells"] if cell["model"] == "pca")["scores"]["bio"]["value"] += 1e-9
    path.write_text(json.dumps(board))
    with pytest.raises(DataError, match="not of this board: bio of baron_h1/pca/0 differs"):
        read_part(places[0])


def arrays(path):
    with np.load(path) as file:
        return dict(file)


@pytest.mark.parametrize(
    ("broken", "what"),
    [
        (lambda a: a | {"values": a["values"][:, :5]}, "shape"),
        (lambda a: a | {"scores": a["scores"][:-1]}, "shape"),
        (lambda a: a | {"runs": a["runs"][1:]}, "shape"),
        (lambda a: a | {"values": np.full_like(a["values"], np.nan)}, "a replicate is no number"),
        (lambda a: a | {"values": np.full(a["values"].shape, "x")}, "not a file of a board's replicates"),
        (lambda a: {key: a[key] for key in ("runs", "values")}, "lacks metrics, scores"),
    ],
)
def test_a_damaged_file_is_one_line(places, broken, what):
    path = places[0] / "board.npz"
    np.savez(path, **broken(arrays(path)))
    with pytest.raises(DataError, match=what) as told:
        read_part(places[0])
    assert str(path) in str(told.value) and "board.json and board.npz together" in str(told.value)


def test_a_torn_file_is_one_line(places):
    path = places[0] / "board.npz"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match="not a readable npz"):
        read_part(places[0])
