"""The board joins scores without ever making a missing one a number."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scarena.base.errors import DataError
from scarena.board.controls import control_checks, control_scaled
from scarena.board.file import read_board
from scarena.board.make import contamination, make_board, shortfalls, write_board
from scarena.board.ranking import differences, front, overall, standings
from scarena.board.samples import applicable, per_dataset, samples_of
from scarena.steps.config import BoardConfig
from scarena.tasks.replicates import read_replicates

R = 200
NOISE = np.random.default_rng(0).normal(size=(8, R))


def card(name, family="baseline", control=None):
    return {"name": name, "title": name, "family": family, "control": control}


def cell(dataset, model, value=None, *, seed=0, metric="total", state="ok", run_state="ok", reason=""):
    score = {"value": value, "state": state, "reason": reason, "low": None, "high": None}
    scores = {metric: score} if run_state == "ok" else {}
    return {"dataset": dataset, "model": model, "seed": seed, "state": run_state, "reason": reason, "scores": scores}


def replicated(cells, spread=0.01, own=0.0):
    """Replicates of every score: one noise that all models share, and one of the model's own."""
    models = sorted({c["model"] for c in cells})
    return {
        (c["dataset"], c["model"], c["seed"]): {
            metric: score["value"] + spread * NOISE[0] + own * NOISE[1 + models.index(c["model"])]
            for metric, score in c["scores"].items()
            if score["state"] == "ok"
        }
        for c in cells
    }


def table_of(cells, cards, replicates=None):
    return standings(cells, cards, samples_of(cells, replicates or {}))


def rows(cells, cards, replicates=None):
    return {row["model"]: row for row in overall(table_of(cells, cards, replicates)) if row["metric"] == "total"}


def checks_of(cells, cards, replicates=None):
    return control_checks(cells, cards, samples_of(cells, replicates or {}))


def test_a_failed_run_lowers_coverage_and_takes_the_rank_but_is_not_a_zero():
    cells = [
        cell("d1", "a", 0.8), cell("d2", "a", run_state="failed(oom)", reason="big"),
        cell("d1", "b", 0.5), cell("d2", "b", 0.5),
    ]  # fmt: skip
    table = rows(cells, [card("a"), card("b")])
    assert table["a"]["value"] == 0.8
    assert table["a"]["coverage"] == 0.5
    assert table["a"]["rank_low"] is None
    assert (table["b"]["rank_low"], table["b"]["coverage"]) == (1, 1.0)


def test_a_dataset_on_which_a_metric_means_nothing_does_not_count_against_anyone():
    cells = [cell("d1", "a", 0.8), cell("d2", "a", state="not applicable")]
    assert applicable(cells) == {"total": {"d1"}}
    assert rows(cells, [card("a")])["a"]["coverage"] == 1.0


def test_a_dataset_that_cannot_answer_does_not_count_because_one_run_failed_there():
    cells = [cell("d1", "a", 0.8), cell("d1", "b", 0.7), cell("d2", "a", state="not applicable")]
    cells.append(cell("d2", "b", state="failed", reason="nan"))
    assert applicable(cells) == {"total": {"d1"}}
    assert rows(cells, [card("a"), card("b")])["b"]["rank_low"] == 2


def test_a_dataset_on_which_every_score_failed_counts_for_the_metric():
    cells = [cell("d1", "a", 0.8), cell("d2", "a", state="failed")]
    assert applicable(cells) == {"total": {"d1", "d2"}}
    assert rows(cells, [card("a")])["a"]["coverage"] == 0.5


def test_a_model_without_any_value_has_none():
    row = rows([cell("d1", "a", run_state="failed(error)"), cell("d1", "b", 0.1)], [card("a"), card("b")])["a"]
    assert (row["value"], row["coverage"]) == (None, 0.0)


def test_controls_are_not_ranked():
    table = rows([cell("d1", "labels", 1.0), cell("d1", "a", 0.5)], [card("labels", "control", "positive"), card("a")])
    assert table["labels"]["rank_low"] is None
    assert table["a"]["rank_low"] == 1


