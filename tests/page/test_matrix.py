"""Datasets against models: the table shows the board's numbers by any metric, and says why one is missing."""

import copy

import pytest

from scarena.board.ranked import headline_of
from scarena.metrics.registry import METRICS
from scarena.report.html import render
from scarena.report.page.scores import scores_of

pytestmark = pytest.mark.xdist_group("page")


def cells(tab, rows="tbody tr"):
    """Return the texts of the visible cells by model, and the datasets that have a column."""
    found = tab.locator(f"#by-dataset {rows}").evaluate_all(
        "rows => rows.filter((row) => !row.hidden).map((row) => [row.dataset.model,"
        " [...row.cells].filter((cell) => !cell.hidden).slice(1).map((cell) => cell.innerText.split('\\n')[0])])"
    )
    heads = tab.locator("#by-dataset thead th:visible button").all_inner_texts()
    return dict(found), heads[2:]


def hold(tab, board, metric):
    """Assert that every cell is the board's score by a metric."""
    scores, (found, shown) = scores_of(board), cells(tab)
    assert found.keys() == {card["name"] for card in board["models"]}
    for model, (_, *texts) in found.items():
        for dataset, text in zip(shown, texts, strict=True):
            score = scores[dataset, model, metric]
            assert text == ("n/a" if score.value is None else f"{score.value:.3f}"), (dataset, model)
    return shown


def test_every_metric_of_the_board_can_be_chosen_and_stays_in_the_address(open_page, path, board):
    tab, scores = open_page(path).tab, scores_of(board)
    hold(tab, board, headline_of(board))
    options = tab.locator("select[name=by] option").evaluate_all("all => all.map((each) => each.value)")
    assert {*options} == {row["metric"] for row in board["overall"]} & {*METRICS}
    for metric in ("knn_macro_f1", options[-1]):
        tab.locator("select[name=by]").select_option(metric)
        assert f"by={metric}" in tab.url
        shown = hold(tab, board, metric)
        assert shown == [
            entry["dataset"] for entry in board["datasets"]
            if any(scores[entry["dataset"], card["name"], metric].value is not None for card in board["models"])
        ]  # fmt: skip
    again = open_page(path, "#" + tab.url.partition("#")[2]).tab
    assert cells(again) == cells(tab)


def test_a_dataset_sorts_the_models_and_leaves_controls_below(open_page, path, board):
    tab = open_page(path).tab
    name = board["datasets"][0]["dataset"]
    button = tab.locator("#by-dataset thead button", has_text=name)
    for sign in (-1, 1):
        button.click()
        family = {card["name"]: card["family"] for card in board["models"]}
        rows = list(cells(tab)[0])
        is_control = [family[model] == "control" for model in rows]
        assert is_control == sorted(is_control)
        values = [
            scores_of(board)[name, model, headline_of(board)].value for model in rows if family[model] != "control"
        ]
        assert values == sorted(values, key=lambda value: sign * value)


def test_what_is_missing_says_why_to_the_mouse_and_to_the_keyboard(open_page, board, folder, tmp_path):
    lost = copy.deepcopy(board)
    name = board["datasets"][0]["dataset"]
    for cell in lost["cells"]:
        if cell["model"] == "pca" and cell["dataset"] == name:
            cell |= {"state": "failed(oom)", "reason": "needed 9 GiB of 8", "scores": {}}
    (tmp_path / "board.html").write_text(render(lost, folder), encoding="utf-8")
    tip = "#tip"
    for fragment in ("", "#by=knn_macro_f1"):
        tab = open_page(tmp_path / "board.html", fragment).tab
        cell = tab.locator("#by-dataset tr[data-model=pca] td").nth(1)
        assert cell.inner_text().startswith("failed")
        cell.hover()
        assert "needed 9 GiB of 8" in tab.locator(tip).inner_text()
        tab.keyboard.press("Escape")
        assert not tab.locator(tip).is_visible()
        tab.locator("#by-dataset tr[data-model=pca] a").focus()
        tab.keyboard.press("ArrowRight")
        tab.keyboard.press("ArrowRight")
        assert "needed 9 GiB of 8" in tab.locator(tip).inner_text()
        assert cell.get_attribute("aria-describedby") == "tip" and not cell.get_attribute("title")


def test_colours_are_those_of_the_ranking_and_controls_have_none_of_their_own(open_page, path, board):
    tab = open_page(path, "#by=bio").tab
    shade = tab.locator("#by-dataset tbody.models tr").evaluate_all("rows => rows.map((row) => row.cells[1].className)")
    ranked = tab.locator("#ranking tbody.models tr").evaluate_all(
        "rows => rows.map((row) => [row.dataset.model, row.cells[3].className])"
    )
    order = tab.locator("#by-dataset tbody.models tr").evaluate_all("rows => rows.map((row) => row.dataset.model)")
    assert dict(zip(order, shade, strict=True)) == dict(ranked) and "h9" in shade


def test_without_a_script_the_table_stands_and_its_controls_do_not(open_page, path, board):
    tab = open_page(path, java_script_enabled=False).tab
    assert tab.locator("#by-dataset tbody tr").count() == len(board["models"])
    assert not tab.locator("select[name=by]").is_visible() and not tab.locator("#versus-datasets").is_visible()
    assert tab.get_by_text("Two models side by side need a script").is_visible()
