"""Merging the parts of a board gives the board again; what does not fit together is refused; nothing is invented."""

import copy
import hashlib
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from scarena.base.errors import ConfigError, DataError
from scarena.base.files import sha256_of
from scarena.board.file import read_board
from scarena.board.make import compared, contamination, write_board
from scarena.board.merging.boards import merge
from scarena.board.merging.files import merge_boards, read_part
from scarena.board.merging.provenance import differing
from scarena.board.merging.union import Part
from scarena.cli.boards import merge as verb
from scarena.metrics.resampling import N_REPLICATES
from scarena.report.board_files import write_page

KEPT = ("total", "bio", "batch", "lcad_all", "kbet")
COMPARED = ("per_dataset", "overall", "differences", "pareto", "controls", "control_scaled")
REFERENCE = json.loads((Path(__file__).parents[2] / "results/reference/demo/board.json").read_text())


def replicates_of(cell):
    """Replicates of a run: made up, but the same whenever they are asked for."""
    seed = [cell["seed"], *f"{cell['dataset']} {cell['model']}".encode()]
    noise = np.random.default_rng(seed).normal(0, 0.02, (len(KEPT), N_REPLICATES))
    values = {key: score["value"] for key, score in cell["scores"].items() if score["state"] == "ok"}
    return {key: values[key] + row for key, row in zip(KEPT, noise, strict=True) if key in values}


def merged_with_page(places, out):
    """Merge boards and write the page, as the verb does."""
    merge_boards(places, out)
    write_page(read_board(out / "board.json"), out / "board.html", out)


def recomputed(board, replicates=replicates_of):
    cells = board["cells"]
    made = {(c["dataset"], c["model"], c["seed"]): replicates(c) for c in cells if c["state"] == "ok"}
    board["contamination"] = contamination(board["models"], board["datasets"])
    return board | compared(cells, board["models"], made, scaled=bool(board["control_scaled"]))


@pytest.fixture(scope="module")
def reference():
    """The demo board with five metrics and a second seed of each run."""
    board = copy.deepcopy(REFERENCE)
    for cell in board["cells"]:
        cell["scores"] = {key: cell["scores"][key] for key in KEPT if key in cell["scores"]}
    again = copy.deepcopy(board["cells"])
    for cell in again:
        cell["seed"] = 1
        for score in cell["scores"].values():
            score["value"] = None if score["value"] is None else round(score["value"] * 0.99, 9)
    order = [(cell["dataset"], cell["model"]) for cell in again]
    board["cells"] = sorted(
        [*board["cells"], *again], key=lambda c: (order.index((c["dataset"], c["model"])), c["seed"])
    )  # fmt: skip
    board["provenance"]["seeds"] = [0, 1]
    board["control_scaled"] = [{}]
    return recomputed(board)


@pytest.fixture
def whole(reference):
    return copy.deepcopy(reference)


def half(board, name="half", *, datasets=None, models=None, seeds=None):
    """A board of some datasets, models and seeds of another, as if it had been made alone."""
    found = copy.deepcopy(board) | {"board": name, "title": name.title()}
    for key, value, kept in (("datasets", "dataset", datasets), ("models", "name", models)):
        found[key] = [entry for entry in found[key] if kept is None or entry[value] in kept]
    names = [entry["dataset"] for entry in found["datasets"]], [entry["name"] for entry in found["models"]]
    found["cells"] = [
        cell for cell in found["cells"]
        if cell["dataset"] in names[0] and cell["model"] in names[1] and (seeds is None or cell["seed"] in seeds)
    ]  # fmt: skip
    found["timings"] = [
        row for row in found["timings"] if row["dataset"] in names[0] and row["model"] in (None, *names[1])
    ]
    return recomputed(found)


def part(board, replicates=replicates_of):
    digest = hashlib.sha256(json.dumps(board, sort_keys=True).encode()).hexdigest()
    return Part(board, f"{board['board']} (somewhere)", digest, replicates)


def alone(board):
    return part(board, lambda cell: {})