def test_without_replicates_models_that_swap_between_seeds_share_ranks_and_a_tie_group():
    values = {"a": (0.8, 0.6), "b": (0.7, 0.7), "c": (0.2, 0.3)}
    cells = [cell("d1", m, v, seed=s) for m, pair in values.items() for s, v in enumerate(pair)]
    table = rows(cells, [card(m) for m in values])
    assert (table["a"]["low"], table["a"]["high"], table["a"]["interval"]) == (0.6, 0.8, "seeds")
    assert {(table[m]["rank_low"], table[m]["rank_high"]) for m in "ab"} == {(1, 2)}
    assert (table["c"]["rank_low"], table["c"]["rank_high"]) == (3, 3)
    assert table["a"]["tie_group"] == table["b"]["tie_group"] != table["c"]["tie_group"]


def test_with_one_seed_and_no_replicates_there_is_no_interval_to_show():
    row = rows([cell("d1", "a", 0.5)], [card("a")])["a"]
    assert (row["low"], row["high"], row["interval"]) == (None, None, None)
    assert (row["rank_low"], row["rank_high"], row["tie_group"]) == (1, 1, 1)


def test_noise_that_models_share_widens_intervals_but_leaves_their_order_certain():
    cells = [cell(d, m, v) for d in ("d1", "d2") for m, v in (("a", 0.60), ("b", 0.55))]
    table = rows(cells, [card("a"), card("b")], replicated(cells, spread=0.1))
    assert table["a"]["low"] < table["b"]["value"] < table["b"]["high"]
    assert [table[m]["tie_group"] for m in "ab"] == [1, 2]
    assert [table[m]["rank_high"] for m in "ab"] == [1, 2]
    assert table["a"]["interval"] == "cells"


def test_noise_of_their_own_ties_models_and_widens_their_ranks():
    cells = [cell("d1", m, v) for m, v in (("a", 0.60), ("b", 0.58), ("c", 0.1))]
    found = table_of(cells, [card(m) for m in "abc"], replicated(cells, own=0.05))
    table = {row["model"]: row for row in overall(found)}
    assert [(table[m]["rank_low"], table[m]["rank_high"], table[m]["tie_group"]) for m in "abc"] == [
        (1, 2, 1), (1, 2, 1), (3, 3, 2),
    ]  # fmt: skip
    pairs = {(row["model_a"], row["model_b"]): row for row in differences(found)}
    assert set(pairs) == {("a", "b"), ("a", "c"), ("b", "c")}
    assert pairs["a", "b"]["low"] < 0 < pairs["a", "b"]["difference"] == 0.02
    assert 0.5 < pairs["a", "b"]["wins"] < 1 == pairs["a", "c"]["wins"]


def test_datasets_whose_cells_were_drawn_from_one_stream_count_as_independent():
    cells = [cell(f"d{i}", "a", 0.5) for i in range(16)]
    row = rows(cells, [card("a")], replicated(cells, spread=0.1))["a"]
    assert row["high"] - row["low"] == pytest.approx(2 * 1.96 * 0.1 / 4, rel=0.2)


def test_an_interval_stays_in_the_range_of_its_metric():
    cells = [cell("d1", "a", 0.99)]
    row = rows(cells, [card("a")], replicated(cells, spread=0.1))["a"]
    assert 0.7 < row["low"] < 0.99
    assert row["high"] == 1.0


def test_where_lower_is_better_the_lowest_leads():
    cells = [cell("d1", m, v, metric="lcad_all") for m, v in (("a", 2.0), ("b", 0.5))]
    found = {row["model"]: row for row in overall(table_of(cells, [card("a"), card("b")], replicated(cells, own=0.1)))}
    assert [found[m]["rank_low"] for m in "ab"] == [2, 1]
    assert [found[m]["tie_group"] for m in "ab"] == [2, 1]


def test_a_number_without_a_better_side_ranks_nobody():
    cells = [cell("d1", m, v, metric="lcad_errors") for m, v in (("a", 2.0), ("b", 3.0))]
    assert {row["rank_low"] for row in overall(table_of(cells, [card("a"), card("b")]))} == {None}


