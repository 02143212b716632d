"""Small published tables are the numbers of their files, with what is not there not available."""

import pytest
from pydantic import ValidationError

from scarena.base.errors import ConfigError
from scarena.bench.others.board import write_published
from scarena.bench.others.tables import NAMES, Table, load_table, table_board
from scarena.bench.publications import load_published
from scarena.board.file import read_board


@pytest.mark.parametrize("name", NAMES)
def test_every_number_of_a_table_is_on_its_board_and_no_other(name):
    told = load_table(name)
    board = table_board(told)
    found = {
        (cell["dataset"], cell["model"], key): score["value"]
        for cell in board["cells"] for key, score in cell["scores"].items() if score["state"] == "ok"
    }  # fmt: skip
    wanted = {
        (dataset, model, told.columns[place]): value
        for dataset, rows in told.values.items() for model, row in rows.items() for place, value in enumerate(row)
    }  # fmt: skip
    assert found == wanted
    assert len(board["cells"]) == len(told.datasets) * len(told.models)
    assert all(cell["state"] == "ok" or cell["reason"] for cell in board["cells"])


def test_the_table_of_scfm_bench_is_what_reproduce_compares_with():
    told, keys = load_table("scfm-bench"), ("overall", "nmi", "ari", "asw_label", "graph_connectivity", "asw_batch")
    source = load_published("pancreas").sources[0]
    for model, values in source.values.items():
        assert told.values["scib_pancreas"][model] == tuple(values[key] for key in keys)


def test_published_overall_scores_are_the_sum_that_is_told():
    for row in load_table("scfm-bench").values["scib_pancreas"].values():
        if len(row) > 1:
            overall, nmi, ari, label, graph, batch = row
            assert overall == pytest.approx(0.6 * (nmi + ari + label) / 3 + 0.4 * (graph + batch) / 2, abs=1e-4)


def test_a_model_without_a_value_on_every_dataset_has_no_rank():
    board = table_board(load_table("scperturbench-context"))
    ranked = {row["model"]: row["rank_low"] for row in board["overall"] if row["rank_low"] is not None}
    assert ranked == {"trvae": 1, "trainmean": 2}


@pytest.mark.parametrize("name", ["scfm-bench", "ivcbench"])
def test_its_page_says_whose_numbers_these_are(name, tmp_path):
    page = write_published(table_board(load_table(name)), tmp_path / "b")
    assert read_board(tmp_path / "b" / "board.json")["provenance"]["measured_by"]
    text = page.read_text(encoding="utf-8")
    assert 'class="whose"' in text
    assert "No cost is published" in text


def test_an_unknown_table_and_one_that_does_not_fit_are_refused():
    with pytest.raises(ConfigError, match="one of: ivcbench"):
        load_table("../openproblems")
    told = load_table("vcbench").model_dump()
    with pytest.raises(ValidationError, match="more values than there are columns"):
        Table.model_validate({**told, "values": {"norman": {"mean": (0.1, 0.2)}}})
