"""Anybody can read the page: without a network, a script, a mouse, a wide screen, or good sight."""

import base64
import copy
import gzip
import json
import re

import pytest

from scarena.report.html import MOST_BYTES, render

pytestmark = pytest.mark.xdist_group("page")
NARROW = {"width": 360, "height": 740}


def all_open(tab):
    tab.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")


def test_nothing_is_asked_for_and_nothing_is_complained_of(open_page, path):
    page = open_page(path)
    all_open(page.tab)
    for chart in page.tab.locator(".chart").all():
        chart.scroll_into_view_if_needed()
        chart.locator(".main-svg").first.wait_for()
    assert [url for url in page.requests if not url.startswith(("data:", "blob:", path.as_uri()))] == []
    assert page.said == []


def test_it_is_small_enough_to_be_mailed(path):
    assert path.stat().st_size <= MOST_BYTES


def test_without_a_script_every_score_and_reason_can_be_read(open_page, path, board):
    tab = open_page(path, java_script_enabled=False).tab
    assert not tab.locator("#choice").is_visible()
    assert tab.locator("#ranking tbody tr").count() == len(board["models"])
    text = tab.content()
    for row in board["overall"]:
        if row["metric"] == "total" and row["value"] is not None:
            assert f"{row['value']:.3f}" in text
    for details in tab.locator("details.part").all():
        details.locator("summary").first.click()
    assert tab.locator(".umaps img").first.is_visible()
    assert tab.get_by_text("This chart is drawn by a script").first.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [{"width": 1280, "height": 900}, NARROW])
def test_axe_finds_no_violation(open_page, path, scheme, size):
    from axe_playwright_python.sync_playwright import Axe

    # The page's policy lets no script in but its own; axe is one.
    page = open_page(path, color_scheme=scheme, viewport=size, bypass_csp=True)
    all_open(page.tab)
    page.tab.locator(".chart").first.scroll_into_view_if_needed()
    page.tab.locator(".main-svg").first.wait_for()
    found = Axe().run(page.tab)
    assert found.violations_count == 0, found.generate_report()


def test_on_a_phone_only_tables_scroll_sideways(open_page, path):
    tab = open_page(path, viewport=NARROW).tab
    all_open(tab)
    assert tab.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]


def test_it_prints(open_page, path):
    printed = open_page(path).tab.pdf(format="A4", landscape=True)
    assert printed.startswith(b"%PDF")
    pages = len(re.findall(rb"/Type\s*/Page\b", printed))
    # With every fold open.
    assert 2 <= pages <= 60


def test_tables_are_sorted_by_keyboard_and_say_so(open_page, path):
    tab = open_page(path).tab
    header = tab.locator("#ranking th[data-better]").filter(has_text="Batch correction")
    header.locator("button").focus()
    for expected in ("descending", "ascending"):
        tab.keyboard.press("Enter")
        assert header.get_attribute("aria-sort") == expected
        column = header.evaluate("each => each.cellIndex")
        shown = tab.locator("#ranking tbody.models tr").evaluate_all(
            "(rows, column) => rows.map((row) => Number(row.cells[column].dataset.sort))", column
        )
        assert shown == sorted(shown, reverse=expected == "descending")
    assert tab.locator("#ranking th[aria-sort]").count() == 1


def test_every_picture_says_what_it_shows(open_page, path):
    tab = open_page(path).tab
    assert tab.locator("img:not([alt])").count() == 0
    assert tab.locator(".chart:not([role=img][aria-label])").count() == 0
    assert tab.locator(".umaps img").count() > 0


def test_the_board_inside_of_the_page_is_the_board(open_page, path, board):
    link = open_page(path).tab.locator("a[download='board.json.gz']").get_attribute("href")
    assert json.loads(gzip.decompress(base64.b64decode(link.partition(",")[2]))) == board


def test_a_name_that_is_a_script_stays_a_name(open_page, board, folder, tmp_path):
    hostile = copy.deepcopy(board)
    name = "<script>alert(1)</script>"
    hostile["title"] = name
    for card in hostile["models"]:
        card["title"] = f"{name}<img src=x onerror=alert(2)>"
    file = tmp_path / "board.html"
    file.write_text(render(hostile, folder), encoding="utf-8")
    page = open_page(file)
    page.tab.on("dialog", lambda dialog: page.said.append(f"dialog: {dialog.message}"))
    all_open(page.tab)
    page.tab.locator("#chart-scores").scroll_into_view_if_needed()
    page.tab.locator("#chart-scores .main-svg").first.wait_for()
    page.tab.locator("select[name=tissue]").select_option(index=1)
    assert page.tab.title() == name
    assert page.tab.locator("h1").inner_text() == name
    assert name in page.tab.locator("#answer").inner_text()
    assert page.said == []


def test_a_script_that_is_not_the_pages_own_does_not_run(open_page, path, tmp_path):
    changed = tmp_path / "board.html"
    text = path.read_text(encoding="utf-8")
    changed.write_text(text.replace("</main>", "<script>document.title = 'taken'</script></main>"), encoding="utf-8")
    page = open_page(changed)
    assert page.tab.title() != "taken"
    assert any("Content Security Policy" in line for line in page.said)


def test_size_has_its_charts_and_the_same_numbers_in_a_table(open_page, path, board):
    tab = open_page(path).tab
    tab.locator("#chart-parameters").scroll_into_view_if_needed()
    tab.wait_for_selector("#chart-parameters .main-svg")
    ranked = {row["model"] for row in board["overall"] if row["metric"] == "total" and row["rank_low"] is not None}
    sized = {
        card["title"]: card["parameters"] for card in board["models"] if card["parameters"] and card["name"] in ranked
    }
    drawn = tab.evaluate(
        "() => Object.fromEntries(document.getElementById('chart-parameters').data"
        ".flatMap((trace) => (trace.text || []).map((title, index) => [title, trace.x[index]])))"
    )
    assert sized and drawn == sized
    told = tab.get_by_role("region", name="and size of the ranked models").locator("tbody tr").all_inner_texts()
    assert {line.split("\t")[0]: int(line.split("\t")[2].replace(",", "")) for line in told} == sized


def test_what_rounds_to_nothing_has_no_sign(open_page, path):
    tab = open_page(path).tab
    assert tab.evaluate("() => [shown(-0.0001), shown(-0.0006), signed(-0.0001), signed(0.0004)]") == [
        "0.000", "-0.001", "+0.000", "+0.000",
    ]  # fmt: skip
    assert "-0.000" not in tab.locator("body").inner_text()