def test_one_model_without_replicates_leaves_ranks_to_the_values_and_the_others_their_intervals():
    cells = [cell("d1", "a", 0.60), cell("d1", "b", 0.59)]
    replicates = replicated(cells, own=0.1)
    del replicates["d1", "b", 0]
    found = table_of(cells, [card("a"), card("b")], replicates)
    table = {row["model"]: row for row in overall(found)}
    assert (table["a"]["interval"], table["b"]["interval"]) == ("cells", None)
    assert [(table[m]["rank_low"], table[m]["rank_high"]) for m in "ab"] == [(1, 1), (2, 2)]
    (pair,) = differences(found)
    assert (pair["interval"], pair["low"], pair["wins"]) == (None, None, None)


def test_several_seeds_have_an_interval_on_their_dataset():
    cells = [cell("d1", "a", v, seed=s) for s, v in enumerate((0.4, 0.6))] + [cell("d1", "b", 0.5)]
    (row,) = per_dataset(samples_of(cells, replicated(cells)))
    assert (row["model"], row["value"], row["interval"]) == ("a", 0.5, "cells")
    assert row["low"] < 0.4 < 0.6 < row["high"]


@given(st.permutations(range(12)), st.permutations(range(3)))
@settings(deadline=None, max_examples=20)
def test_neither_the_order_of_cells_nor_that_of_models_changes_a_row(cell_order, model_order):
    values = {"a": 0.52, "b": 0.5, "c": 0.5}
    cells = [cell(d, m, v + 0.01 * s, seed=s) for d in ("d1", "d2") for m, v in values.items() for s in (0, 1)]
    cards = [card(m) for m in values]
    replicates = replicated(cells, own=0.02)
    moved = table_of([cells[i] for i in cell_order], [cards[i] for i in model_order], replicates)
    still = table_of(cells, cards, replicates)
    assert sorted(overall(moved), key=lambda row: row["model"]) == overall(still)
    assert differences(moved) == differences(still)


def test_the_front_leaves_out_controls_and_models_without_a_side():
    sides = {"a": (0.9, 0.1), "b": (0.5, 0.5), "c": (0.4, 0.5), "labels": (1.0, 1.0), "d": (0.95, None)}
    cells = []
    for model, (bio, batch) in sides.items():
        scores = cell("d1", model, bio, metric="bio")["scores"]
        state = "ok" if batch is not None else "failed"
        scores |= cell("d1", model, batch, metric="batch", state=state)["scores"]
        cells.append({**cell("d1", model), "scores": scores})
    cards = [card(m) for m in "dcba"] + [card("labels", "control", "positive")]
    expected = [{"model": "a", "bio": 0.9, "batch": 0.1}, {"model": "b", "bio": 0.5, "batch": 0.5}]
    assert front(table_of(cells, cards)) == expected


@pytest.mark.parametrize(("noise", "tells"), [(0.4, True), (0.9, False), (0.5, False)])
def test_a_metric_that_puts_noise_on_a_level_with_the_labels_does_not_discriminate(noise, tells):
    cards = [
        card("labels", "control", "positive"),
        card("random-2", "control", "negative"),
        card("shuffled", "control", "negative"),
    ]
    cells = [cell("d1", "labels", 0.5), cell("d1", "random-2", noise), cell("d1", "shuffled", 0.1)]
    (check,) = checks_of(cells, cards)
    assert check["discriminates"] is tells
    assert check["negative"] == noise


def test_where_lower_is_better_the_labels_must_be_below_noise():
    cards = [card("labels", "control", "positive"), card("random-2", "control", "negative")]
    cells = [cell("d1", "labels", 0.0, metric="lcad_all"), cell("d1", "random-2", 3.0, metric="lcad_all")]
    (check,) = checks_of(cells, cards, replicated(cells, own=0.1))
    assert check["discriminates"]
    assert 2.5 < check["margin_low"] < 3


def test_a_lead_of_the_labels_that_noise_could_have_made_is_open():
    cards = [card("labels", "control", "positive"), card("random-2", "control", "negative")]
    cells = [cell("d1", "labels", 0.5), cell("d1", "random-2", 0.49)]
    (check,) = checks_of(cells, cards, replicated(cells, own=0.05))
    assert check["discriminates"]
    assert check["margin_low"] < 0
    assert checks_of(cells, cards, replicated(cells, spread=0.2, own=0.0))[0]["margin_low"] == pytest.approx(0.01)
    assert checks_of(cells, cards)[0]["margin_low"] is None


