"""A table of edges is joined by name, and refused where it cannot be believed."""

import numpy as np
import pandas as pd
import pytest

from scarena.base.errors import ModelError
from scarena.models.network_table import checked_network

REGULATORS, GENES = ["A", "B"], ["A", "B", "C", "D"]


def told(**more):
    values = np.arange(8, dtype=np.float64).reshape(2, 4) + 1
    return pd.DataFrame(values, index=REGULATORS, columns=GENES, **more)


def test_rows_and_columns_join_by_name_in_any_order():
    table = told()
    found = checked_network(table, REGULATORS, GENES, "m")
    other = checked_network(table.iloc[::-1, [3, 0, 2, 1]], REGULATORS, GENES, "m")
    np.testing.assert_array_equal(found, other)
    assert found.dtype == np.float32 and found[1, 3] == 8


def test_what_is_not_said_is_nan_and_not_zero():
    found = checked_network(told().drop(index="B", columns="C"), REGULATORS, GENES, "m")
    assert np.isnan(found[1]).all() and np.isnan(found[0, 2]) and found[0, 3] == 4


def test_a_genes_edge_to_itself_is_not_read():
    found = checked_network(told(), REGULATORS, GENES, "m")
    assert np.isnan(found[0, 0]) and np.isnan(found[1, 1]) and np.isfinite(found).sum() == 6


def test_what_is_not_asked_about_is_left_out_whatever_it_holds():
    table = told().assign(X=["text", "text"])
    assert checked_network(table, REGULATORS, GENES, "m").shape == (2, 4)


@pytest.mark.parametrize(
    ("table", "what"),
    [
        (told().set_axis(["A", "A"], axis=0), "row 'A' stands twice"),
        (told().set_axis(["A", "C", "C", "D"], axis=1), "column 'C' stands twice"),
        (told().replace(4.0, np.inf), "1 values are infinite"),
        (told().replace(4.0, 1e300), "1 values are infinite"),
        (told().assign(D=["much", "little"]), "'D' holds no numbers"),
        (told() * 1j, "holds no numbers"),
        (told() * np.nan, "nothing is said"),
        (told().set_axis(["X", "Y"], axis=0), "nothing is said"),
        (told().loc[[], :], "nothing is said"),
        (pd.DataFrame({"A": [1.0]}, index=["A"]), "nothing is said"),
    ],
)
def test_bad_tables_are_one_typed_line(table, what):
    with pytest.raises(ModelError, match=what) as caught:
        checked_network(table, REGULATORS, GENES, "some-model")
    assert "some-model" in str(caught.value) and "\n" not in str(caught.value)
