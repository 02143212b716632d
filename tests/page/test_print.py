"""On paper: charts drawn, folds open, light colours; and charts are saved as pictures."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.xdist_group("page")


@pytest.fixture
def printed(open_page, path):
    """The page as it is when it is being printed, from a dark screen."""
    tab = open_page(path, color_scheme="dark").tab
    # The page's policy lets no text be evaluated, which waiting for a condition would do.
    tab.evaluate("async () => { while (!window.Plotly) await new Promise((done) => setTimeout(done, 50)); }")
    tab.emulate_media(media="print")
    tab.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    return tab


def test_folds_are_open_and_charts_drawn_while_it_is_printed(printed):
    folded = "document.querySelectorAll('details:not([open])').length"
    assert printed.evaluate(folded) == 0
    charts = printed.locator(".chart")
    assert charts.count() > 1
    for chart in charts.all():
        assert chart.locator(".main-svg").count() > 0
    printed.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert printed.evaluate(folded) > 0


def test_charts_are_seen_on_paper_and_nothing_lies_over_them(printed):
    for chart in printed.locator(".chart").all():
        pixels = np.asarray(Image.open(BytesIO(chart.screenshot())).convert("RGB")).astype(int)
        inked = (pixels.min(axis=2) < 128).mean()
        coloured = (np.ptp(pixels, axis=2) > 60).sum()
        assert inked > 0.002 and coloured > 50


def test_paper_is_white_and_its_ink_black_whatever_the_screen_was(printed):
    style = "getComputedStyle(document.{}).{}"
    assert printed.evaluate(style.format("body", "backgroundColor")) == "rgb(255, 255, 255)"
    assert printed.evaluate(style.format("body", "color")) == "rgb(0, 0, 0)"
    label = "querySelector('.chart text.xtitle')"
    assert printed.evaluate(style.format(label, "fill")) == "rgb(0, 0, 0)"
    assert printed.evaluate(style.format("querySelector('.chart')", "backgroundColor")) == "rgb(255, 255, 255)"
    assert not printed.locator("#choice").is_visible()


@pytest.mark.parametrize(("form", "start"), [("PNG", b"\x89PNG"), ("SVG", b"<svg")])
def test_a_chart_is_saved_as_a_picture(open_page, path, form, start):
    page = open_page(path)
    with page.tab.expect_download() as told:
        page.tab.get_by_role("button", name=f"Save as {form}").first.click()
    assert told.value.suggested_filename == f"chart-scores.{form.lower()}"
    assert told.value.path().read_bytes().startswith(start)
    assert page.said == []
