"""The page says what the board says, with nothing from the network and nothing missing left out."""

import json
import re

import numpy as np
import pytest

from scarena.board.costs import costs_of, measured_seconds
from scarena.board.discrimination import discrimination
from scarena.board.verdicts import verdicts
from scarena.metrics.details import Details
from scarena.report.html import render
from scarena.report.page.cost import fronts
from scarena.report.page.graphs import graph_of
from scarena.report.page.scores import scores_of
from scarena.report.page.sentences import lead, of_dataset
from scarena.report.page.tables import dataset_table, overall_table, scaled_table
from scarena.tasks.details import write_details


def without_plotly(page):
    return re.sub(r'<script type="text/plain" id="plotly">.*?</script>', "", page, count=1, flags=re.S)


def test_the_page_needs_no_network(board, tmp_path):
    page = without_plotly(render(board, tmp_path))
    # What a reader may follow is no request; all else that has an address lies in the page.
    followed = re.sub(r'<a href="https://[^"]*" rel="noreferrer">', "", page)
    assert not re.findall(r"(?:src|href)=[\"']?(?!data:|#)[^\"'>\s]+", followed)
    assert "default-src 'none'" in page


def test_two_renderings_are_equal(board, tmp_path):
    assert render(board, tmp_path) == render(board, tmp_path)


def test_what_failed_is_on_the_page_with_its_reason_and_markup_in_it_is_text(board, tmp_path):
    page = without_plotly(render(board, tmp_path))
    assert "failed(oom)" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; died" in page
    assert "<script>alert(1)" not in page
    assert "hash is wrong" in page


def test_controls_and_metrics_that_cannot_tell_are_marked(board, tmp_path):
    page = without_plotly(render(board, tmp_path))
    assert "positive control" in page
    assert "sees labels" in page
    assert "Which metrics rank, and which are shown only?" in page


def test_the_verdict_follows_the_paired_differences_in_either_direction(paired):
    sentence = verdicts(paired)[0]
    assert "beats hvg (+0.050, 95 % +0.040 to +0.060) beyond noise" in sentence
    assert "ties with scvi (-0.050, 95 % -0.110 to +0.010)" in sentence
    assert "is below harmony (-0.150, 95 % -0.160 to -0.140) beyond noise" in sentence


def test_a_pretrained_model_is_compared_with_its_random_twin(paired):
    assert verdicts(paired)[1] == (
        "What pretraining adds: scarena-fm ties with FM twin (+0.010, 95 % -0.020 to +0.040)."
    )
    assert sum("What pretraining adds" in sentence for sentence in verdicts(paired)) == 1


def test_a_model_of_the_boards_own_checkpoint_is_compared_with_its_own_twin(paired):
    names = {"scarena-fm": "scarena-fm@mine", "scarena-fm-random": "scarena-fm-random@mine"}
    renamed = json.loads(json.dumps(paired))
    for row in (*renamed["overall"], *renamed["cells"]):
        row["model"] = names.get(row["model"], row["model"])
    for row in renamed["models"]:
        row["name"] = names.get(row["name"], row["name"])
    for row in renamed["differences"]:
        row |= {key: names.get(row[key], row[key]) for key in row if row[key] in list(names)}
    assert [line for line in verdicts(renamed) if "adds" in line] == [
        line for line in verdicts(paired) if "adds" in line
    ]
    assert len(verdicts(renamed)) == len(verdicts(paired))


def test_an_interval_over_seeds_alone_says_so(paired):
    paired["differences"][0]["interval"] = "seeds"
    assert "intervals cover seeds alone, not cells" in verdicts(paired)[0]


def test_the_page_shows_intervals_ranks_and_groups(paired, tmp_path):
    page = without_plotly(render(paired, tmp_path))
    assert '<span class="interval">0.680 to 0.720</span>' in page
    assert "1–2 <span" in page
    row = next(row for row in overall_table(paired) if row["card"]["name"] == "harmony")
    assert (row["rank"].text, row["rank"].interval) == ("1–2", "AA")
    assert "95 % range of ranks" in row["rank"].note
    assert "beyond noise" in page
    assert render(paired, tmp_path) == render(paired, tmp_path)


