"""On a board that others measured every screen says so, and a link leads to what it names, not below the banner."""

import pytest

from scarena.bench.others.board import write_published
from scarena.bench.others.tables import load_table, table_board


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return write_published(table_board(load_table("scfm-bench")), tmp_path_factory.mktemp("published"))


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 800)])
def test_the_banner_is_on_every_screen_and_hides_no_heading(open_page, page, width, height):
    tab = open_page(page, viewport={"width": width, "height": height}).tab
    screens = tab.evaluate("Math.ceil(document.documentElement.scrollHeight / innerHeight)")
    assert screens > 2
    for screen in range(screens):
        tab.evaluate(f"window.scrollTo(0, {screen} * innerHeight)")
        box = tab.locator(".whose").bounding_box()
        assert -1 <= box["y"] <= height - box["height"]
    assert "scFM-Bench (Wu et al. 2025)" in tab.locator(".whose").inner_text()
    tab.evaluate("document.querySelector('#models').scrollIntoView()")
    top, bottom = tab.evaluate(
        "[document.querySelector('#models h2').getBoundingClientRect().top,"
        " document.querySelector('.whose').getBoundingClientRect().bottom]"
    )
    assert top >= bottom


def test_nothing_is_wrong_with_it_for_those_who_do_not_see(open_page, page):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    opened = open_page(page, viewport={"width": 1280, "height": 900})
    found = axe.Axe().run(opened.tab).response["violations"]
    assert [each["id"] for each in found] == []
    assert opened.said == []
