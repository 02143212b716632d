"""The page of a large board stays one that can be opened; `scarena bench page` has time and memory."""

import pytest

from scarena.bench.page import made_up_board
from scarena.report.html import MOST_BYTES, render

pytestmark = pytest.mark.xdist_group("page")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("large")
    file = folder / "board.html"
    file.write_text(render(made_up_board(100, 50), folder), encoding="utf-8")
    return file


def test_a_hundred_models_on_fifty_datasets_fit(path):
    assert path.stat().st_size <= MOST_BYTES


def test_it_ranks_sorts_and_says_what_it_leaves_out(open_page, path):
    page = open_page(path)
    assert page.tab.locator("#ranking tbody tr").count() == 100
    page.tab.locator("select[name=tissue]").select_option("brain")
    assert "Over 13 datasets" in page.tab.locator("#answer").inner_text()
    page.tab.locator("#dataset-dataset_9 > summary").click()
    assert page.tab.locator("#dataset-dataset_9 table.board tbody tr").count() == 100
    assert "it lies beside it" in page.tab.locator("#method").inner_text()
    assert page.said == []
