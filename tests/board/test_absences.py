"""A value that is missing has the reason of its own runs and datasets, never that of another."""

import copy
import csv
import io
import json
from pathlib import Path

import pytest

from scarena.board.make import compared
from scarena.board.ranked import absences, ranked_models
from scarena.report.board_csv import board_csv
from scarena.report.board_md import board_md
from scarena.report.funky.table import funky_table
from scarena.report.page.scores import scores_of
from scarena.report.page.sentences import of_dataset
from scarena.report.page.tables import overall_table

DEMO = json.loads((Path(__file__).parents[2] / "results/reference/demo/board.json").read_text())
ONTOLOGY = ("onto_rwr", "lcad_all")


def board(*, terms=(), lost=(), failed=(), broken=()):
    """The demo board: only some datasets have terms, some could not be had, single runs or scores failed."""
    found = copy.deepcopy(DEMO)
    for entry in found["datasets"]:
        if entry["dataset"] in lost:
            entry |= {"state": "failed(error)", "reason": "the checksum is wrong"}
    for cell in found["cells"]:
        for key in ONTOLOGY:
            if cell["dataset"] not in terms:
                cell["scores"][key] = {"value": None, "state": "not applicable", "reason": "no cell has a term"}
            elif (cell["model"], key) in broken:
                cell["scores"][key] = {"value": None, "state": "failed", "reason": "nan"}
        if cell["dataset"] in lost or (cell["model"], cell["dataset"]) in failed:
            cell |= {"state": "failed(error)", "reason": "the checksum is wrong", "scores": {}}
    return found | compared(found["cells"], found["models"], {}, scaled=False)


def told(found, model, metric):
    """What every view of a board says in the place of a value: board.md, board.csv, the page, the figure."""
    lines = [line for line in board_md(found).splitlines() if line.startswith("| ")]
    heads = [head.strip(" ↑↓") for head in lines[0].split("|")]
    row = lines[1 + [card["name"] for card in ranked_models(found)].index(model)]
    column = {"onto_rwr": "OntoRWR", "lcad_all": "LCAD, all cells"}[metric]
    rows = csv.DictReader(io.StringIO(board_csv(found)))
    mine = [each for each in rows if (each["scope"], each["model"], each["metric"]) == ("overall", model, metric)]
    # A metric that counts nowhere has no rows over all datasets.
    stated = mine[0]["state"] if mine else "no row"
    entries = next(each for each in overall_table(found) if each["card"]["name"] == model)["entries"]
    place = {"onto_rwr": 3, "lcad_all": 4}[metric]
    figure = funky_table(found)
    (marks,) = (each.marks for each in figure.columns if each.title.startswith(column.split(",")[0]))
    drawn = marks[[each.name for each in figure.rows].index(model)].text
    return row.split("|")[heads.index(column)].strip(), stated, entries[place].text, drawn


@pytest.mark.parametrize("metric", ONTOLOGY)
@pytest.mark.parametrize("model", ["pca", "scvi", "scarena-fm"])
@pytest.mark.parametrize("lost", ["baron_h1", "li_lines", "pollen"])
def test_a_dataset_that_could_not_be_had_does_not_fail_what_no_other_can_answer(lost, model, metric):
    found = board(lost=[lost])
    assert told(found, model, metric) == ("n/a", "no row", "n/a", "n/a")


def test_a_run_that_failed_where_nobody_has_terms_fails_nothing_of_the_ontology():
    found = board(failed=[("pca", "baron_h1")])
    assert told(found, "pca", "onto_rwr")[0] == "n/a"


def test_a_model_that_failed_where_others_have_a_value_failed_though_another_dataset_has_no_terms():
    found = board(terms=["baron_h1"], failed=[("pca", "baron_h1")])
    assert told(found, "pca", "onto_rwr") == ("failed", "failed(error)", "failed(error)", "failed")
    assert told(found, "hvg", "onto_rwr")[1] == "ok"


def test_a_score_that_failed_is_told_before_a_run_of_another_dataset():
    found = board(terms=["baron_h1"], broken=[("pca", "lcad_all")], lost=["li_lines"])
    assert absences(found)("pca", "lcad_all") == ("failed", "nan")


def test_where_every_dataset_was_lost_all_failed():
    found = board(lost=["baron_h1", "li_lines", "pollen"])
    assert absences(found)("pca", "onto_rwr") == ("failed(error)", "the checksum is wrong")


def test_the_sentence_of_a_lost_dataset_is_its_own():
    found = board(lost=["li_lines"])
    said = {name: of_dataset(found, name, scores_of(found), {}) for name in ("baron_h1", "li_lines", "pollen")}
    assert said["li_lines"] == "There is nothing to score here: failed(error): the checksum is wrong"
    assert said["pollen"].startswith("No model has a total here: bio or batch means nothing")
    assert said["baron_h1"].startswith("Best total here")
