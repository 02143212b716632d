"""The published runs of openproblems keep their values and gain states: missing is zero in their mean alone."""

import json
from pathlib import Path
from statistics import fmean

import pytest

from scarena.base.errors import ConfigError, DataError
from scarena.base.files import json_text
from scarena.bench.others.board import write_published
from scarena.bench.others.openproblems_files import openproblems, read_files
from scarena.board.file import read_board
from scarena.metrics.registry import METRICS
from scarena.report.page.sentences import lead

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
HUMAN_ONLY = {"scgpt_zeroshot", "scimilarity", "geneformer"}
MICE = {"hypomap", "mouse_pancreas_atlas"}


@pytest.fixture(scope="module")
def board(openproblems_boards):
    return openproblems_boards[None]


@pytest.fixture(scope="module")
def cells(board):
    return {(cell["dataset"], cell["model"]): cell for cell in board["cells"]}


def means(board, metric):
    return {row["model"]: row["value"] for row in board["overall"] if row["metric"] == metric}


def test_every_published_value_stands_unchanged_under_its_key(published_files, cells):
    told, n_values = openproblems(), 0
    for run in published_files.results:
        scores = cells[told.datasets[run.dataset_id].name, run.method_id]["scores"]
        for theirs, value in run.metric_values.items():
            score = scores.get(told.metrics[theirs].key, {"value": None, "state": "failed"})
            assert score["value"] == (None if value is None else pytest.approx(value, abs=1e-9))
            assert value is not None or score["state"] in ("failed", "not applicable")
            n_values += value is not None
    assert n_values == sum(v is not None for run in published_files.results for v in run.metric_values.values()) > 1300


def test_what_is_missing_is_a_state_with_a_reason(cells):
    lost = {key: cell for key, cell in cells.items() if cell["state"] != "ok"}
    assert len(lost) == 28
    for (dataset, model), cell in lost.items():
        assert cell["reason"]
        assert {key for key, score in cell["scores"].items() if score["state"] == "ok"} == {"openproblems_mean"}
        assert cell["state"] == "failed" or (dataset in MICE and "human cells alone" in cell["reason"]), model
    assert {model for (_, model), cell in lost.items() if cell["state"] == "not applicable"} == (
        HUMAN_ONLY | {"scgpt_finetuned"}
    )
    assert {d for (d, m), cell in lost.items() if m in HUMAN_ONLY and cell["state"] == "not applicable"} == MICE
    assert all(cells[d, "scprint"]["state"] == "failed" for d in {d for d, _ in cells})
    assert "exit code 1" in cells["dkd", "scgpt_finetuned"]["reason"]
    assert "100 % of its values" in cells["dkd", "scprint"]["reason"]
    assert cells["gtex_v9", "mnnpy"]["reason"].startswith("exit code 143, stopped from outside")


def test_a_metric_that_does_not_apply_is_told_from_one_that_failed(cells):
    assert cells["dkd", "bbknn"]["scores"]["silhouette_label"]["reason"] == "the method returns no vectors"
    assert cells["dkd", "harmony"]["scores"]["hvg_overlap"]["reason"] == "the method returns no expression"
    assert "no method" in cells["dkd", "harmony"]["scores"]["isolated_labels"]["reason"]
    assert cells["tabula_sapiens", "uce"]["scores"]["silhouette_label"]["state"] == "failed"
    assert cells["tabula_sapiens", "uce"]["scores"]["total"]["state"] == "failed"


def test_totals_are_the_means_of_the_same_parts_for_all_methods_on_a_dataset(cells):
    left_out = {"dkd": {"isolated_labels"}, **{dataset: {"openproblems_kbet"} for dataset in MICE}}
    n_totals = 0
    for (dataset, _), cell in cells.items():
        scores = cell["scores"]
        if scores.get("total", {"state": ""})["state"] != "ok":
            continue
        by_hand = {}
        for group, parts in openproblems().parts.items():
            by_hand[group] = fmean(scores[part]["value"] for part in parts if part not in left_out.get(dataset, set()))
            assert scores[group]["value"] == pytest.approx(by_hand[group], abs=1e-8)
        assert scores["total"]["value"] == pytest.approx(0.6 * by_hand["bio"] + 0.4 * by_hand["batch"], abs=1e-8)
        assert all(part in scores["total"]["reason"] for part in left_out.get(dataset, ()))
        n_totals += 1
    assert n_totals == 121


def test_their_mean_is_the_mean_of_their_scaled_scores_with_zero_for_what_is_missing(published_files, board, tmp_path):
    theirs = {}
    for run in published_files.results:
        theirs.setdefault(run.method_id, []).append(run.mean_score)
    assert means(board, "openproblems_mean") == {m: pytest.approx(fmean(v), abs=1e-9) for m, v in theirs.items()}
    zero = [run for run in published_files.results if all(v is None for v in run.metric_values.values())]
    assert len(zero) == 28
    assert {run.mean_score for run in zero} == {0.0}