def scaled(cells):
    cards = [card("labels", "control", "positive"), card("random-2", "control", "negative"), card("a"), card("b")]
    samples = samples_of(cells, {})
    found = control_scaled(standings(cells, cards, samples), samples, control_checks(cells, cards, samples), cards)
    return {row["model"]: row for row in found}


@pytest.mark.parametrize("metric", ["total", "lcad_all"])
def test_scaled_by_the_controls_noise_is_0_and_the_labels_are_1_in_either_direction(metric):
    values = {"labels": 0.9, "random-2": 0.4, "a": 0.65} if metric == "total" else {"labels": 0, "random-2": 2, "a": 1}
    table = scaled([cell("d1", m, v, metric=metric) for m, v in values.items()])
    assert {m: table[m]["value"] for m in values} == pytest.approx({"labels": 1, "random-2": 0, "a": 0.5})


def test_a_dataset_whose_control_check_fails_has_no_scale_and_is_no_zero():
    cells = [cell("d1", "labels", 1.0), cell("d1", "random-2", 0.0), cell("d1", "a", 0.5)]
    cells += [cell("d2", "labels", 0.1), cell("d2", "random-2", 0.2), cell("d2", "a", 0.9), cell("d2", "b", 0.9)]
    table = scaled(cells)
    assert (table["a"]["value"], table["a"]["coverage"], table["a"]["datasets"]) == (0.5, 1.0, 1)
    assert (table["b"]["value"], table["b"]["coverage"]) == (None, 0.0)
    nowhere = scaled(cells[3:])["a"]
    assert (nowhere["value"], nowhere["datasets"]) == (None, 0)


def saved(path, metrics, values):
    with path.open("wb") as file:
        np.savez(file, metrics=np.array(metrics, dtype=np.str_), values=np.asarray(values, dtype=np.float64))
    return path


def test_replicates_are_read_by_metric_and_one_that_is_no_number_takes_its_metric_out(tmp_path):
    values = NOISE[:3].copy()
    values[1, 7] = np.nan
    found = read_replicates(saved(tmp_path / "replicates.npz", ["bio", "batch", "total"], values))
    assert set(found) == {"bio", "total"}
    assert (found["total"] == NOISE[2]).all()
    assert read_replicates(tmp_path / "absent.npz") == {}


def test_a_file_that_holds_no_replicates_is_refused_by_name(tmp_path):
    (tmp_path / "torn.npz").write_bytes(b"PK\x03\x04 torn")
    (tmp_path / "empty.npz").write_bytes(b"")
    saved(tmp_path / "short.npz", ["bio"], NOISE[:1, :7])
    for name in ("torn.npz", "empty.npz", "short.npz"):
        with pytest.raises(DataError, match=name):
            read_replicates(tmp_path / name)


def finished(folder, **more):
    """A board of two models on one dataset, as the steps leave it."""
    config = BoardConfig(board="b", datasets=["d1"], models=["hvg", "pca"], results=folder, **more)
    where = config.folder / "d1"
    where.mkdir(parents=True, exist_ok=True)
    dataset = {"dataset": "d1", "state": "ok", "reason": "", "card": {"title": "D"}, "summary": {"n_cells": 9}}
    (where / "dataset.json").write_text(json.dumps(dataset))
    (where / "sources.json").write_text("{}")
    cost = {"wall_s": float(np.random.default_rng().random()), "cpu_s": 1.0, "peak_rss_mb": 1.0}
    for model, value in (("hvg", 0.5), ("pca", 0.6)):
        run = where / model / "0"
        run.mkdir(parents=True, exist_ok=True)
        record = {
            "dataset": "d1", "model": model, "seed": 0, "state": "ok", "card": card(model), "fingerprint": "f",
            "versions": {}, "commit": "c", "hardware": {}, "cost": cost,
        }  # fmt: skip
        (run / "record.json").write_text(json.dumps(record))
        (run / "scores.json").write_text(json.dumps(cell("d1", model, value)))
    return config


