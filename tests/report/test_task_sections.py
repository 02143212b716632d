"""A task's section says of its models and datasets what the board says, and what a random split would have claimed."""

import pytest

from scarena.board.gate import gated
from scarena.board.ranked import counting, letter, overall_of, rank_text
from scarena.report.board_md import board_md
from scarena.report.html import render
from scarena.report.page.columns import groups, shown_metrics, without_own_tasks
from scarena.report.page.overview import data_of, default_of, presets, weighed
from scarena.report.page.scores import HEADLINE, scores_of
from scarena.report.page.task_sections import keys_of, metrics_of_sections, task_sections
from scarena.tasks.registry import DEFAULT, find_tasks

MIXED = ("probe", "malignant", "granularity", "integration", "annotation")
CELLS = ("probe", "malignant")


@pytest.fixture
def board(make_task_board):
    return make_task_board(*MIXED)


def sections_of(board):
    return {each["name"]: each for each in task_sections(board, scores_of(board))}


def test_tasks_of_cells_have_a_section_in_the_order_of_the_board(board):
    assert list(sections_of(board)) == ["probe", "malignant", "granularity"]
    board["provenance"]["config"]["tasks"] = ["annotation", "malignant", "nobody-knows-it"]
    assert list(sections_of(board)) == ["malignant"]
    del board["provenance"]["config"]
    assert task_sections(board, scores_of(board)) == []


def test_every_mean_is_that_of_the_overall_row(board):
    found = overall_of(board)
    for task in find_tasks(CELLS):
        section, keys = sections_of(board)[task.name], keys_of(task)
        for row in section["rows"]:
            told = found[row["card"]["name"], keys.headline]
            answer = row["answer"]
            assert answer.entry.text.startswith(f"{told['value']:.3f}")
            assert (answer.rank, answer.group) == (rank_text(told), letter(told["tie_group"]))
            claimed, leak = (found[row["card"]["name"], key]["value"] for key in (keys.claimed, keys.leak))
            assert [entry.text.split()[0] for entry in row["told"]] == [f"{claimed:.3f}", f"{leak:+.3f}"]
        names = [info.key for info in section["others"]]
        assert {*names, keys.headline, keys.claimed, keys.leak} == {*task.keys}
        for row in section["other_rows"]:
            values = [found[row["card"]["name"], key]["value"] for key in names]
            assert [float(entry.sort) for entry in row["entries"]] == values


def test_each_dataset_that_can_answer_is_a_column_and_each_other_has_its_reason(board):
    section, scores = sections_of(board)["probe"], scores_of(board)
    assert (
        [each["name"] for each in section["datasets"]]
        == counting(board, "probe_macro_f1")
        == ["blood_a", "blood_b", "gut"]
    )
    for row in section["rows"]:
        for head, entry in zip(section["datasets"], row["entries"], strict=True):
            score = scores[head["name"], row["card"]["name"], "probe_macro_f1"]
            assert entry.text == ("failed(oom)" if score.value is None else f"{score.value:.3f}")
            assert score.value is None or entry.interval
    assert section["silent"] == "Cannot answer: line (one donor and one batch: none to hold out)."
    silent = sections_of(board)["malignant"]["silent"]
    assert silent.startswith("Cannot answer: blood_a, blood_b and line (the dataset does not say which")


def test_a_dataset_that_is_lost_says_what_became_of_it(board):
    for cell in board["cells"]:
        if cell["dataset"] == "line":
            cell |= {"state": "failed(error)", "reason": "hash is wrong", "scores": {}}
    board["datasets"][-1] |= {"state": "failed(error)", "reason": "hash is wrong"}
    assert sections_of(board)["probe"]["silent"] == "Cannot answer: line (failed(error): hash is wrong)."


def test_rows_come_by_the_headline_those_without_a_rank_after_and_controls_last(board):
    rows = sections_of(board)["probe"]["rows"]
    assert [row["card"]["name"] for row in rows] == ["harmony", "pca", "scarena-fm", "hvg", "labels", "random-64"]
    assert [row["kind"] for row in rows] == ["models"] * 4 + ["controls"] * 2


def test_the_sentence_says_who_is_first_and_what_a_random_split_would_have_claimed(board):
    best = overall_of(board)["harmony", "probe_macro_f1"]
    said = sections_of(board)["probe"]["sentence"]
    assert f"HARMONY ({best['value']:.3f}, 95 % {best['low']:.3f} to {best['high']:.3f})" in said
    assert said.endswith("would have claimed 0.850: 0.150 more than the same with groups held out.")
    assert "random split" not in sections_of(board)["granularity"]["sentence"]