def merged(*parts, prefer_first=False):
    return merge(parts, "merged", prefer_first=prefer_first)


def by_key(rows):
    return sorted(rows, key=lambda row: json.dumps({key: row[key] for key in row if isinstance(row[key], str)}))


DATASETS = [entry["dataset"] for entry in REFERENCE["datasets"]]
MODELS = [card["name"] for card in REFERENCE["models"]]
SPLITS = {
    "models": [{"models": MODELS[:6]}, {"models": MODELS[6:]}],
    "models mixed": [{"models": MODELS[1::2]}, {"models": MODELS[::2]}],
    "datasets": [{"datasets": DATASETS[:1]}, {"datasets": DATASETS[1:]}],
    "seeds": [{"seeds": [0]}, {"seeds": [1]}],
    "with a part in common": [{"models": MODELS[:10]}, {"models": MODELS[5:]}],
    "three": [{"datasets": [name]} for name in reversed(DATASETS)],
    "one": [{}],
}


@pytest.mark.parametrize("split", SPLITS)
def test_the_parts_of_a_board_make_the_board_again(whole, split):
    found = merged(*(part(half(whole, f"p{i}", **kept)) for i, kept in enumerate(SPLITS[split]))).board
    for key in COMPARED:
        assert by_key(found[key]) == by_key(whole[key]), key
    assert by_key(found["contamination"]) == by_key(whole["contamination"])
    order = [(cell["dataset"], cell["model"], cell["seed"]) for cell in found["cells"]]
    assert len(set(order)) == len(order)
    assert by_key(found["cells"]) == by_key(whole["cells"])
    assert by_key(found["timings"]) == by_key(whole["timings"])
    assert any(row["low"] is not None for row in found["overall"])


def test_merging_a_merged_board_changes_nothing(whole):
    parts = [part(half(whole, name, models=kept)) for name, kept in (("a", MODELS[:6]), ("b", MODELS[6:]))]
    once = merged(*parts).board
    again = merged(part(once)).board
    assert again == once
    assert merged(part(once), parts[0]).board == once
    assert [origin["board"] for origin in once["provenance"]["merged"]] == ["a", "b"]


def test_a_dataset_with_other_files_is_refused_even_if_the_first_goes(whole):
    other = copy.deepcopy(whole) | {"board": "other"}
    key = next(iter(other["datasets"][1]["sources"]))
    other["datasets"][1]["sources"][key] = "0" * 64
    for prefer in (False, True):
        with pytest.raises(DataError, match=r"dataset li_lines: demo \(somewhere\) and other \(somewhere\): the check"):
            merged(part(whole), part(other), prefer_first=prefer)


def test_a_dataset_of_other_cells_is_refused(whole):
    other = copy.deepcopy(whole) | {"board": "other"}
    other["datasets"][0]["summary"]["n_scored"] = 1000
    with pytest.raises(DataError, match=r"dataset baron_h1.*n_scored differ"):
        merged(part(whole), part(other))


def test_a_model_with_other_code_is_refused_or_left_out(whole):
    first, second = half(whole, "a", datasets=DATASETS[:2]), half(whole, "b", datasets=DATASETS[2:])
    next(card for card in second["models"] if card["name"] == "pca")["fingerprint"] = "other"
    with pytest.raises(DataError, match=r"model pca: a \(somewhere\) and b \(somewhere\): code or card differ"):
        merged(part(first), part(second))
    found = merged(part(first), part(second), prefer_first=True)
    assert len(found.left_out) == 1 and "model pca" in found.left_out[0]
    states = {cell["dataset"]: cell["state"] for cell in found.board["cells"] if cell["model"] == "pca"}
    assert states == {DATASETS[0]: "ok", DATASETS[1]: "ok", DATASETS[2]: "not available"}


