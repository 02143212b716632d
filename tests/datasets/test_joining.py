"""A table of cells goes to its cells by name wherever both have names."""

import pandas as pd
import pytest

from scarena.base.errors import DataError
from scarena.datasets.joining import by_name, joined

CELLS = pd.Index(["c1", "c2", "c3"])


def table(index, **columns):
    return pd.DataFrame({"type": ["A", "B", "T"], **columns}, index=pd.Index(index))


@pytest.mark.parametrize(
    "given",
    [
        table(["c1", "c2", "c3"]),
        table(["c1", "c2 ", "c3\u00a0"]),
        table(["0", "1", "2"], barcode=["c1", "c2", "c3"]),
        table(["x", "y", "z"], donor=["d", "d", "d"], cell=["c1", "c2", "c3"]),
    ],
)
def test_any_column_with_all_names_joins_by_name_in_whatever_order(given):
    for order in ([0, 1, 2], [2, 0, 1]):
        found, said = joined(given.iloc[order], CELLS, "t.csv")
        assert found["type"].tolist() == ["A", "B", "T"] and list(found.index) == list(CELLS) and said is None


def test_rows_that_no_cell_wants_do_no_harm():
    more = pd.concat([table(["c1", "c2", "c3"]), table(["n1", "n2", "n2"])])
    assert joined(more, CELLS, "t.csv")[0]["type"].tolist() == ["A", "B", "T"]


@pytest.mark.parametrize("index", [["0", "1", "2"], ["1", "2", "3"], ["5", "5", "5"], ["a", "a", "b"]])
def test_a_table_without_names_is_taken_in_order_and_that_is_said(index):
    found, said = joined(table(index), CELLS, "t.csv")
    assert found["type"].tolist() == ["A", "B", "T"] and "taken in order" in said


def test_cells_without_names_are_taken_in_order_and_that_is_said():
    found, said = joined(table(["x", "y", "z"]), CELLS, "t.csv", named=False)
    assert found["type"].tolist() == ["A", "B", "T"] and said


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (table(["x", "y", "z"]), "its rows are called 'x'"),
        (table(["c1", "c2", "c9"]), "has 2 of the 3 cells' names, not all"),
        (table(["0", "1", "2"], cell=["c1", "q", "r"]), "has 1 of the 3 cells' names"),
        (table(["c1", "c2", "c3"]).iloc[[0, 1, 2, 0]], r"1 cells have several rows \(first: 'c1'\)"),
        (table(["0", "1", "2"]).iloc[:2], "2 rows for 3 cells"),
    ],
)
def test_names_that_disagree_are_refused_in_one_line(given, words):
    with pytest.raises(DataError, match=words):
        joined(given, CELLS, "t.csv")


def test_a_card_may_say_that_other_names_are_in_order():
    found, _ = joined(table(["x", "y", "z"]), CELLS, "t.csv", in_order=True)
    assert found["type"].tolist() == ["A", "B", "T"]
    # But not against the names.
    turned, _ = joined(table(["c3", "c2", "c1"]), CELLS, "t.csv", in_order=True)
    assert turned["type"].tolist() == ["T", "B", "A"]


def test_a_cell_that_is_not_there_is_named():
    with pytest.raises(DataError, match=r"1 cells are not in it \(first: c3\)"):
        by_name(table(["c1", "c2", "x"]), CELLS, "t.csv")
