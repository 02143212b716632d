"""A control check blames a metric only by a control that holds what the metric asks for, and says which one failed."""

import copy
import json
import re
from pathlib import Path

import pytest

from scarena.board.controls import control_checks, control_scaled, counts, holds
from scarena.board.discrimination import discrimination
from scarena.board.gate import gated
from scarena.board.make import compared
from scarena.board.ranking import standings
from scarena.board.samples import samples_of
from scarena.metrics.registry import METRICS, keys_of
from scarena.models.registry import all_models
from scarena.report.html import render
from scarena.report.page.controls import control_table

REFERENCE = json.loads((Path(__file__).parents[2] / "results/reference/full/board.json").read_text())
DISTANCES = [key for key in METRICS if key.startswith(("onto_rwr", "scgraph"))]
DATA = ["knn_preservation", "distance_correlation", "distance_emd", "cell_cycle"]


def card(name, control=None, **more):
    family = "control" if control else "baseline"
    return {"name": name, "title": name.upper(), "family": family, "control": control, **more}


LABELS, NOISE = card("labels", "positive", holds=["types"]), card("random-2", "negative")
CENTROIDS = card("centroids", "positive", holds=["types", "distances"])
SHUFFLED = card("shuffled", "negative")


def cell(dataset, model, **scores):
    told = {key: {"value": value, "state": "ok", "reason": ""} for key, value in scores.items()}
    return {"dataset": dataset, "model": model, "seed": 0, "state": "ok", "reason": "", "scores": told}


def told(cards, cells):
    """What is said of each metric, by key."""
    checks = control_checks(cells, cards, samples_of(cells, {}))
    return {each.metric: each for each in discrimination({"models": cards, "controls": checks})}


@pytest.mark.parametrize("metric", DISTANCES)
def test_one_hot_labels_are_no_reason_to_blame_a_metric_of_distances(metric):
    cells = [cell("d", "labels", **{metric: 0.0}), cell("d", "random-2", **{metric: 0.4})]
    found = told([LABELS, NOISE], cells)[metric]
    assert (found.unchecked, found.fails, found.controls) == (["d"], {}, [])


@pytest.mark.parametrize("metric", DISTANCES)
def test_centroids_decide_over_a_metric_of_distances_in_either_direction(metric):
    cells = [cell(d, "labels", **{metric: 0.9}) for d in "ab"] + [cell(d, "random-2", **{metric: 0.4}) for d in "ab"]
    cells += [cell("a", "centroids", **{metric: 0.5}), cell("b", "centroids", **{metric: 0.3})]
    found = told([LABELS, CENTROIDS, NOISE], cells)[metric]
    assert found.passes == ["a"] and found.controls == ["centroids"]
    assert [(name, [row["control"] for row in rows]) for name, rows in found.fails.items()] == [("b", ["centroids"])]


@pytest.mark.parametrize("metric", DATA)
def test_no_control_holds_what_single_cells_were_like(metric):
    sign = -1 if METRICS[metric].better == "lower" else 1
    cells = [cell("d", name, **{metric: 0.5 + sign * v}) for name, v in (("labels", -0.2), ("centroids", -0.1))]
    found = told([LABELS, CENTROIDS, NOISE], [*cells, cell("d", "random-2", **{metric: 0.5})])[metric]
    assert found.unchecked == ["d"] and not found.fails


def test_every_metric_of_bio_batch_and_transfer_asks_for_what_labels_hold():
    for group in ("batch", "total", "transfer"):
        assert all(counts(LABELS, key) and counts(CENTROIDS, key) for key in keys_of(group))
    assert [key for key in keys_of("bio") if not counts(LABELS, key)] == ["cell_cycle", "hvg_overlap"]


@pytest.mark.parametrize(
    ("labels", "centroids", "passes", "failed"),
    [
        (0.9, 0.8, True, []), (0.3, 0.8, True, ["labels"]), (0.9, 0.3, True, ["centroids"]),
        (0.3, 0.5, False, ["labels", "centroids"]),
    ],
)  # fmt: skip
def test_one_control_that_counts_is_enough_and_the_other_is_named(labels, centroids, passes, failed):
    values = {"labels": labels, "centroids": centroids, "random-2": 0.5, "shuffled": 0.1}
    cells = [cell("d", name, bio=value) for name, value in values.items()]
    found = told([LABELS, CENTROIDS, NOISE, SHUFFLED], cells)["bio"]
    assert found.passes == (["d"] if passes else [])
    rows = (found.partly if passes else found.fails).get("d", [])
    assert [row["control"] for row in rows] == failed
    assert all((row["against"], row["negative"]) == ("random-2", 0.5) for row in rows)


def test_where_lower_is_better_the_control_must_be_below_the_lowest_noise():
    values = {"labels": 0.5, "random-2": 3.0, "shuffled": 0.4}
    found = told([LABELS, NOISE, SHUFFLED], [cell("d", name, lcad_all=v) for name, v in values.items()])["lcad_all"]
    assert [row["against"] for row in found.fails["d"]] == ["shuffled"]