def test_a_run_with_other_values_is_refused_or_the_first_is_taken(whole):
    other = copy.deepcopy(whole) | {"board": "other"}
    cell = next(cell for cell in other["cells"] if cell["scores"]["total"]["state"] == "ok")
    total = cell["scores"]["total"]
    total |= {end: total[end] + 0.3 for end in ("value", "low", "high")}
    who = f"run {cell['dataset']} · {cell['model']} · seed {cell['seed']}"
    limit = 0.5 * math.hypot(total["high"] - total["low"], total["high"] - total["low"])
    with pytest.raises(
        DataError, match=f"{who}.*its total differs by 0.3000, more than the {limit:.4f} that its inter"
    ):
        merged(part(whole), part(other))
    found = merged(part(whole), part(other), prefer_first=True)
    assert found.board["overall"] == whole["overall"]
    assert len(found.left_out) == 1 and who in found.left_out[0]


def moved(board, by, metrics=("total", "bio", "batch")):
    """Return a board as another processor makes it: each score moved by a share of half its interval."""
    other = copy.deepcopy(board) | {"board": "other"}
    for score in (cell["scores"][key] for cell in other["cells"] for key in metrics if key in cell["scores"]):
        if score["value"] is not None:
            step = by * (score["high"] - score["low"]) / 2
            score |= {end: score[end] + step for end in ("value", "low", "high")}
    return other


@pytest.mark.parametrize("by", [1e-4, 0.5, -1.0, 1.3])
def test_boards_of_two_processors_are_merged_whose_totals_differ_within_their_intervals(whole, by):
    found = merged(part(whole), part(moved(whole, by)))
    assert found.board["cells"] == whole["cells"]
    assert found.left_out == []


@pytest.mark.parametrize("by", [1.5, -3.0])
def test_boards_whose_totals_differ_by_more_are_refused_with_the_limit(whole, by):
    with pytest.raises(
        DataError, match=r"its total differs by 0\.\d{4}, more than the 0\.\d{4} that its intervals allow"
    ):
        merged(part(whole), part(moved(whole, by)))


def test_other_scores_that_differ_by_more_are_said_and_the_first_run_is_taken(whole):
    found = merged(part(whole), part(moved(whole, 3.0, ["bio"])))
    assert found.board["cells"] == whole["cells"]
    lines = [line for line in found.left_out if "1 of 5 scores differ beyond their intervals, bio most" in line]
    assert lines == found.left_out != []
    endings = {line.rpartition("), ")[2] for line in lines}
    assert endings == {"its total by less; taken for the same", "of which none ranks it; taken for the same"}


def test_without_an_interval_a_total_may_differ_by_what_is_not_printed_alone(whole):
    for cell in whole["cells"]:
        cell["scores"]["total"] |= {"low": None, "high": None} if "total" in cell["scores"] else {}
    near, far = copy.deepcopy(whole), copy.deepcopy(whole)
    for board, by in ((near, 9e-5), (far, 2e-4)):
        board["board"] = "other"
        for score in (
            cell["scores"]["total"] for cell in board["cells"] if cell["scores"]["total"]["value"] is not None
        ):
            score["value"] += by
    assert merged(part(whole), part(near)).left_out == []
    with pytest.raises(DataError, match="has no interval to allow that"):
        merged(part(whole), part(far))


@pytest.mark.parametrize("names", [("demo", "baselines"), ("baselines", "demo"), ("full", "baselines", "demo")])
def test_the_boards_that_are_shipped_can_be_merged(names):
    folder = Path(__file__).parents[2] / "results" / "reference"
    found = merge([read_part(folder / name / "board.json") for name in names], "all")
    assert {d["dataset"] for d in found.board["datasets"]} >= {"baron_h1", "li_lines", "pollen"}
    # What another processor trained anew, scVI above all, is said.
    assert len(found.left_out) < 10


