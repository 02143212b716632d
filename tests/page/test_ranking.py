"""What the page shows is the board's, and what it ranks again by a choice is what that choice means."""

import copy
import re
from statistics import fmean

import pytest

from scarena.board.ranked import counting
from scarena.report.html import render
from scarena.report.page.scores import HEADLINE, scores_of

pytestmark = pytest.mark.xdist_group("page")


def shown(tab):
    """Return the ranking as a reader sees it: (model, texts of its cells), in the order of the rows."""
    return tab.locator("#ranking tr[data-model]:visible").evaluate_all(
        "rows => rows.map((row) => [row.dataset.model, [...row.cells].map((cell) => cell.innerText)])"
    )


def values(tab, metric):
    return {name: cells[2 + HEADLINE.index(metric)].split("\n")[0] for name, cells in shown(tab)}


def set_range(tab, name, value):
    tab.locator(f"input[name={name}]").evaluate(
        "(each, value) => { each.value = value; each.dispatchEvent(new Event('input', { bubbles: true })); }", value
    )


def test_the_overview_shows_the_numbers_of_the_board(open_page, path, board):
    tab = open_page(path).tab
    for metric in HEADLINE:
        found = values(tab, metric)
        for row in board["overall"]:
            if row["metric"] == metric and row["value"] is not None and row["coverage"] == 1:
                assert found[row["model"]] == f"{row['value']:.3f}", (row["model"], metric)


def test_intervals_and_ranks_are_the_boards(open_page, path, board):
    cells = dict(shown(open_page(path).tab))
    for row in board["overall"]:
        if row["metric"] == "total" and row["rank_low"] is not None:
            texts = cells[row["model"]]
            low, high = row["rank_low"], row["rank_high"]
            assert texts[1].split()[0] == (str(low) if low == high else f"{low}–{high}")
            assert texts[2].split("\n")[1] == f"{row['low']:.3f} to {row['high']:.3f}"


def test_each_dataset_shows_the_numbers_of_its_runs(open_page, path, board):
    tab, scores = open_page(path).tab, scores_of(board)
    titles = {card["title"]: card["name"] for card in board["models"]}
    for entry in board["datasets"]:
        rows = (
            tab.locator(f"#dataset-{entry['dataset']} table.board")
            .first.locator("tbody tr")
            .evaluate_all("rows => rows.map((row) => [...row.cells].map((cell) => cell.textContent))")
        )
        assert len(rows) == len(board["models"])
        for title, *texts in rows:
            for metric, text in zip(HEADLINE, texts, strict=True):
                score = scores[entry["dataset"], titles[title], metric]
                assert text.startswith("n/a" if score.value is None else f"{score.value:.3f}")


def test_what_the_script_would_rank_by_default_is_what_the_board_says(open_page, path, board):
    """The script's own means, which it shows for other choices, hold where the board has the answer."""
    tab = open_page(path).tab
    found = tab.evaluate("standings(chosen()).found.map((row) => [row.model.name, row.score && row.score[0]])")
    total = {row["model"]: row["value"] for row in board["overall"] if row["metric"] == "total"}
    assert len(found) == len(total)
    for name, value in found:
        assert value == pytest.approx(total[name], abs=1e-4)


def test_a_tissue_leaves_its_datasets_alone(open_page, path, board):
    tissue = board["datasets"][0]["card"]["tissue"]
    wanted = [d["dataset"] for d in board["datasets"] if d["card"]["tissue"] == tissue]
    assert 0 < len(wanted) < len(board["datasets"])
    tab, scores = open_page(path).tab, scores_of(board)
    tab.locator("select[name=tissue]").select_option(tissue)
    for metric in HEADLINE:
        names = [name for name in counting(board, metric) if name in wanted]
        for model, text in values(tab, metric).items():
            known = [s.value for n in names if (s := scores[n, model, metric]).value is not None]
            assert text == (f"{fmean(known):.3f}" if known else "n/a"), (model, metric)
    assert "1 dataset" in tab.locator("#answer").inner_text()
    assert f"tissue={tissue}" in tab.url


def test_weights_rank_again_and_stay_in_the_address(open_page, path, board):
    page, scores = open_page(path), scores_of(board)
    set_range(page.tab, "bio", 0)
    set_range(page.tab, "batch", 1)
    names = counting(board, "batch")
    expected = {
        card["name"]: fmean(scores[name, card["name"], "batch"].value for name in names)
        for card in board["models"] if all(scores[name, card["name"], "batch"].value is not None for name in names)
    }  # fmt: skip
    found = values(page.tab, "total")
    assert {name: found[name] for name in expected} == {name: f"{value:.3f}" for name, value in expected.items()}
    order = [name for name, _ in shown(page.tab) if dict(shown(page.tab))[name][1] != "–"]
    assert order == sorted(order, key=lambda name: -expected[name])
    again = open_page(path, "#" + page.tab.url.partition("#")[2]).tab
    assert shown(again) == shown(page.tab)
    again.get_by_role("button", name="Back to").click()
    again.wait_for_url(lambda url: "#" not in url)
    assert shown(again) == shown(open_page(path).tab)