def test_a_dataset_shows_its_runs_interval_and_with_several_seeds_that_of_their_mean(board):
    score = board["cells"][0]["scores"]["total"]
    score |= {"low": 0.4, "high": 0.6}

    def entry():
        return next(row for row in dataset_table(board, "d1", scores_of(board)) if row["card"]["name"] == "hvg")[
            "entries"
        ][0]

    assert entry().interval == "0.400 to 0.600"
    board["cells"].append({**board["cells"][0], "seed": 1})
    assert entry().interval == ""
    board["per_dataset"] = [{"dataset": "d1", "model": "hvg", "metric": "total", "value": 0.5, "low": 0.3, "high": 0.7}]
    assert entry().interval == "0.300 to 0.700"


def test_metrics_that_fail_or_leave_a_check_open_are_listed_with_their_numbers(board, tmp_path):
    passed = {"metric": "bio", "dataset": "d1", "discriminates": True, "positive": 0.9, "negative": 0.1}
    board["controls"] += [{**passed, "margin_low": 0.7}, {**passed, "metric": "batch", "margin_low": -0.0625}]
    found = {each.metric: (len(each.fails), len(each.open)) for each in discrimination(board)}
    assert found == {"total": (1, 0), "bio": (0, 0), "batch": (0, 1)}
    page = without_plotly(render(board, tmp_path))
    assert "d1 (labels 0.123 against 0.456 of noise)" in page
    assert "d1 (labels 0.900 against 0.100 of noise, lead from -0.062)" in page


def fronted(board):
    """Bio, batch and cost of three baselines: scvi is dominated once cost counts, harmony is the dear one."""
    sides = {"hvg": (0.9, 0.2, 1.0), "harmony": (0.5, 0.8, 50.0), "scvi": (0.4, 0.2, 2.0)}
    row = board["overall"][0]
    for model, (bio, batch, wall) in sides.items():
        board["overall"] += [
            {**row, "model": model, "metric": m, "value": v} for m, v in (("bio", bio), ("batch", batch))
        ]
        cost = {"wall_s": wall, "peak_rss_mb": 1.0, "cells_per_s": 500 / (wall - 0.5)}
        board["timings"].append({"step": "embed", "dataset": "d1", "model": model, **cost})
    board["datasets"][0]["summary"] = {"n_cells": 500, "batches": {}, "types": {}}
    board["pareto"] = [{"model": m, "bio": sides[m][0], "batch": sides[m][1]} for m in ("hvg", "harmony")]
    return board


@pytest.mark.parametrize("axis", ["Seconds a run", "Cells / s"])
def test_the_front_with_cost_is_made_of_measured_seconds_and_of_speed(board, tmp_path, axis):
    board = fronted(board)
    assert {name: cost.seconds for name, cost in costs_of(board).items()} == {"hvg": 1.0, "harmony": 50.0, "scvi": 2.0}
    rows = {row["name"]: row for row in fronts(board, costs_of(board))}
    # Totals .5, .7, .6: the dear one is best, the cheap one worst, the third between them in both.
    assert [name for name, row in rows.items() if axis in row["fronts"]] == ["harmony", "scvi", "hvg"]
    board["timings"][-1] |= {"wall_s": 60.0, "cells_per_s": 5.0}
    dear = {row["name"]: row["fronts"] for row in fronts(board, costs_of(board))}
    assert axis not in dear["scvi"]
    assert rows["hvg"]["cost"].gpu_hours is None
    page = render(board, tmp_path)
    assert "No run of this board used a GPU" in page
    assert '"name":"Pareto front"' in page


