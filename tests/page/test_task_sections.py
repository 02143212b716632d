"""The sections of tasks sort, follow the choice of models and tissue, and can be read by anybody."""

from statistics import fmean

import pytest

from scarena.report.html import render
from scarena.report.page.scores import scores_of

pytestmark = pytest.mark.xdist_group("page")
TABLE = "#task-probe-section table.board >> nth=0"
ROWS = "rows => rows.map((row) => [row.dataset.model, [...row.cells].filter((c) => !c.hidden).map((c) => c.innerText)])"


@pytest.fixture(scope="module")
def tasks_board(make_task_board):
    return make_task_board("probe", "malignant", "integration", "annotation")


@pytest.fixture(scope="module")
def tasks_path(tasks_board, tmp_path_factory):
    path = tmp_path_factory.mktemp("tasks") / "board.html"
    path.write_text(render(tasks_board, path.parent), encoding="utf-8")
    return path


def shown(tab):
    return tab.locator(f"{TABLE} >> tr[data-model]:visible").evaluate_all(ROWS)


def heads(tab):
    return tab.locator(f"{TABLE} >> thead th:visible button").all_inner_texts()


def test_a_section_opens_with_the_numbers_of_the_board(open_page, tasks_path, tasks_board):
    page = open_page(tasks_path, "#task-probe-section")
    assert heads(page.tab)[1:5] == ["All datasets", "blood_a", "blood_b", "gut"]
    found, overall = dict(shown(page.tab)), {(row["model"], row["metric"]): row for row in tasks_board["overall"]}
    for name, cells in found.items():
        for place, metric in ((1, "probe_macro_f1"), (5, "probe_random")):
            assert cells[place].startswith(f"{overall[name, metric]['value']:.3f}")
        assert cells[6].startswith(f"{overall[name, 'probe_leak']['value']:+.3f}")
    assert page.said == []


def test_it_is_sorted_by_a_dataset_controls_staying_below(open_page, tasks_path):
    tab = open_page(tasks_path).tab
    tab.locator(f"{TABLE} >> th button", has_text="blood_b").click()
    names = [name for name, _ in shown(tab)]
    # hvg failed there.
    assert names == ["harmony", "pca", "scarena-fm", "hvg", "labels", "random-64"]
    tab.locator(f"{TABLE} >> th button", has_text="Difference").click()
    values = [float(cells[6].split()[0]) for _, cells in shown(tab)][:4]
    assert values in (sorted(values), sorted(values, reverse=True))


def test_a_tissue_leaves_its_datasets_and_makes_every_mean_again(open_page, tasks_path, tasks_board):
    tab, scores = open_page(tasks_path).tab, scores_of(tasks_board)
    before = shown(tab)
    tab.locator("select[name=tissue]").select_option("gut")
    assert heads(tab)[1:3] == ["All datasets", "gut"] and len(heads(tab)) == 5
    for name, cells in shown(tab):
        for place, metric, form in (
            (1, "probe_macro_f1", ".3f"),
            (3, "probe_random", ".3f"),
            (4, "probe_leak", "+.3f"),
        ):
            assert cells[place].startswith(f"{scores['gut', name, metric].value:{form}}")
    assert "rank 1" in shown(tab)[0][1][1]
    tab.locator("#task-probe-section summary").click()
    other = tab.locator("#task-probe-section table.board >> nth=1 >> tr[data-model=pca] td").first.inner_text()
    assert other.startswith(f"{scores['gut', 'pca', 'probe_balanced_accuracy'].value:.3f}")
    tab.locator("select[name=tissue]").select_option("blood")
    known = fmean(scores[name, "pca", "probe_macro_f1"].value for name in ("blood_a", "blood_b"))
    assert dict(shown(tab))["pca"][1].startswith(f"{known:.3f}")
    tab.locator("select[name=tissue]").select_option("")
    assert shown(tab) == before


def test_a_choice_of_models_hides_rows(open_page, tasks_path):
    tab = open_page(tasks_path).tab
    tab.locator("input[value=baseline]").uncheck()
    assert {name for name, _ in shown(tab)} == {"scarena-fm", "labels", "random-64"}


def test_the_ranking_begins_by_the_headline_and_can_be_that_of_integration(open_page, tasks_path, tasks_board):
    tab = open_page(tasks_path).tab
    first = tab.locator("#ranking tbody.models tr").first
    total = next(row for row in tasks_board["overall"] if (row["model"], row["metric"]) == ("harmony", "total"))
    # The board's own ranks and letters, from paired replicates, stay until there is a choice.
    assert first.locator("td").first.inner_text() == "1 A" and tab.locator("#answer").inner_text() == ""
    tab.locator("select[name=task]").select_option("integration")
    assert f"({total['value']:.3f})" in tab.locator("#answer").inner_text()


@pytest.mark.parametrize("tasks", [("probe", "malignant"), ("probe",)])
def test_a_board_of_cell_tasks_alone_is_whole(open_page, make_task_board, tmp_path, tasks):
    path = tmp_path / "board.html"
    path.write_text(render(make_task_board(*tasks), tmp_path), encoding="utf-8")
    page = open_page(path, viewport={"width": 1280, "height": 900})
    assert page.tab.locator("#chart-scores").count() == 0
    assert not page.tab.locator("select[name=task]").is_visible()
    page.tab.locator("select[name=tissue]").select_option("gut")
    assert "HARMONY is first" in page.tab.locator("#answer").inner_text()
    assert page.tab.evaluate("document.documentElement.scrollWidth") <= 1280
    assert page.said == []


@pytest.mark.parametrize("size", [{"width": 1280, "height": 900}, {"width": 360, "height": 740}])
def test_axe_finds_no_violation_and_nothing_else_than_tables_is_wider_than_the_page(open_page, tasks_path, size):
    from axe_playwright_python.sync_playwright import Axe

    tab = open_page(tasks_path, viewport=size, bypass_csp=True).tab
    tab.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    tab.locator("select[name=tissue]").select_option("gut")
    assert tab.evaluate("document.documentElement.scrollWidth") <= size["width"]
    found = Axe().run(tab)
    assert found.violations_count == 0, found.generate_report()