def test_tasks_set_the_weights(open_page, path):
    tab = open_page(path).tab
    tab.locator("select[name=task]").select_option("annotation")
    assert [tab.locator(f"input[name={name}]").input_value() for name in ("bio", "batch", "knn_macro_f1")] == [
        "0", "0", "1",
    ]  # fmt: skip
    assert values(tab, "total") == values(tab, "knn_macro_f1")
    set_range(tab, "bio", 0.5)
    assert tab.locator("select[name=task]").input_value() == ""


def test_weights_that_are_all_zero_rank_nobody(open_page, path):
    tab = open_page(path).tab
    for name in ("bio", "batch"):
        set_range(tab, name, 0)
    assert set(values(tab, "total").values()) == {"n/a"}
    assert {cells[1] for _, cells in shown(tab)} == {"–"}
    assert "every weight is 0" in tab.locator("#answer").inner_text()


def test_families_and_uses_hide_models(open_page, path, board):
    tab = open_page(path).tab
    family = {card["name"]: card["family"] for card in board["models"]}
    tab.get_by_label("control").uncheck()
    assert {family[name] for name, _ in shown(tab)} == {"foundation", "baseline"}
    tab.get_by_label("baseline").uncheck()
    tab.locator("select[name=use]").select_option("as-is")
    adapted = {card["name"]: card["trains_on_target"] for card in board["models"]}
    names = [name for name, _ in shown(tab)]
    assert names and all(family[name] == "foundation" and not adapted[name] for name in names)
    assert "without=" in tab.url


@pytest.mark.parametrize("choice", ["#bio=1&batch=1", "#tissue=pancreas"])
def test_a_choice_says_how_the_best_zero_shot_model_stands_to_the_best_baseline(open_page, path, board, choice):
    tab = open_page(path, choice).tab
    n_baselines = sum(card["family"] == "baseline" for card in board["models"])
    said = re.search(
        r"Best zero-shot: (.+?) \([\d.]+\), (below|above|statistically indistinguishable from) the best of "
        rf"{n_baselines} baselines, (.+?) \(\d",
        tab.locator("#answer").inner_text(),
    )
    name = {card["title"]: card["name"] for card in board["models"]}
    interval = {}
    for model, cells in shown(tab):
        found = re.findall(r"-?\d+\.\d+", cells[2])
        interval[model] = tuple(map(float, found[1:3]))
    zero, base = interval[name[said[1]]], interval[name[said[3]]]
    assert said[2] == (
        "below" if zero[1] < base[0] else "above" if zero[0] > base[1] else "statistically indistinguishable from"
    )


def test_a_link_leads_to_a_dataset_and_opens_it(open_page, path, board):
    name = board["datasets"][-1]["dataset"]
    for fragment in (f"#dataset-{name}", f"#tissue=&at=dataset-{name}"):
        place = open_page(path, fragment).tab.locator(f"#dataset-{name}")
        assert place.get_attribute("open") is not None
        assert abs(place.bounding_box()["y"]) < 900


@pytest.mark.parametrize("fragment", ["#bio=abc&tissue=nowhere&use=x&without=", "#%E0%A4%A", "#at=<b>", "#===&&"])
def test_an_address_that_makes_no_sense_is_the_page_itself(open_page, path, fragment):
    page = open_page(path, fragment)
    assert shown(page.tab) == shown(open_page(path).tab)
    assert page.said == []


def test_the_sentences_at_the_top_hold(open_page, path, board):
    text = open_page(path).tab.locator("header").inner_text()
    title = {card["name"]: card["title"] for card in board["models"]}
    total = {row["model"]: row for row in board["overall"] if row["metric"] == "total" and row["rank_low"] is not None}
    first = min(row["tie_group"] for row in total.values())
    leaders = [title[name] for name, row in total.items() if row["tie_group"] == first]
    sentence = re.search(r"^(.*?) (?:tie for the lead|leads beyond noise)", text, re.MULTILINE)
    assert sentence and all(leader in sentence[1] for leader in leaders)
    assert "Best zero-shot model of 2: " in text and "Left out of this as controls: " in text
    assert "All 6 foundation models on this board are scArena's own" in text and "(scArena has 22)" in text


def test_a_choice_in_which_one_model_is_left_compares_it_with_none(open_page, board, folder, tmp_path):
    """Models that lack a score on a dataset of the choice are named, and the one that has all is first of nobody."""
    lost = copy.deepcopy(board)
    for cell in lost["cells"]:
        if cell["model"] not in ("pca", "labels") and cell["dataset"] == "li_lines":
            cell |= {"state": "failed(oom)", "reason": "9 GiB", "scores": {}}
    (tmp_path / "board.html").write_text(render(lost, folder), encoding="utf-8")
    tab = open_page(tmp_path / "board.html", "#bio=1&batch=1").tab
    said = tab.locator("#answer").inner_text()
    assert "PCA alone has a score on each" in said and "compared with no other" in said
    assert "Not compared, for want of a score on each: " in said and "Harmony" in said and "is first" not in said
    # Where others have a score and a model has none, that is not "not applicable".
    cells = dict(shown(open_page(tmp_path / "board.html", "#tissue=" + tissue_of(lost, "li_lines")).tab))
    assert cells["hvg"][2] == "–" and cells["pca"][2] != "–"


def tissue_of(board, name):
    (entry,) = (each for each in board["datasets"] if each["dataset"] == name)
    return entry["card"]["tissue"].replace(" ", "+")