def test_a_run_that_failed_on_one_board_is_refused_but_one_that_could_not_be_had_gives_way(whole):
    failed, lacking = (half(whole, name) for name in ("failed", "lacking"))
    failed["cells"][0] |= {"state": "failed(oom)", "reason": "x", "scores": {}}
    with pytest.raises(DataError, match=r"their states differ: failed\(oom\) and ok"):
        merged(part(failed), part(whole))
    lacking["cells"][0] |= {"state": "not available", "reason": "no R", "scores": {}}
    for parts in ((lacking, whole), (whole, lacking)):
        assert merged(*map(part, parts)).board["cells"][0] == whole["cells"][0]


def test_a_dataset_that_one_board_could_not_prepare_is_taken_from_the_other(whole):
    broken = half(whole, "broken")
    broken["datasets"][0] |= {"state": "failed(error)", "reason": "hash", "sources": {}}
    broken["datasets"][0].pop("summary")
    for cell in broken["cells"]:
        if cell["dataset"] == DATASETS[0]:
            cell |= {"state": "failed(error)", "reason": "hash", "scores": {}}
    found = merged(part(broken), part(whole)).board
    assert by_key(found["overall"]) == by_key(whole["overall"])
    assert found["datasets"] == whole["datasets"]


def test_without_replicates_at_hand_nothing_has_an_interval(whole):
    single = half(whole, seeds=[0])
    found = merged(*(alone(half(single, name, models=kept)) for name, kept in (("a", MODELS[:6]), ("b", MODELS[6:]))))
    assert {(row["low"], row["high"], row["interval"]) for row in found.board["overall"]} == {(None, None, None)}
    assert {row["low"] for row in found.board["differences"]} == {None}
    assert {row["margin_low"] for row in found.board["controls"]} == {None}
    values = {(row["model"], row["metric"]): row["value"] for row in single["overall"]}
    assert {(row["model"], row["metric"]): row["value"] for row in found.board["overall"]} == values
    assert [o["runs_with_replicates"] for o in found.board["provenance"]["merged"]] == [0, 0]


def test_what_counts_runs_without_replicates_has_no_interval_and_the_rest_keeps_its_own(whole):
    single = half(whole, seeds=[0])
    first, second = half(single, "a", models=MODELS[:6]), half(single, "b", models=MODELS[6:])
    rows = merged(part(first), alone(second)).board["overall"]
    have = {row["model"] for row in rows if row["metric"] == "total" and row["low"] is not None}
    assert have == set(MODELS[:6])
    rows = merged(part(half(single, "a", datasets=DATASETS[:1])), alone(half(single, "b", datasets=DATASETS[1:]))).board
    # Over both parts of the datasets nobody has one, and ranks go by the values.
    assert {row["low"] for row in rows["overall"] if row["metric"] == "total"} == {None}
    assert all(row["rank_low"] == row["rank_high"] for row in rows["overall"] if row["metric"] == "total")


def test_the_same_run_on_two_boards_is_taken_from_the_one_that_has_its_replicates(whole):
    assert merged(alone(whole), part(half(whole, "b"))).board["overall"] == whole["overall"]


def test_a_model_without_a_run_on_some_dataset_has_less_coverage_and_no_rank(whole):
    first = half(whole, "a", datasets=DATASETS[:1], models=["hvg", "pca", "harmony"])
    second = half(whole, "b", datasets=DATASETS[1:2], models=["hvg", "pca", "scvi"])
    board = merged(part(first), part(second)).board
    total = {row["model"]: row for row in board["overall"] if row["metric"] == "total"}
    assert {model: row["coverage"] for model, row in total.items()} == {
        "hvg": 1.0, "pca": 1.0, "harmony": 0.5, "scvi": 0.5
    }  # fmt: skip
    assert [model for model, row in total.items() if row["rank_low"] is None] == ["harmony", "scvi"]
    (cell,) = (cell for cell in board["cells"] if (cell["dataset"], cell["model"]) == (DATASETS[1], "harmony"))
    assert (cell["state"], cell["scores"]) == ("not available", {})
    third = half(whole, "c", datasets=DATASETS[1:2], models=["harmony"])
    again = merged(part(board), part(third)).board
    assert {row["coverage"] for row in again["overall"] if row["model"] == "harmony" and row["metric"] == "total"} == {
        1
    }