def test_the_order_changes_where_what_is_missing_is_no_zero(openproblems_boards):
    # On six atlases their mean has two models of human cells behind the data before integration, and far behind UCE.
    # On the four human ones, by the same published values, they lie before it.
    six, four = openproblems_boards[None], openproblems_boards["human"]
    theirs = means(six, "openproblems_mean")
    assert theirs["scimilarity"] == pytest.approx(0.308, abs=5e-4)
    assert theirs["scgpt_zeroshot"] == pytest.approx(0.302, abs=5e-4)
    for model in ("scimilarity", "scgpt_zeroshot"):
        assert theirs[model] < theirs["no_integration"] == pytest.approx(0.436, abs=5e-4)
        assert means(four, "total")[model] > means(four, "total")["no_integration"] == pytest.approx(0.579, abs=5e-4)
        assert means(four, "openproblems_mean")[model] > means(four, "openproblems_mean")["no_integration"]
    ranked = {row["model"]: row["rank_low"] for row in four["overall"] if row["metric"] == "total" and row["rank_low"]}
    asked = ("scanvi", "scvi", "combat", "harmony", "scimilarity", "scgpt_zeroshot", "geneformer")
    assert [ranked[model] for model in asked] == [1, 2, 3, 4, 10, 11, 13]
    assert theirs["uce"] == pytest.approx(0.439, abs=5e-4)
    assert means(four, "openproblems_mean")["scimilarity"] == pytest.approx(0.462, abs=5e-4)
    assert means(four, "openproblems_mean")["uce"] == pytest.approx(0.447, abs=5e-4)


def test_the_page_says_how_many_have_another_place_by_their_mean(board):
    places = {metric: place_of(board, metric) for metric in ("total", "openproblems_mean")}
    moved = sum(places["total"][model] != places["openproblems_mean"][model] for model in places["total"])
    assert (len(places["total"]), moved) == (10, 7)
    assert f"{moved} of the 10 ranked methods have another place" in " ".join(lead(board))


def place_of(board, metric):
    ranked = {row["model"] for row in board["overall"] if row["metric"] == "total" and row["rank_low"] is not None}
    found = means(board, metric)
    return {model: place for place, model in enumerate(sorted(ranked, key=lambda model: -found[model]))}


def test_a_method_without_a_total_on_every_dataset_has_no_rank(board):
    ranked = {row["model"] for row in board["overall"] if row["metric"] == "total" and row["rank_low"] is not None}
    assert ranked == {
        "scanvi", "combat", "harmony", "harmonypy", "scvi", "scalex", "batchelor_fastmnn", "liger", "pyliger",
        "scanorama",
    }  # fmt: skip
    assert all(row["low"] is None and row["high"] is None for row in board["overall"])
    places = sorted(row["rank_low"] for row in board["overall"] if row["model"] in ranked and row["metric"] == "total")
    assert places == list(range(1, 11))


def test_their_controls_are_controls_and_tell_truth_from_noise_in_bio(board):
    families = {card["name"]: card["family"] for card in board["models"]}
    assert sum(family == "control" for family in families.values()) == 7
    checks = [row for row in board["controls"] if row["metric"] == "bio"]
    assert {row["control"] for row in checks} == {"embed_cell_types"}
    assert [row["discriminates"] for row in checks] == [True] * 6


def test_one_hot_labels_say_that_their_isolated_silhouette_is_among_all_labels(cells):
    # Against the rest, the cells of the rest lie as far from each other as from the label: about 0.5.
    values = [
        cells[d, "embed_cell_types"]["scores"]["isolated_labels"]["value"] for d in {d for d, _ in cells} - {"dkd"}
    ]
    assert min(values) > 0.95


def test_costs_are_those_of_runs_that_ended_and_no_resident_memory_is_claimed(board, published_files):
    ended = [run for run in published_files.results if run.resources.exit_code == 0]
    assert len(board["timings"]) == len(ended) == 128
    assert {row["peak_rss_mb"] for row in board["timings"]} == {None}
    assert sum(row["wall_s"] for row in board["timings"]) == pytest.approx(
        sum(run.resources.duration_sec for run in ended)
    )


def test_keys_of_theirs_say_so_and_all_are_known(board):
    keys = {key for cell in board["cells"] for key in cell["scores"]}
    assert keys <= METRICS.keys()
    assert all(("openproblems" in METRICS[key].title) == (METRICS[key].group == "published") for key in keys)


def test_it_is_an_ordinary_board_that_says_whose_it_is(board, tmp_path):
    page = write_published(board, tmp_path / "published-openproblems")
    found = read_board(page.with_name("board.json"))
    told = found["provenance"]
    assert (told["measured_by"], told["licence"]) == ("Open Problems in Single-Cell Analysis", "CC-BY 4.0")
    assert all(told[key] for key in ("date", "version", "source", "citation", "files", "means"))
    assert {"board.csv", "board.md", "board.parquet"} <= {path.name for path in page.parent.iterdir()}
    assert page.stat().st_size < 6_000_000
    text = page.read_text(encoding="utf-8")
    assert "Others' measurements." in text.replace("&#39;", "'")
    for wrong in ("No run of this board used a GPU", "Measured on ", "(one seed)", "scarena verify"):
        assert wrong not in text, wrong


def test_a_board_of_other_runs_is_not_written_over(board, tmp_path):
    (tmp_path / "b").mkdir()
    own = {**board, "provenance": {**board["provenance"], "measured_by": ""}, "timings": []}
    (tmp_path / "b" / "board.json").write_text(json.dumps(own))
    with pytest.raises(ConfigError, match="a board of other runs"):
        write_published(board, tmp_path / "b")


def test_a_file_of_another_form_is_one_typed_line(tmp_path):
    paths = {}
    for name in ("results", "datasets", "methods", "quality"):
        paths[name] = tmp_path / f"{name}.json"
        paths[name].write_text("[]")
    paths["results"].write_text('[{"dataset_id": 3}]')
    with pytest.raises(DataError, match="not of the known form"):
        read_files(paths, openproblems())
    paths["results"].write_text("{")
    with pytest.raises(DataError, match="not a file of openproblems"):
        read_files(paths, openproblems())


@pytest.mark.parametrize("species", [None, "human"])
def test_the_board_that_is_shipped_is_what_the_pinned_files_make(openproblems_boards, species):
    made = openproblems_boards[species]
    shipped = REFERENCE / made["board"] / "board.json"
    assert shipped.read_text(encoding="utf-8") == json_text(made)
