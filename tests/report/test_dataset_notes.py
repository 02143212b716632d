"""What was dropped, renamed or assumed of a dataset stands on its page, as text."""

import json
from pathlib import Path

from scarena.report.html import render

DEMO = Path(__file__).parents[2] / "results" / "reference" / "demo" / "board.json"
TITLE = "What was dropped, renamed or assumed"


def test_what_was_dropped_or_assumed_of_a_dataset_is_on_the_page_and_markup_in_it_is_text(tmp_path):
    board = json.loads(DEMO.read_text(encoding="utf-8"))
    for entry in board["datasets"]:
        entry["summary"].pop("notes", None)
    assert TITLE not in render(board, tmp_path)
    notes = ["2 labels that look alike are one: '<b>T</b>'", "300 cells are unlabelled and left out"]
    board["datasets"][0]["summary"]["notes"] = notes
    page = render(board, tmp_path)
    assert TITLE in page and "300 cells are unlabelled and left out" in page
    assert "<b>T</b>" not in page and "&lt;b&gt;T&lt;/b&gt;" in page
