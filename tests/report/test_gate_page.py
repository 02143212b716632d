"""The page says which metrics are shown and not ranked, why, and where each one fails."""

import copy
import json
import re
from pathlib import Path

import pytest

from scarena.board.gate import gated, shown_only
from scarena.report.board_csv import board_csv
from scarena.report.board_md import board_md
from scarena.report.html import render
from scarena.report.page.gate import HERE, NOT_RANKED, dataset_marks, front_gone, gate_table, overall_marks
from scarena.report.page.scores import HEADLINE, scores_of
from scarena.report.page.sentences import lead
from scarena.report.page.tables import dataset_table, overall_table

REFERENCE = json.loads((Path(__file__).parents[2] / "results/reference/demo/board.json").read_text())


def failing(*metrics):
    """The demo board as it would be if some metrics failed on every dataset."""
    board = copy.deepcopy(REFERENCE)
    board["gate"] = [
        {**row, **({"verdict": "fails", "reason": "<b>noise</b> wins"} if row["metric"] in metrics else {})}
        for row in gated(REFERENCE)["gate"]
    ]
    return board


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    page = render(failing("batch"), tmp_path_factory.mktemp("runs"))
    return re.sub(r'<script type="text/plain" id="plotly">.*?</script>', "", page, flags=re.S)


def test_a_metric_that_fails_on_most_is_marked_with_its_reason_where_it_stands(shown):
    ranking = shown.partition('id="ranking"')[2].partition("</thead>")[0]
    assert ranking.count(f'<span class="gate">{NOT_RANKED}</span>') == 1
    assert "&lt;b&gt;noise&lt;/b&gt; wins" in ranking and "<b>noise</b>" not in shown
    assert HERE in shown.partition('id="dataset-baron_h1"')[2].partition("</thead>")[0]
    assert "No front is drawn" not in shown


def test_entries_of_such_a_metric_have_no_place_and_others_keep_theirs():
    board = failing("batch")
    for rows in (overall_table(board), dataset_table(board, "baron_h1", scores_of(board))):
        place = HEADLINE.index("batch")
        assert all(row["entries"][place].gated and not row["entries"][place].heat for row in rows)
        assert any(row["entries"][HEADLINE.index("total")].heat for row in rows)


def test_the_table_of_the_gate_has_every_metric_that_does_not_pass_everywhere():
    board = failing("batch")
    wanted = {row["metric"] for row in board["gate"] if row["verdict"] != "passes"}
    rows = gate_table(board)
    assert len(rows) == len(wanted)
    assert sum(row["standing"] != "ranked" for row in rows) == len(overall_marks(board))
    assert {row["metric"] for row in board["gate"] if row["dataset"] == "pollen" and row["verdict"] == "fails"} == set(
        dataset_marks(board, "pollen")
    )


def test_a_headline_that_fails_is_ranked_and_said_to_fail_at_the_top():
    board = failing("total")
    [said] = [sentence for sentence in lead(board) if "fails the metric gate" in sentence]
    assert "the total fails" in said and "baron_h1" in said
    assert "total" not in shown_only(board) and overall_marks(board)["total"].text == "fails, ranked all the same"
    assert not any("metric gate" in sentence for sentence in lead(failing()))
    assert front_gone(failing()) == ""


def test_the_summary_and_the_table_say_what_is_not_ranked():
    assert "Shown, not ranked" not in board_md(failing())
    board = failing("batch")
    assert "Shown, not ranked: Batch correction (" in board_md(board)
    said = [line for line in board_csv(board).splitlines() if "fails the gate on most datasets" in line]
    assert any(",batch," in line for line in said) and not any(
        ",total," in line or ",control," in line for line in said
    )
