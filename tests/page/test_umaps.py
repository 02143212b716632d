"""One cell type is shown alone in every UMAP that has it, with an address; batches have colours of their own."""

import re

import pytest

from scarena.report.page.images import BATCH_PALETTE, PALETTE, distinct

pytestmark = pytest.mark.xdist_group("page")
# The colours of a picture with how many of its dots have each, but what is transparent.
COUNTED = """async (picture) => {
  await picture.decode();
  const pen = Object.assign(document.createElement("canvas"), { width: 240, height: 240 }).getContext("2d");
  pen.drawImage(picture, 0, 0);
  const { data } = pen.getImageData(0, 0, 240, 240), found = {};
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] !== 255) continue;
    const levels = [...data.slice(i, i + 3)].map((level) => level.toString(16).padStart(2, "0"));
    const name = "#" + levels.join("").toUpperCase();
    found[name] = (found[name] || 0) + 1;
  }
  return found;
}"""


def opened(open_page, path, board, more=""):
    name = board["datasets"][0]["dataset"]
    tab = open_page(path, f"#at=dataset-{name}{more}").tab
    return tab, tab.locator(f"#dataset-{name} img[data-by=type]").first, tab.locator(f"#dataset-{name} .legend")


def test_a_type_is_lit_by_a_click_on_it_and_others_turn_grey(open_page, path, board):
    tab, picture, legend = opened(open_page, path, board)
    key = legend.locator("[data-type]").nth(1)
    name, colour, before = key.get_attribute("data-type"), key.get_attribute("data-colour"), picture.evaluate(COUNTED)
    assert len(before) > 3 and before[colour]
    key.click()
    tab.wait_for_function(
        "() => document.querySelector('img[data-by=type]').src.length && document.querySelector('.lit')"
    )
    tab.wait_for_timeout(300)
    assert picture.evaluate(COUNTED) == {colour: before[colour]}
    assert f"lit={name.split()[0]}" in tab.url.replace("+", " ").replace("%20", " ")
    again = opened(open_page, path, board, "&" + re.search(r"lit=[^&]*", tab.url)[0])
    again[0].wait_for_timeout(300)
    assert again[1].evaluate(COUNTED) == {colour: before[colour]}
    key.click()
    tab.wait_for_timeout(300)
    assert picture.evaluate(COUNTED) == before and "lit=" not in tab.url


def test_a_type_is_lit_by_the_keyboard(open_page, path, board):
    tab, picture, legend = opened(open_page, path, board)
    colour = legend.locator("[data-type]").first.get_attribute("data-colour")
    tab.locator("select[name=lit]").select_option(legend.locator("[data-type]").first.get_attribute("data-type"))
    tab.wait_for_timeout(300)
    assert picture.evaluate(COUNTED).keys() == {colour}


def test_types_and_batches_have_no_colour_in_common(open_page, path, board):
    assert not {*PALETTE} & {*BATCH_PALETTE}
    tab, picture, _ = opened(open_page, path, board)
    by_batch = tab.locator(f"#dataset-{board['datasets'][0]['dataset']} .umaps img:not([data-by])").first
    assert {*by_batch.evaluate(COUNTED)} <= {*BATCH_PALETTE} and {*picture.evaluate(COUNTED)} <= {*PALETTE}


@pytest.mark.parametrize("palette", [PALETTE, BATCH_PALETTE])
def test_no_two_types_have_one_colour_however_many_there_are(palette):
    assert len({*distinct(palette, 255)}) == 255
    assert distinct(palette, len(palette)) == list(palette)
