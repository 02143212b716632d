"""The board joins scores without ever making a missing one a number."""

import pytest

from scarena.board import applicable, control_checks, overall, shortfalls, write_board


def card(name, family="baseline", control=None):
    return {"name": name, "title": name, "family": family, "control": control}


def cell(dataset, model, value=None, *, seed=0, metric="total", state="ok", run_state="ok", reason=""):
    score = {"value": value, "state": state, "reason": reason, "low": None, "high": None}
    scores = {metric: score} if run_state == "ok" else {}
    return {"dataset": dataset, "model": model, "seed": seed, "state": run_state, "reason": reason, "scores": scores}


def rows(cells, cards, n_seeds=1):
    return {row["model"]: row for row in overall(cells, cards, n_seeds) if row["metric"] == "total"}


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


def test_a_model_without_any_value_has_none():
    row = rows([cell("d1", "a", run_state="failed(error)"), cell("d1", "b", 0.1)], [card("a"), card("b")])["a"]
    assert (row["value"], row["coverage"]) == (None, 0.0)


def test_controls_are_not_ranked():
    table = rows([cell("d1", "labels", 1.0), cell("d1", "a", 0.5)], [card("labels", "control", "positive"), card("a")])
    assert table["labels"]["rank_low"] is None
    assert table["a"]["rank_low"] == 1


def test_models_whose_ranges_over_seeds_overlap_share_ranks_and_a_tie_group():
    values = {"a": (0.8, 0.6), "b": (0.7, 0.7), "c": (0.2, 0.3)}
    cells = [cell("d1", m, v, seed=s) for m, pair in values.items() for s, v in enumerate(pair)]
    table = rows(cells, [card(m) for m in values], n_seeds=2)
    assert (table["a"]["low"], table["a"]["high"]) == (0.6, 0.8)
    assert {(table[m]["rank_low"], table[m]["rank_high"]) for m in "ab"} == {(1, 2)}
    assert (table["c"]["rank_low"], table["c"]["rank_high"]) == (3, 3)
    assert table["a"]["tie_group"] == table["b"]["tie_group"] != table["c"]["tie_group"]


def test_with_one_seed_there_is_no_range_to_show():
    row = rows([cell("d1", "a", 0.5)], [card("a")])["a"]
    assert (row["low"], row["high"]) == (None, None)


@pytest.mark.parametrize(("noise", "tells"), [(0.4, True), (0.9, False), (0.5, False)])
def test_a_metric_that_puts_noise_on_a_level_with_the_labels_does_not_discriminate(noise, tells):
    cards = [
        card("labels", "control", "positive"),
        card("random-2", "control", "negative"),
        card("shuffled", "control", "negative"),
    ]
    cells = [cell("d1", "labels", 0.5), cell("d1", "random-2", noise), cell("d1", "shuffled", 0.1)]
    (check,) = control_checks(cells, cards)
    assert check["discriminates"] is tells
    assert check["negative"] == noise


def test_where_lower_is_better_the_labels_must_be_below_noise():
    cards = [card("labels", "control", "positive"), card("random-2", "control", "negative")]
    cells = [cell("d1", "labels", 0.0, metric="lcad_all"), cell("d1", "random-2", 3.0, metric="lcad_all")]
    assert control_checks(cells, cards)[0]["discriminates"]


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
