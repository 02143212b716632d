"""The metric gate asks for the truth above noise and for a model clear of noise, in whatever unit a metric comes."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scarena.board.controls import control_checks
from scarena.board.diff import differences as moved
from scarena.board.file import read_board
from scarena.board.gate import SHARE, gate, gated, not_ranked, shown_only
from scarena.board.make import compared
from scarena.board.samples import samples_of
from scarena.metrics.resampling import N_REPLICATES

REFERENCE = json.loads((Path(__file__).parents[2] / "results/reference/demo/board.json").read_text())
FAMILY = {"labels": "positive", "centroids": "positive", "noise": "negative", "shuffled": "negative"}
HOLDS = {"labels": ["types"], "centroids": ["types", "distances"]}
GOOD = {"labels": 0.9, "centroids": 0.95, "noise": 0.1, "shuffled": 0.2, "a": 0.5, "b": 0.6}


def card(name):
    control = FAMILY.get(name)
    told = {"name": name, "title": name.upper(), "family": "control" if control else "baseline", "control": control}
    return told | {"holds": HOLDS.get(name, [])}


def cells_of(values, metric, dataset="d"):
    return [
        {"dataset": dataset, "model": name, "seed": 0, "state": "ok", "reason": "",
         "scores": {metric: {"value": value, "state": "ok", "reason": ""}}}
        for name, value in values.items()
    ]  # fmt: skip


def judged(values, metric="bio", spread=None):
    """The one row of a gate; with `spread`, replicates of that width about each value, drawn for each model alone."""
    cells, cards = cells_of(values, metric), [card(name) for name in values]
    rng, replicates = np.random.default_rng(0), {}
    if spread is not None:
        for name, value in values.items():
            replicates["d", name, 0] = {metric: value + rng.normal(0, spread, N_REPLICATES)}
    [row] = gate(cells, cards, control_checks(cells, cards, samples_of(cells, replicates)))
    return row


def test_truth_above_noise_and_a_model_between_them_pass_and_the_share_is_of_the_best():
    row = judged(GOOD)
    assert row["verdict"] == "passes" and "no replicates" in row["reason"]
    assert row["share"] == pytest.approx((0.6 - 0.2) / (0.95 - 0.2))
    assert judged(GOOD, spread=0.001)["reason"] == ""


@pytest.mark.parametrize("spread", [None, 0.001])
def test_noise_as_good_as_the_truth_fails_with_both_named(spread):
    row = judged(GOOD | {"labels": 0.2, "centroids": 0.2}, spread=spread)
    assert row["verdict"] == "fails" and row["share"] is None
    assert "0.200" in row["reason"] and "SHUFFLED 0.200" in row["reason"]


def test_a_lead_within_noise_is_no_lead():
    row = judged(GOOD | {"labels": 0.1, "centroids": 0.21}, spread=0.05)
    assert row["verdict"] == "fails" and "CENTROIDS 0.210 leads SHUFFLED 0.200 within noise only" in row["reason"]


def test_one_control_that_leads_is_enough():
    assert judged(GOOD | {"labels": 0.0}, spread=0.001)["verdict"] == "passes"


def test_no_model_better_than_noise_fails_with_both_named():
    row = judged(GOOD | {"b": 0.2})
    assert row["verdict"] == "passes"
    row = judged(GOOD | {"a": 0.2, "b": 0.15})
    assert row["verdict"] == "fails" and "A 0.200, is no better than SHUFFLED 0.200" in row["reason"]


def test_a_model_that_goes_little_of_the_way_fails():
    up_to = {"a": 0.2, "b": 0.2 + 0.75 * SHARE}
    row = judged(GOOD | up_to)
    assert row["verdict"] == "fails" and row["share"] == pytest.approx(SHARE) and "10.0 % of the way" in row["reason"]
    assert judged(GOOD | up_to | {"b": 0.2 + 0.75 * SHARE + 1e-6})["verdict"] == "passes"


@given(
    values=st.fixed_dictionaries({name: st.integers(-1000, 1000).map(lambda n: n / 8) for name in GOOD}),
    scale=st.sampled_from([0.25, 0.5, 2.0, 8.0]),
    offset=st.integers(-64, 64),
)
def test_another_unit_or_another_better_side_changes_no_verdict(values, scale, offset):
    was = judged(values)
    again = judged({name: scale * value + offset for name, value in values.items()})
    assert (again["verdict"], again["share"]) == (was["verdict"], pytest.approx(was["share"], abs=1e-6))
    turned = {name: -value for name, value in values.items()}
    # What lower is better for is the same metric turned over.
    lower = judged(turned, "lcad_all")
    assert (lower["verdict"], lower["share"]) == (was["verdict"], pytest.approx(was["share"], abs=1e-6))


@given(values=st.fixed_dictionaries({name: st.integers(-8, 8) for name in ("labels", "noise", "a")}))
def test_what_passes_does_not_pass_turned_over(values):
    turned = {name: -value for name, value in values.items()}
    assert "fails" in {judged(values)["verdict"], judged(turned)["verdict"]}


def test_the_order_of_models_changes_nothing():
    assert judged(dict(reversed(GOOD.items()))) == judged(GOOD)


def test_without_a_truth_models_must_be_better_than_noise_and_apart_from_it():
    seen = {name: GOOD[name] for name in ("labels", "noise", "a")}
    row = judged(seen, "knn_preservation")
    assert row["verdict"] == "passes" and row["share"] is None and "order not checked" in row["reason"]
    assert judged(seen | {"a": 0.1}, "knn_preservation")["verdict"] == "fails"
    close = judged(seen | {"a": 0.115}, "knn_preservation")
    assert close["verdict"] == "fails" and "span 1.5 % of the range" in close["reason"]


@pytest.mark.parametrize("gone", [("noise", "shuffled"), ("a", "b")])
def test_without_noise_or_without_models_nothing_is_checked(gone):
    row = judged({name: value for name, value in GOOD.items() if name not in gone})
    assert row["verdict"] == "unchecked" and row["share"] is None and row["reason"]


def board_of(fails, passes, headline="total"):
    """A board of one metric `bio` and a total, `bio` failing on some datasets."""
    bad, cells = GOOD | {"a": 0.0, "b": 0.1}, []
    for number in range(fails + passes):
        bio = cells_of(bad if number < fails else GOOD, "bio", f"d{number}")
        for cell in bio:
            score = cell["scores"]["bio"]
            cell["scores"] |= {"total": {**score, "value": GOOD[cell["model"]]}, "batch": score}
        cells += bio
    models = [card(name) for name in GOOD]
    return {"cells": cells, "models": models} | compared(cells, models, {}, scaled=False, headline=headline)


def test_the_front_reads_batch_beside_bio_though_batch_alone_ranks_nobody():
    board = board_of(2, 0)
    for cell in board["cells"]:
        scores = cell["scores"]
        scores["bio"], scores["batch"] = {**scores["bio"], "value": GOOD[cell["model"]]}, scores["bio"]
    found = compared(board["cells"], board["models"], {}, scaled=False)
    ranked = {row["metric"] for row in found["overall"] if row["rank_low"] is not None}
    assert "bio" in ranked and "batch" not in ranked and found["pareto"]


@pytest.mark.parametrize(("fails", "passes", "ranked"), [(1, 1, True), (2, 1, False), (0, 2, True), (1, 0, False)])
def test_a_metric_that_fails_on_most_datasets_is_shown_and_not_ranked(fails, passes, ranked):
    board = board_of(fails, passes)
    rows = [row for row in board["overall"] if row["metric"] == "bio" and row["model"] in "ab"]
    assert all(row["value"] is not None and (row["rank_low"] is not None) is ranked for row in rows)
    assert (shown_only(board) == set()) is ranked
    assert ({"bio", "batch"} <= {row["metric"] for row in board["differences"]}) is ranked
    assert bool(board["pareto"]) is ranked
    assert all(
        row["rank_low"] is not None for row in board["overall"] if row["metric"] == "total" and row["model"] in "ab"
    )


def test_the_headline_is_ranked_whatever_the_gate_says():
    board = board_of(2, 0, headline="bio") | {"headline": "bio"}
    assert not_ranked(board["cells"], board["gate"]) == {"bio", "batch"} and shown_only(board) == {"batch"}
    assert any(row["rank_low"] is not None for row in board["overall"] if row["metric"] == "bio")


def test_a_board_from_before_is_read_and_gets_the_verdicts_that_it_would_have(tmp_path):
    before = copy.deepcopy(REFERENCE)
    before.pop("gate", None)
    path = tmp_path / "board.json"
    path.write_text(json.dumps(before))
    read = read_board(path)
    after = gated(read)
    assert "gate" not in read and gated(after) is after
    made = compared(before["cells"], before["models"], {}, scaled=False)
    assert {(row["dataset"], row["metric"]) for row in after["gate"]} == {
        (row["dataset"], row["metric"]) for row in made["gate"]
    }
    path.write_text(json.dumps(after))
    assert read_board(path)["gate"] == after["gate"]


def test_a_verdict_that_turned_is_told_where_both_boards_have_one():
    first = gated(copy.deepcopy(REFERENCE))
    second = copy.deepcopy(first)
    second["gate"][0]["verdict"] = "unchecked"
    told = [change.what for change in moved(first, second)]
    row = second["gate"][0]
    assert told == [f"gate of {row['metric']} on {row['dataset']}"]
    assert moved({key: value for key, value in first.items() if key != "gate"}, second) == []