@pytest.mark.parametrize("startup", [0.1, 30.0])
def test_start_up_is_on_no_front_of_speed_and_stands_in_a_column_of_its_own(board, tmp_path, startup):
    board = fronted(board)
    for row in board["timings"]:
        row["wall_s"] += startup
    assert [row["fronts"].count("Cells / s") for row in fronts(board, costs_of(board))] == [1, 1, 0, 1]
    assert costs_of(board)["hvg"].startup_s == pytest.approx(0.5 + startup)
    page = without_plotly(render(board, tmp_path))
    assert "of them start-up" in page and "1,000 cells" not in page


def test_seconds_over_other_datasets_are_marked_and_on_no_front(board, tmp_path):
    board = fronted(board)
    board["datasets"].append({**board["datasets"][0], "dataset": "d2"})
    board["timings"].append({**board["timings"][0], "dataset": "d2"})
    rows = {row["name"]: row["fronts"] for row in fronts(board, costs_of(board))}
    assert [name for name, on in rows.items() if "Seconds a run" in on] == ["hvg"]
    assert "Cells / s" in rows["harmony"]
    assert "50.0*" in without_plotly(render(board, tmp_path)) and "1.0*" not in render(board, tmp_path)


def test_gpu_hours_are_those_of_runs_that_used_one(board):
    board = fronted(board)
    board["timings"][0] |= {"wall_s": 1800.0, "peak_vram_mb": 10.0}
    assert costs_of(board)["hvg"].gpu_hours == 0.5
    assert costs_of(board)["scvi"].gpu_hours is None


def test_scaled_scores_have_a_table_of_their_own_only_where_the_board_has_them(board, tmp_path):
    assert scaled_table(board) == []
    assert "Between noise and labels" not in render(board, tmp_path)
    row = {"model": "hvg", "metric": "total", "value": 0.777, "coverage": 1.0, "datasets": 1}
    board["control_scaled"] = [row]
    assert "0.777" in without_plotly(render(board, tmp_path))
    assert {r["entries"][0].text for r in scaled_table(board)} == {"0.777", "n/a"}


def test_a_board_without_intervals_claims_nothing_beyond_the_order(board, tmp_path):
    (sentence,) = verdicts(board)
    assert "scores higher than hvg (+0.050)" in sentence
    assert "scores lower than harmony (-0.150)" in sentence
    assert "not known" in sentence
    page = without_plotly(render(board, tmp_path))
    assert "This board has no intervals" in page
    assert 'class="interval"' not in page


def test_there_is_no_verdict_where_a_total_is_missing(board):
    board["overall"][3] |= {"coverage": 0.5, "rank_low": None}
    board["cells"][3]["scores"] = {}
    assert verdicts(board)[0] == "scarena-fm: no verdict, since it has no total on d1."
    assert lead(board)[-1] == "Not compared, for want of a total on every dataset: scarena-fm (none on d1)."


def test_a_baseline_without_a_total_is_named_and_not_compared(board):
    board["overall"][0]["coverage"] = 0.5
    (sentence,) = verdicts(board)
    assert sentence.endswith("Not compared with hvg: no total.")


def test_what_a_model_was_trained_on_is_said_and_marked(board, tmp_path):
    states = {"d1": "study", "d2": "clean"}
    board["contamination"] = [
        {"model": "scarena-fm", "dataset": name, "state": state, "reason": "because"} for name, state in states.items()
    ]
    page = render(board, tmp_path)
    assert "trained on 1 of these" in page
    row = re.search(r"<tr[^>]*><td>scarena-fm</td>(.*?)</tr>", page[page.index("Was a model trained") :])
    assert re.findall(r"<td>(.*?)</td>", row[1]) == ["–", "d1", "–", "d2"]


def test_a_board_without_foundation_models_says_nothing_of_training(board, tmp_path):
    assert "Was a model trained" not in render(board, tmp_path)


def test_what_was_submitted_is_marked(board, tmp_path):
    assert ">submitted</span>" not in render(board, tmp_path)
    board["models"][0]["submitted"] = True
    assert ">submitted</span>" in render(board, tmp_path)


