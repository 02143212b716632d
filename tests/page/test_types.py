"""Type by type: the numbers of the runs, sorted by a model, and confusion matrices that open."""

import re

import numpy as np
import pytest

from scarena.metrics.details import Details
from scarena.report.html import render
from scarena.report.page.types import of_types
from scarena.tasks.details import write_details

pytestmark = pytest.mark.xdist_group("page")
TYPES = ("alpha", "beta", "delta_long_name")
CONFUSION = {"pca": [[8, 1, 1], [0, 20, 0], [3, 0, 2]], "harmony": [[9, 1, 0], [5, 15, 0], [0, 0, 5]]}


@pytest.fixture(scope="module")
def page(board, tmp_path_factory):
    place = tmp_path_factory.mktemp("types")
    for model, matrix in CONFUSION.items():
        run = place / board["datasets"][0]["dataset"] / model / "0" / "details.npz"
        run.parent.mkdir(parents=True)
        write_details(run, Details(TYPES, ("", "", ""), np.array(matrix), (), None))
    (place / "board.html").write_text(render(board, place), encoding="utf-8")
    return place / "board.html"


def test_the_types_are_sorted_by_the_f1_of_a_model(open_page, page, board):
    name = board["datasets"][0]["dataset"]
    tab = open_page(page, f"#dataset-{name}").tab
    table = tab.get_by_role("region", name=f"F1 of each type on {name}")
    title = next(card["title"] for card in board["models"] if card["name"] == "pca")
    table.locator("th button").filter(has_text=re.compile(f"^{re.escape(title)}$")).click()
    f1 = dict(zip(TYPES, of_types(np.array(CONFUSION["pca"]))[1], strict=True))
    rows = table.locator("tbody tr").all_inner_texts()
    assert [row.split()[0] for row in rows] == sorted(TYPES, key=lambda each: -f1[each])
    assert all(f"{f1[row.split()[0]]:.3f}" in row for row in rows)


def test_a_matrix_opens_cell_by_cell_and_axe_finds_no_violation(open_page, page, board):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    name = board["datasets"][0]["dataset"]
    title = next(card["title"] for card in board["models"] if card["name"] == "harmony")
    opened = open_page(page, f"#models=harmony&at=dataset-{name}", bypass_csp=True)
    tab = opened.tab
    tab.locator(f"#dataset-{name} summary", has_text="Confusion matrices").click()
    tab.locator(f"#dataset-{name} summary", has_text=title).last.click()
    region = tab.get_by_role("region", name=f"Confusion matrix of {title} on {name}")
    rows = region.locator("tbody tr").evaluate_all(
        "rows => rows.map((row) => [...row.cells].slice(1).map((cell) => Number(cell.textContent)))"
    )
    assert rows == CONFUSION["harmony"]
    assert tab.locator(f"#dataset-{name} details[data-titled]:visible").count() == 1
    assert [each["id"] for each in axe.Axe().run(tab).response["violations"]] == []
    assert opened.said == []