def test_noisy_labels_stand_for_nothing_and_a_control_of_a_package_for_what_its_card_says():
    noisy, own = card("labels-noisy", "positive"), card("mine", "positive", holds=["distances"])
    assert (holds(noisy), holds(own), holds(NOISE)) == ((), ("distances",), ())
    cells = [
        cell("d", name, bio=v, onto_rwr=v) for name, v in (("labels-noisy", 0.9), ("mine", 0.8), ("random-2", 0.1))
    ]
    found = told([noisy, own, NOISE], cells)
    assert found["onto_rwr"].passes == ["d"] and found["bio"].unchecked == ["d"]


def test_the_cards_of_this_release_say_what_they_hold():
    found = {name: holds(model.card.model_dump(mode="json")) for name, model in all_models().items()}
    said = {name: what for name, what in found.items() if what}
    assert said == {"labels": ("types",), "centroids": ("types", "distances"), "response-duplicate": ("target",)}


def test_a_card_that_holds_nothing_is_written_as_before_there_was_such_a_key():
    assert "holds" not in all_models()["pca"].card.model_dump(mode="json")
    assert '"holds"' not in all_models()["labels-noisy"].card.model_dump_json()


def test_a_metric_of_distances_is_scaled_by_the_centroids_and_any_other_by_the_labels():
    values = {"labels": (1.0, 0.0), "centroids": (0.9, 0.8), "random-2": (0.5, 0.4), "a": (0.75, 0.6)}
    cells = [cell("d", name, bio=bio, onto_rwr=onto) for name, (bio, onto) in values.items()]
    cards, samples = [LABELS, CENTROIDS, NOISE, card("a")], samples_of(cells, {})
    checks = control_checks(cells, cards, samples)
    rows = control_scaled(standings(cells, cards, samples), samples, checks, cards)
    found = {row["metric"]: row["value"] for row in rows if row["model"] == "a"}
    assert found == pytest.approx({"bio": 0.5, "onto_rwr": 0.5})


def from_before():
    """Return the reference board as it was when there was one positive control and rows did not name theirs."""
    board = copy.deepcopy(REFERENCE)
    for key, rows in board.items():
        if isinstance(rows, list):
            board[key] = [row for row in rows if "centroids" not in (row.get("model"), row.get("name"))]
    board["controls"] = [
        {key: value for key, value in row.items() if key not in ("control", "against", "counts")}
        for row in board["controls"]
        if row["control"] == "labels"
    ]
    for model in board["models"]:
        model.pop("holds", None)
    return board


def test_a_board_from_before_is_read_with_the_same_rule(tmp_path):
    before = from_before()
    found = {each.metric: each for each in discrimination(before)}
    for metric in (*DISTANCES, *DATA):
        assert not found[metric].fails and not found[metric].passes and found[metric].unchecked, metric
    rows = [row for row in gated(before)["gate"] if row["metric"] in DISTANCES]
    assert rows and all("order not checked" in row["reason"] for row in rows if row["verdict"] != "unchecked")
    # What the labels failed where they count is told as ever.
    failed = {r["dataset"] for r in before["controls"] if r["metric"] == "ilisi" and not r["discriminates"]}
    assert set(found["ilisi"].fails) == failed
    page = render(before, tmp_path)
    assert "no control that holds distances between types" in page
    assert re.search(r"One-hot labels \d\.\d{3} is no better than ", page)


def test_the_same_runs_made_anew_say_the_same_of_metrics_that_labels_answer():
    again = compared(REFERENCE["cells"], REFERENCE["models"], {}, scaled=False)
    was = {(row["dataset"], row["metric"], row["control"]): row["discriminates"] for row in REFERENCE["controls"]}
    assert {(r["dataset"], r["metric"], r["control"]): r["discriminates"] for r in again["controls"]} == was


def test_the_page_names_the_control_that_failed_with_its_numbers():
    cards = [LABELS, CENTROIDS, NOISE]
    values = {"labels": 0.3, "centroids": 0.7, "random-2": 0.5}
    cells = [cell("d", name, ilisi=v, pcr=v - 0.3 * (name == "centroids")) for name, v in values.items()]
    board = {"models": cards, "controls": control_checks(cells, cards, samples_of(cells, {}))}
    rows = {row["metric"]: row for row in control_table(board)}
    assert rows["iLISI"]["fails"] == "–" and rows["iLISI"]["partly"] == "d (LABELS 0.300 against 0.500 of RANDOM-2)"
    assert rows["PCR comparison"]["fails"] == (
        "d (LABELS 0.300 against 0.500 of RANDOM-2; CENTROIDS 0.400 against 0.500 of RANDOM-2)"
    )


def test_a_check_of_a_control_that_the_board_does_not_list_is_shown_by_its_name():
    row = {"dataset": "d", "metric": "bio", "control": "gone", "counts": True, "discriminates": False}
    board = {"models": [], "controls": [{**row, "positive": 0.1, "negative": 0.2, "against": "lost"}]}
    assert control_table(board)[0]["fails"] == "d (gone 0.100 against 0.200 of noise)"


def test_a_control_without_a_value_on_a_dataset_leaves_it_to_the_other():
    cells = [cell("d", "centroids", bio=0.8), cell("d", "random-2", bio=0.5)]
    lost = copy.deepcopy(cells[0]) | {"model": "labels", "state": "failed(oom)", "scores": {}}
    found = told([LABELS, CENTROIDS, NOISE], [*cells, lost])["bio"]
    assert found.clear and found.controls == ["centroids"]