def test_what_the_boards_were_not_computed_with_alike_is_said(whole):
    first, second = half(whole, "a", models=MODELS[:6]), half(whole, "b", models=MODELS[6:])
    second["provenance"] = copy.deepcopy(second["provenance"])
    second["provenance"]["versions"]["scvi-tools"] = "9.9"
    second["provenance"] |= {"metrics": "f00", "commits": ["abc"]}
    told = merged(part(first), part(second)).board["provenance"]
    assert differing(told) == ["scvi-tools 1.4.2, 9.9", "the code of the metrics"]
    assert told["metrics"] is None and "abc" in told["commits"]
    assert told["merged"][1]["versions"]["scvi-tools"] == "9.9"
    assert differing(merged(part(whole)).board["provenance"]) == []


def test_a_metric_that_is_not_known_here_is_refused(whole):
    whole["cells"][0]["scores"]["of-a-plug-in"] = {"value": 1.0, "state": "ok"}
    with pytest.raises(DataError, match="of-a-plug-in"):
        merged(part(whole))


def folder_of(board, place):
    """A board in a folder with its runs, as the steps leave them."""
    for cell in board["cells"]:
        run = place / cell["dataset"] / cell["model"] / str(cell["seed"])
        run.mkdir(parents=True)
        (run / "scores.json").write_text(json.dumps(cell))
        found = replicates_of(cell)
        with (run / "replicates.npz").open("wb") as file:
            np.savez(file, metrics=np.array(list(found), dtype=np.str_), values=np.array(list(found.values())))
    for dataset in {cell["dataset"] for cell in board["cells"]}:
        models = sorted({cell["model"] for cell in board["cells"] if cell["dataset"] == dataset})
        cells = np.array(["x", "y"], dtype=np.str_)
        np.savez(place / dataset / "umaps.npz", obs_names=cells, **{f"xy:{m}": np.zeros((2, 2)) for m in models})
        write_cells(place / dataset / "dataset.h5ad", cells)
    write_board(board, place / "board.json")
    return place


def write_cells(path, names):
    import anndata
    import pandas as pd
    from scipy.sparse import csr_matrix

    columns = ("batch", "cell_type", "cell_type_id")
    obs = pd.DataFrame({column: ["a"] * len(names) for column in columns}, index=names)
    data = anndata.AnnData(csr_matrix(np.ones((len(names), 2), np.int32)), obs=obs)
    data.var["symbol"] = "g"
    data.write_h5ad(path)


@pytest.fixture
def folders(whole, tmp_path):
    names = ["hvg", "pca", "labels", "random-2"]
    small = half(whole, "small", datasets=DATASETS[:2], models=names)
    first, second = half(small, "a", models=names[:2]), half(small, "b", models=names[2:])
    return small, folder_of(first, tmp_path / "a"), folder_of(second, tmp_path / "b")


def test_two_folders_make_a_folder_with_a_page_that_can_be_merged_again(folders, tmp_path):
    small, *places = folders
    out, again = tmp_path / "both", tmp_path / "again" / "both"
    merged_with_page(places, out)
    board = read_board(out / "board.json")
    assert board["overall"] == small["overall"]
    page = (out / "board.html").read_text()
    assert all(card["title"] in page for card in small["models"])
    assert "UMAP of baron_h1 by" in page
    assert (out / "board.md").read_text().count("Merged from 2 boards: a, b.") == 1
    assert (out / DATASETS[0] / "hvg" / "0" / "replicates.npz").exists()
    merged_with_page([out], again)
    for name in ("board.json", "board.html", "board.csv", "board.md"):
        assert sha256_of(out / name) == sha256_of(again / name), name
    with np.load(out / DATASETS[0] / "umaps.npz") as file:
        assert sorted(file.files) == ["obs_names", "xy:hvg", "xy:labels", "xy:pca", "xy:random-2"]