def test_a_board_reads_the_replicates_beside_each_run_and_is_the_same_apart_from_timings(tmp_path):
    boards = []
    for name in ("one", "two"):
        config = finished(tmp_path / name)
        for number, model in enumerate(config.models):
            values = 0.5 + 0.01 * NOISE[number : number + 1]
            saved(config.folder / "d1" / model / "0" / "replicates.npz", ["total"], values)
        boards.append(make_board(config))
    timings = [board.pop("timings") for board in boards]
    assert timings[0] != timings[1]
    assert json.dumps(boards[0]) == json.dumps(boards[1])
    (pair,) = boards[0]["differences"]
    assert (pair["model_a"], pair["model_b"], pair["interval"]) == ("pca", "hvg", "cells")
    assert 0.05 < pair["low"] < 0.1 < pair["high"] < 0.15
    assert boards[0]["control_scaled"] == []


def test_a_board_without_replicates_and_one_of_a_run_that_failed_are_boards(tmp_path):
    config = finished(tmp_path, control_scaled=True)
    assert {row["interval"] for row in make_board(config)["overall"]} == {None}
    run = config.folder / "d1" / "hvg" / "0"
    saved(run / "replicates.npz", ["total"], NOISE[:1])
    (run / "scores.json").write_text(json.dumps(cell("d1", "hvg", run_state="failed(oom)")))
    board = make_board(config)
    assert [row["value"] for row in board["overall"]] == [None, 0.6]
    assert [row["low"] for row in board["overall"]] == [None, None]
    json.dumps(board, allow_nan=False)


def with_details(config, model, confusion, terms=("", "")):
    from scarena.metrics.details import Details
    from scarena.tasks.details import write_details

    details = Details(("s", "t"), terms, np.array(confusion, dtype=np.int64))
    write_details(config.folder / "d1" / model / "0" / "details.npz", details)


def test_a_cell_whose_run_left_details_tells_its_mistakes_and_any_other_has_no_such_key(tmp_path):
    config = finished(tmp_path)
    with_details(config, "pca", [[5, 2], [0, 1]])
    cells = {c["model"]: c for c in make_board(config)["cells"]}
    assert cells["pca"]["mistakes"] == {
        "n_cells": 8, "n_wrong": 2, "n_compared": 0, "by_distance": [[None, 2]], "confused": [["s", "t", 2, None]],
    }  # fmt: skip
    assert set(cells["hvg"]) == {"dataset", "model", "seed", "state", "reason", "scores"}


def test_distances_of_mistakes_are_those_of_the_boards_ontology(tmp_path):
    config = finished(tmp_path)
    with_details(config, "pca", [[5, 2], [0, 1]], ("CL:x", "CL:y"))
    with pytest.raises(DataError, match=r"ontology\.npz"):
        make_board(config)
    graph = {"release": "r", "names": {}, "parents": {"CL:0": [], "CL:m": ["CL:0"], "CL:x": ["CL:m"], "CL:y": ["CL:0"]}}
    text = np.frombuffer(json.dumps(graph).encode(), dtype=np.uint8)
    np.savez(config.folder / "ontology.npz", graph=text, terms=np.array(["CL:0"]), diffusion=np.zeros((1, 1)))
    (found,) = [c["mistakes"] for c in make_board(config)["cells"] if c["model"] == "pca"]
    assert (found["by_distance"], found["n_compared"]) == ([[2, 2]], 8)


def test_details_beside_a_run_that_failed_are_not_its_own_and_damaged_ones_are_refused_by_name(tmp_path):
    config = finished(tmp_path)
    run = config.folder / "d1" / "hvg" / "0"
    (run / "details.npz").write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(DataError, match=r"hvg/0/details\.npz"):
        make_board(config)
    (run / "scores.json").write_text(json.dumps(cell("d1", "hvg", run_state="failed(oom)")))
    assert not any("mistakes" in c for c in make_board(config)["cells"])


