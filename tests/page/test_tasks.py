"""The table of tasks is the board's, sorts as others do, and follows the choice of models and tissue."""

import pytest

from scarena.board.ranked import rank_text
from scarena.report.page.scores import scores_of

pytestmark = pytest.mark.xdist_group("page")
ROWS = "rows => rows.map((row) => [row.dataset.model, [...row.cells].map((cell) => cell.innerText)])"


def shown(tab):
    return tab.locator("#by-task tr[data-model]:visible").evaluate_all(ROWS)


def test_it_comes_first_with_the_numbers_of_the_board(open_page, path, board):
    page = open_page(path)
    assert page.tab.locator("main > section").first.get_attribute("id") == "tasks"
    found = dict(shown(page.tab))
    for row in board["overall"]:
        if row["metric"] in ("total", "knn_macro_f1") and row["value"] is not None:
            text = found[row["model"]][1 if row["metric"] == "total" else 2]
            assert text.startswith(f"{row['value']:.3f}")
            assert row["rank_low"] is None or f"rank {rank_text(row)} " in text
    assert page.said == []


def test_it_is_sorted_by_another_task_controls_staying_below(open_page, path):
    tab = open_page(path).tab
    before = [name for name, _ in shown(tab)]
    tab.locator("#task-annotation button").click()
    assert tab.locator("#task-annotation").get_attribute("aria-sort") == "descending"
    values = [float(cells[2][:5]) for _, cells in shown(tab)]
    n_models = tab.locator("#by-task tbody.models tr").count()
    assert values[:n_models] == sorted(values[:n_models], reverse=True)
    assert {name for name, _ in shown(tab)[n_models:]} == set(before[n_models:])


def test_a_choice_of_models_hides_rows_and_weights_change_nothing(open_page, path, board):
    tab = open_page(path).tab
    before = shown(tab)
    tab.locator("select[name=task]").select_option("ontology")
    assert shown(tab) == before
    tab.locator("input[value=baseline]").uncheck()
    baselines = {card["name"] for card in board["models"] if card["family"] == "baseline"}
    assert [name for name, _ in shown(tab)] == [name for name, _ in before if name not in baselines]


def test_a_tissue_ranks_every_task_again_over_its_datasets(open_page, path, board):
    tab, scores = open_page(path).tab, scores_of(board)
    before = shown(tab)
    tissue = next(d["card"]["tissue"] for d in board["datasets"] if d["dataset"] == "baron_h1")
    assert [d["dataset"] for d in board["datasets"] if d["card"]["tissue"] == tissue] == ["baron_h1"]
    tab.locator("select[name=tissue]").select_option(tissue)
    rows = shown(tab)
    for name, cells in rows:
        for place, metric in ((1, "total"), (2, "knn_macro_f1")):
            assert cells[place].startswith(f"{scores['baron_h1', name, metric].value:.3f}")
    ranked = [cells for _, cells in rows if "rank" in cells[1]]
    assert "rank 1" in ranked[0][1] and [c[1][:5] for c in ranked] == sorted((c[1][:5] for c in ranked), reverse=True)
    tab.locator("select[name=tissue]").select_option("")
    assert shown(tab) == before