def test_a_task_without_random_folds_has_no_such_columns(board):
    section = sections_of(board)["granularity"]
    assert section["told"] == [] and {len(row["told"]) for row in section["rows"]} == {0}


def test_a_headline_that_fails_the_gate_keeps_its_values_and_says_where_and_why(board):
    for row in board["gate"]:
        if row["metric"] == "malignant_auroc":
            row |= {"verdict": "fails", "reason": "noise <i>wins</i>"}
    section = sections_of(board)["malignant"]
    assert section["gate"]["fails"] == ["gut: noise <i>wins</i>"] and section["gate"]["standing"] == "shown, not ranked"
    assert section["datasets"][0]["mark"].why == "noise <i>wins</i>"
    assert all(row["answer"].entry.gated and not row["answer"].rank for row in section["rows"])
    assert all(row["entries"][0].gated for row in section["rows"])
    assert section["sentence"].startswith("No model is ranked")


def test_a_task_that_nothing_answers_says_so(board):
    for cell in board["cells"]:
        for key in [key for key in cell["scores"] if key.startswith("malignant")]:
            cell["scores"][key] = {"value": None, "state": "not applicable", "reason": "no tumour"}
    board["overall"] = [row for row in board["overall"] if not row["metric"].startswith("malignant")]
    board["gate"] = [row for row in board["gate"] if not row["metric"].startswith("malignant")]
    section = sections_of(board)["malignant"]
    assert section["sentence"] == "No dataset of this board can answer." and section["datasets"] == []
    assert {entry.note for row in section["rows"] for entry in row["told"]} == {"no tumour"}
    assert section["gate"] is None


def test_the_ranking_has_the_metrics_of_what_is_asked_and_the_headline(make_task_board, board):
    assert shown_metrics(board) == ("probe_macro_f1", *HEADLINE)
    assert groups(board)[:2] == [("Tasks", 1), ("Overall", 1)] and sum(span for _, span in groups(board)) == 8
    assert shown_metrics(make_task_board(*DEFAULT, "probe")) == HEADLINE
    assert shown_metrics(make_task_board(*CELLS)) == ("probe_macro_f1", "malignant_auroc")
    assert shown_metrics(make_task_board("annotation")) == ("lcad_all", "knn_accuracy", "knn_macro_f1")
    del board["provenance"]["config"], board["headline"]
    assert shown_metrics(board) == HEADLINE


def test_the_full_table_of_a_dataset_leaves_cell_tasks_out_unless_there_is_nothing_else(make_task_board, board):
    every = tuple(dict.fromkeys(row["metric"] for row in board["overall"]))
    kept = without_own_tasks(board, every)
    assert "probe_macro_f1" in kept and "clisi" in kept and not {"probe_ece", "malignant_auroc"} & {*kept}
    alone = make_task_board(*CELLS)
    every = tuple(dict.fromkeys(row["metric"] for row in alone["overall"]))
    assert without_own_tasks(alone, every) == every


def test_the_script_weighs_what_the_ranking_has_and_begins_with_what_ranks(make_task_board, board):
    assert weighed(board)[0] == "probe_macro_f1" and default_of(board)["probe_macro_f1"] == 1.0
    assert list(presets(board)) == ["headline", "integration", "annotation", "ontology"]
    assert weighed(make_task_board("probe")) == () and presets(make_task_board("probe")) == {}
    data = data_of(board, scores_of(board))
    assert data["metrics"][data["headline"]] == "probe_macro_f1"
    assert {*metrics_of_sections(board, whole=True)} <= {*data["metrics"]}
    assert "probe_ece" not in data_of(board, scores_of(board), whole=False)["metrics"]


@pytest.mark.parametrize("tasks", [("probe",), CELLS])
def test_a_board_without_integration_has_no_part_of_it(make_task_board, tmp_path, tasks):
    board = make_task_board(*tasks)
    page = render(board, tmp_path)
    for task in tasks:
        assert f'id="task-{task}-section"' in page
    for gone in ("chart-scores", "Bio, batch", "Total", "0.6 bio"):
        assert gone not in page.partition('<script type="application/json" id="data">')[0]
    table = board_md(board)
    assert "Probe macro F1 ↑" in table and "Total" not in table and "Bio" not in table
    assert ("Malignant cells AUROC ↑" in table) == ("malignant" in tasks)


def test_a_board_with_integration_keeps_its_summary_with_the_headline_before(board):
    assert "| Rank | Probe macro F1 ↑ | Total ↑ | Bio conservation ↑ |" in board_md(board)


def test_a_board_from_before_the_gate_is_read(board, tmp_path):
    del board["gate"]
    assert sections_of(gated(board))["probe"]["gate"]["passes"] == "3 of 3"
    assert 'id="task-probe-section"' in render(board, tmp_path)
