"""A against B: the board's values and paired intervals, each from the side of A; where there is none, so it is said."""

from statistics import fmean

import pytest

from scarena.board.gate import gated
from scarena.board.ranked import counting
from scarena.metrics.registry import METRICS
from scarena.report.page.scores import scores_of

pytestmark = pytest.mark.xdist_group("page")


def table(tab, name):
    found = tab.locator(f"#versus-{name} tbody tr").evaluate_all(
        "rows => rows.map((row) => [...row.cells].map((cell) => cell.innerText.split('\\n')[0].replace('−', '-')))"
    )
    return {first: rest for first, *rest in found}


@pytest.mark.parametrize("turned", [False, True])
def test_the_paired_interval_is_the_boards_from_the_side_of_a(open_page, path, board, turned):
    row = next(row for row in gated(board)["differences"] if row["metric"] == "total" and row["low"] is not None)
    a, b = (row["model_b"], row["model_a"]) if turned else (row["model_a"], row["model_b"])
    tab = open_page(path, f"#a={a}&b={b}&at=compare").tab
    low, high = (-row["high"], -row["low"]) if turned else (row["low"], row["high"])
    total = table(tab, "metrics")["Total"]
    assert total[2] == f"{-row['difference'] if turned else row['difference']:+.3f}"
    assert total[4].replace("−", "-") == f"{low:+.3f} to {high:+.3f}"
    words = tab.locator("#in-words").inner_text()
    assert ("better beyond noise" in words) == (low > 0 or high < 0)
    assert tab.locator("#compare").bounding_box()["y"] < 900


def test_each_dataset_and_metric_has_the_values_of_both(open_page, path, board):
    tab, scores = open_page(path, "#a=pca&b=harmony&of=bio").tab, scores_of(board)
    found = table(tab, "datasets")
    for dataset in counting(board, "bio"):
        a, b = (scores[dataset, model, "bio"] for model in ("pca", "harmony"))
        text = found[dataset]
        assert text[:3] == [f"{a.value:.3f}", f"{b.value:.3f}", f"{a.value - b.value:+.3f}"]
        assert text[4] == ("apart" if a.low > b.high or b.low > a.high else "overlap")
    for metric in ("knn_macro_f1", "lcad_all"):
        names = counting(board, metric)
        a, b = (fmean(scores[name, model, metric].value for name in names) for model in ("pca", "harmony"))
        text = table(tab, "metrics")[METRICS[metric].title]
        assert text[:2] == [f"{a:.3f}", f"{b:.3f}"] and text[4] == "no paired interval here"
        title = {card["name"]: card["title"] for card in board["models"]}
        assert text[3] == title["pca" if (a > b) == (METRICS[metric].better == "higher") else "harmony"]


def test_of_a_choice_of_data_no_paired_interval_is_made_up(open_page, path, board):
    tissue = board["datasets"][0]["card"]["tissue"]
    tab = open_page(path, f"#a=pca&b=harmony&tissue={tissue}").tab
    wanted = [each["dataset"] for each in board["datasets"] if each["card"]["tissue"] == tissue]
    assert {*table(tab, "datasets")} <= {*wanted}
    assert {text[4] for text in table(tab, "metrics").values()} == {"no paired interval here"}
    assert "whether that is more than noise is not known" in tab.locator("#in-words").inner_text()


def test_the_pair_is_in_the_address_and_links_keep_it(open_page, path):
    tab = open_page(path).tab
    tab.locator("select[name=a]").select_option("pca")
    tab.locator("select[name=of]").select_option("batch")
    assert "a=pca" in tab.url and "of=batch" in tab.url
    tab.locator("nav a", has_text="Datasets").last.click()
    tab.wait_for_url(lambda url: "at=datasets" in url)
    assert tab.locator("select[name=a]").input_value() == "pca" and "a=pca" in tab.url
    tab.locator("select[name=b]").select_option("pca")
    assert "the same model" in tab.locator("#in-words").inner_text()