def test_a_board_json_alone_has_no_replicates_even_where_its_runs_lie_beside_it(folders, tmp_path):
    _, first, second = folders
    merge_boards([first / "board.json", second], tmp_path / "both")
    rows = read_board(tmp_path / "both" / "board.json")["overall"]
    kinds = {row["model"]: row["interval"] for row in rows if row["metric"] == "total"}
    assert kinds == {"hvg": "seeds", "pca": "seeds", "labels": "cells", "random-2": "cells"}
    assert not (tmp_path / "both" / DATASETS[0] / "hvg").exists()


def test_umaps_of_shared_boards_wait_until_a_board_has_the_cells(folders, tmp_path):
    _, first, second = folders
    for place in (first, second):
        shared = tmp_path / "shared" / place.name
        shared.mkdir(parents=True)
        shutil.copy(place / "board.json", shared)
        for umaps in place.glob("*/umaps.npz"):
            (shared / umaps.parent.name).mkdir()
            shutil.copy(umaps, shared / umaps.parent.name)
    merged_with_page([tmp_path / "shared" / "a", tmp_path / "shared" / "b"], tmp_path / "both")
    assert "UMAP of baron_h1 by" not in (tmp_path / "both" / "board.html").read_text()
    merged_with_page([tmp_path / "both", first], tmp_path / "again")
    page = (tmp_path / "again" / "board.html").read_text()
    assert "UMAP of baron_h1 by" in page
    with np.load(tmp_path / "again" / DATASETS[0] / "umaps.npz") as file:
        assert sorted(file.files) == ["obs_names", "xy:hvg", "xy:labels", "xy:pca", "xy:random-2"]


def test_a_run_that_is_no_longer_that_of_the_board_is_refused(folders):
    _, first, _ = folders
    scores = first / DATASETS[0] / "hvg" / "0" / "scores.json"
    cell = json.loads(scores.read_text())
    cell["scores"]["bio"]["value"] = 0.123
    scores.write_text(json.dumps(cell))
    read = read_part(first)
    with pytest.raises(DataError, match="not the run that is on the board: 1 of 5 scores differ, bio"):
        merge([read], "b")


def test_a_link_to_a_run_that_is_gone_is_no_run_without_replicates(folders, tmp_path):
    _, first, second = folders
    merge_boards([first, second], tmp_path / "both")
    shutil.rmtree(second / DATASETS[0] / "labels")
    with pytest.raises(DataError, match=f"{DATASETS[0]}/labels/0: the run that it leads to is gone"):
        merge_boards([tmp_path / "both"], tmp_path / "again")


def test_a_folder_that_is_something_else_is_not_written_to(folders, tmp_path):
    _, first, second = folders
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    (tmp_path / "file").touch()
    before = sorted(tmp_path.rglob("*"))
    for out in (first, second, tmp_path / "mine", tmp_path / "file", tmp_path / "No Name"):
        with pytest.raises(ConfigError, match=out.name):
            merge_boards([first, second / "board.json"], out)
    assert sorted(tmp_path.rglob("*")) == before


def test_merging_into_the_same_folder_again_leaves_nothing_of_before(folders, tmp_path):
    _, first, second = folders
    merge_boards([first, second], tmp_path / "both")
    merge_boards([first], tmp_path / "both")
    assert not (tmp_path / "both" / DATASETS[0] / "labels" / "0").is_symlink()
    assert {card["name"] for card in read_board(tmp_path / "both" / "board.json")["models"]} == {"hvg", "pca"}


def test_the_verb_says_what_was_left_out_and_what_has_no_replicates(folders, tmp_path, capsys):
    _, first, second = folders
    verb([first, second / "board.json"], tmp_path / "both")
    told = capsys.readouterr()
    assert told.err.splitlines() == [
        f"{second / 'board.json'}: 0 of 8 runs have replicates, so not all values have intervals"
    ]
    assert str(tmp_path / "both" / "board.html") in told.out
    with pytest.raises(ConfigError, match="--prefer first"):
        verb([first], tmp_path / "other", "second")
