"""Filters act on all that is shown, and what is pointed at says more: by mouse, finger and keyboard."""

import copy

import pytest

from scarena.report.html import render

pytestmark = pytest.mark.xdist_group("page")
TABLES = ("ranking", "by-dataset", "by-task")


@pytest.fixture(scope="module")
def various(board, folder, tmp_path_factory):
    """The page of the demo board with cards that differ in all that can be filtered by."""
    changed = copy.deepcopy(board)
    card = {each["name"]: each for each in changed["models"]}
    card["pca"]["submitted"] = True
    card["harmony"]["licence"] = "GPL-3.0"
    card["scvi"]["parameters"] = 5_000_000
    first = changed["datasets"][0]["dataset"]
    changed["contamination"] = [
        {"dataset": first, "model": "scarena-fm", "state": "study"},
        {"dataset": first, "model": "scvi", "state": "unknown"},
    ]
    path = tmp_path_factory.mktemp("various") / "board.html"
    path.write_text(render(changed, folder), encoding="utf-8")
    return path


def seen(tab, where):
    return {*tab.locator(f"{where} [data-model]").evaluate_all(
        "all => all.filter((each) => !each.hidden).map((each) => each.dataset.model)"
    )}  # fmt: skip


def test_a_choice_of_models_acts_on_every_table_part_picture_and_chart(open_page, various, board):
    tab = open_page(various).tab
    tab.locator("input[name=models]").fill("pca, harm")
    wanted = {c["name"] for c in board["models"] if any(w in (c["name"] + c["title"]).lower() for w in ("pca", "harm"))}
    titles = {card["title"] for card in board["models"] if card["name"] in wanted}
    assert 2 <= len(wanted) < len(board["models"])
    for where in (*(f"#{name}" for name in TABLES), "#models", f"#dataset-{board['datasets'][0]['dataset']}"):
        assert seen(tab, where) == wanted, where
    pictures = tab.locator("figure[data-titled]").evaluate_all(
        "all => all.filter((each) => !each.hidden).map((each) => each.dataset.titled)"
    )
    assert pictures and {*pictures} <= titles
    tab.locator("#chart-scores").scroll_into_view_if_needed()
    tab.locator("#chart-scores .main-svg").first.wait_for()
    drawn = tab.evaluate("document.getElementById('chart-scores').data.flatMap((trace) => trace.text || [])")
    assert {*drawn} == {title.replace("<", "&lt;") for title in titles}
    assert "models=pca" in tab.url and "Shown: " in tab.locator("#left").inner_text()
    again = open_page(various, "#" + tab.url.partition("#")[2]).tab
    assert seen(again, "#ranking") == wanted


@pytest.mark.parametrize(
    ("fragment", "out"),
    [
        ("licence=GPL-3.0", lambda name: name != "harmony"),
        ("origin=submitted", lambda name: name != "pca"),
        ("trained=not", lambda name: name == "scarena-fm"),
        ("trained=clean", lambda name: name in ("scarena-fm", "scvi")),
    ],
)
def test_licence_origin_and_training_leave_models_out(open_page, various, board, fragment, out):
    names = {card["name"] for card in board["models"]}
    assert seen(open_page(various, f"#{fragment}").tab, "#ranking") == {name for name in names if not out(name)}


def test_a_size_leaves_out_models_of_another_and_those_without_one(open_page, various, board):
    tab = open_page(various, "#size=1e6-1e7").tab
    fitting = {
        card["name"] for card in board["models"]
        if card["family"] == "control" or 1e6 < (5e6 if card["name"] == "scvi" else card.get("parameters") or 0) <= 1e7
    }  # fmt: skip
    assert seen(tab, "#ranking") == fitting and "scvi" in fitting and "pca" not in fitting


def test_a_choice_of_datasets_acts_on_tables_and_parts_and_ranks_again(open_page, various, board):
    names = [entry["dataset"] for entry in board["datasets"]]
    tab = open_page(various, f"#sets={names[0]}").tab
    shown = tab.locator("details[data-dataset]:visible").evaluate_all("all => all.map((each) => each.dataset.dataset)")
    assert shown == [names[0]]
    heads = tab.locator("#by-dataset thead th:visible button").all_inner_texts()
    assert heads[2:] == [names[0]]
    assert "Over 1 dataset" in tab.locator("#answer").inner_text()


def test_the_heads_of_a_long_table_stay(open_page, various):
    tab = open_page(various, viewport={"width": 1000, "height": 400}).tab
    region = tab.locator(".scroll", has=tab.locator("#ranking"))
    region.scroll_into_view_if_needed()
    region.evaluate("each => each.scrollTo(0, 300)")
    top = region.bounding_box()["y"]
    assert abs(tab.locator("#ranking thead").bounding_box()["y"] - top) <= 2
    assert tab.locator("#ranking tbody tr").first.bounding_box()["y"] < top


def test_a_head_says_what_it_means_when_it_has_the_focus(open_page, various):
    tab = open_page(various).tab
    head = tab.locator("#ranking thead th", has_text="Bio conservation")
    head.locator("button").focus()
    assert "Range 0" in tab.locator("#tip").inner_text()
    assert head.get_attribute("title") is None
    tab.locator("input[name=models]").focus()
    assert not tab.locator("#tip").is_visible()


def test_a_umap_is_enlarged_with_an_address_and_made_small_again(open_page, various, board):
    name = board["datasets"][0]["dataset"]
    tab = open_page(various, f"#bio=1&at=dataset-{name}").tab
    figure = tab.locator(f"#dataset-{name} .umaps figure").first
    small = figure.locator("img").first.bounding_box()["width"]
    figure.locator("a").first.click()
    tab.wait_for_url(lambda url: "at=umap-" in url)
    assert figure.locator("img").first.bounding_box()["width"] > 1.5 * small
    assert tab.locator(".smaller:visible").count() == 1
    again = open_page(various, "#" + tab.url.partition("#")[2]).tab
    assert again.locator(f"#dataset-{name} .umaps figure img").first.bounding_box()["width"] > 1.5 * small
    figure.get_by_text("smaller").click()
    tab.wait_for_url(lambda url: "at=dataset-" in url)
    assert figure.locator("img").first.bounding_box()["width"] == small