def test_mistakes_stand_by_their_distance(board, tmp_path):
    told = {"n_cells": 100, "n_wrong": 30, "by_distance": [[1, 10], [2, 5], [7, 12], [None, 3]],
            "confused": [["a", "b", 9, 1]]}  # fmt: skip
    board["cells"][0]["mistakes"] = told
    page = render(board, tmp_path)
    row = re.search(r"<tr[^>]*><td>hvg</td><td class=\"n\">100</td>(.*?)</tr>", page)[1]
    assert re.findall(r"([0-9.]+) %", row) == ["70.0", "10.0", "5.0", "0.0", "12.0", "3.0"]
    assert "a called b (9)" in row


def test_types_lie_before_integration_in_the_ontology_and_in_each_model(board, tmp_path):
    types = ("a", "b", "c")
    between = np.array([[0, 1, 0.5], [0.5, 0, 1], [1, 0.5, 0]], np.float32)
    (tmp_path / "d1").mkdir()
    kept = {"scgraph_types": np.array(types), "scgraph_distances": between}
    ontology = {"terms": np.array(["CL:1", "CL:2"]), "onto": np.array([[0, 2], [2, 0]], float)}
    np.savez(tmp_path / "d1" / "reference.npz", **kept, **ontology)
    run = tmp_path / "d1" / "harmony" / "0" / "details.npz"
    run.parent.mkdir(parents=True)
    write_details(run, Details(types, ("CL:1", "CL:2", ""), None, types, between))
    found = graph_of(board, tmp_path, "d1", scores_of(board))
    assert found["types"] == list(types)
    before, ontology, model = found["pictures"]
    assert (before[0], ontology[0], model[0]) == (
        "Before integration, within batches", "In the Cell Ontology", "harmony"
    )  # fmt: skip
    assert before[1] == model[1] != ontology[1]
    assert "Distances between cell types" in render(board, tmp_path)


def test_what_failed_shows_the_last_lines_of_its_log_beside_its_dataset(board, tmp_path):
    log = tmp_path / "d1" / "labels" / "0" / "record.log"
    log.parent.mkdir(parents=True)
    log.write_text("first\n" * 9 + "it <b>broke</b>\n")
    page = without_plotly(render(board, tmp_path))
    part = page[page.index('id="dataset-d1"') :]
    assert "What failed" in part
    assert "it &lt;b&gt;broke&lt;/b&gt;" in part


@pytest.mark.parametrize(("seeds", "drawn"), [(1, "over cells; one seed"), (2, "over cells and seeds")])
def test_an_interval_is_said_to_be_over_seeds_only_where_there_are_several(paired, tmp_path, seeds, drawn):
    paired["cells"] += [{**cell, "seed": 1} for cell in paired["cells"]] if seeds == 2 else []
    paired["provenance"]["seeds"] = list(range(seeds))
    row = next(row for row in overall_table(paired) if row["card"]["name"] == "harmony")
    assert f"95 % interval {drawn}" in row["entries"][0].note
    page = without_plotly(render(paired, tmp_path))
    assert ("bootstrap over cells and seeds" in page) is (seeds == 2)


def test_a_dataset_names_its_best_its_best_zero_shot_and_what_they_cost(board):
    board = fronted(board)
    ends = {"harmony": (0.65, 0.75), "scvi": (0.52, 0.66), "scarena-fm": (0.5, 0.51), "hvg": (0.4, 0.5)}
    for cell in board["cells"]:
        if cell["model"] in ends:
            cell["scores"]["total"] |= dict(zip(("low", "high"), ends[cell["model"]], strict=True))
    said = of_dataset(board, "d1", scores_of(board), measured_seconds(board))
    assert said.startswith("Best total here: harmony (0.700, 95 % 0.650 to 0.750, 50.0 s)")
    assert "; scvi overlaps with it. " in said
    assert "Best zero-shot: scarena-fm (0.550" in said
    assert "below scVI (0.600, 95 % 0.520 to 0.660, 2.0 s)" in said