def test_boards_with_mistakes_are_read_compared_and_verified_like_boards_without(tmp_path):
    import copy

    from scarena.board.diff import differences as moved
    from scarena.board.verify import compare

    config = finished(tmp_path)
    old = make_board(config)
    with_details(config, "pca", [[5, 2], [0, 1]])
    new = make_board(config)
    for board in (old, new):
        for model in board["models"]:
            model |= {"description": "x", "uses_labels": False, "trains_on_target": False}
        board["datasets"][0]["card"] |= {"licence": "x"}
        board["datasets"][0].pop("summary")
        write_board(board, config.folder / "board.json")
        read = read_board(config.folder / "board.json")
        assert [c.get("mistakes") for c in read["cells"]] == [c.get("mistakes") for c in board["cells"]]
    assert moved(old, new) == moved(new, old) == []
    assert compare(new["cells"][1], old["cells"][1]).verdict == "same"
    for key, value in (
        ("n_wrong", 3), ("n_cells", "8"), ("by_distance", [[-1, 2]]), ("by_distance", [[None, 1], [None, 1.0]]),
        ("confused", [["s", "t", 9, None]]), ("confused", [["s", 2, None]]), ("n_compared", None),
    ):  # fmt: skip
        other = copy.deepcopy(new)
        other["cells"][1]["mistakes"][key] = value
        write_board(other, config.folder / "board.json")
        with pytest.raises(DataError, match="not a board"):
            read_board(config.folder / "board.json")


def test_every_failure_is_one_line():
    cells = [
        cell("d1", "a", run_state="failed(oom)", reason="x"),
        cell("d1", "b", state="failed", reason="y"),
        cell("d1", "c", 1.0),
    ]
    found = shortfalls({"cells": cells, "datasets": [{"dataset": "d1", "state": "ok"}]})
    assert [line for _, line in found] == ["d1 · a · seed 0: failed(oom): x", "d1 · b · seed 0 · total: failed: y"]


def test_a_dataset_that_is_missing_is_one_line_and_no_failure_where_the_machine_cannot_have_it():
    cells = [cell("d1", model, run_state="not available", reason="no R") for model in "ab"]
    found = shortfalls({"cells": cells, "datasets": [{"dataset": "d1", "state": "not available", "reason": "no R"}]})
    assert found == [("not available", "d1: not available: no R")]


def test_the_parquet_file_has_a_row_for_a_failed_run(tmp_path):
    import pandas as pd

    cells = [cell("d1", "a", run_state="failed(oom)", reason="x"), cell("d1", "b", 0.5)]
    write_board({"cells": cells}, tmp_path / "board.json")
    table = pd.read_parquet(tmp_path / "board.parquet").set_index("model")
    assert table.loc["a", "run_state"] == "failed(oom)"
    assert table["value"].isna().to_dict() == {"a": True, "b": False}
    assert table["low"].dtype == "float64"


def test_contamination_goes_by_the_cards_of_models_and_datasets():
    fm = {"name": "fm", "family": "foundation", "training_corpus": ["skin_ctcl", "GSE84133"]}
    models = [
        fm,
        {"name": "untold", "family": "foundation", "training_corpus": []},
        {"name": "hvg", "family": "baseline"},
    ]
    datasets = [
        {"dataset": "skin_ctcl", "card": {"study": []}},
        {"dataset": "baron_h1", "card": {"study": ["GSE84133"]}},
        {"dataset": "kang", "card": {"study": ["GSE96583"]}},
    ]
    found = {(row["model"], row["dataset"]): row["state"] for row in contamination(models, datasets)}
    assert found == {
        ("fm", "skin_ctcl"): "cells", ("fm", "baron_h1"): "study", ("fm", "kang"): "clean",
        ("untold", "skin_ctcl"): "unknown", ("untold", "baron_h1"): "unknown", ("untold", "kang"): "unknown",
    }  # fmt: skip


def test_a_twin_whose_weights_nobody_trained_is_clean() -> None:
    datasets = [{"dataset": "D", "card": {"study": ["s"]}}]
    twin = {"name": "twin", "family": "foundation", "training_corpus": [], "parameters": 0}
    silent = {**twin, "name": "silent", "parameters": 5}
    states = {row["model"]: row["state"] for row in contamination([twin, silent], datasets)}
    assert states == {"twin": "clean", "silent": "unknown"}
