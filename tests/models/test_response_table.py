"""A table of predicted responses is joined by name, and refused where it cannot be believed."""

import numpy as np
import pandas as pd
import pytest

from scarena.base.errors import ModelError
from scarena.models.response_table import MOST, NEGATIVE, checked_responses

ASK, GENES = ["p in x", "q in x"], ["A", "B", "C", "D"]


def told(**more):
    return pd.DataFrame(np.arange(8, dtype=np.float64).reshape(2, 4) / 2, index=ASK, columns=GENES, **more)


def test_rows_and_columns_join_by_name_in_any_order():
    table = told()
    found = checked_responses(table, ASK, GENES, "m")
    np.testing.assert_array_equal(found, checked_responses(table.iloc[::-1, [3, 0, 2, 1]], ASK, GENES, "m"))
    assert found.dtype == np.float32 and found[1, 3] == 3.5


def test_what_is_not_said_is_nan_and_not_zero():
    found = checked_responses(told().drop(index=ASK[1], columns="C").replace(0.5, np.nan), ASK, GENES, "m")
    assert np.isnan(found[1]).all() and np.isnan(found[0, [1, 2]]).all() and found[0, 0] == 0


def test_what_is_not_asked_about_is_left_out_whatever_it_holds():
    table = pd.concat([told(), told().set_axis(["r in x", "s in x"]) * 1e9]).assign(X="text")
    assert checked_responses(table, ASK, GENES, "m").shape == (2, 4)


def test_integers_and_small_negative_values_are_numbers_like_others():
    table = told().replace(0.0, -0.5)
    table["D"] = [2, 3]
    assert checked_responses(table, ASK, GENES, "m")[0, 0] == -0.5


@pytest.mark.parametrize(
    ("table", "what"),
    [
        (told().set_axis([ASK[0], ASK[0]], axis=0), "row 'p in x' stands twice"),
        (told().set_axis(["A", "C", "C", "D"], axis=1), "column 'C' stands twice"),
        (told().replace(1.5, np.inf), "1 values are infinite"),
        (told().replace(1.5, 1e300), "1 values are infinite"),
        (told().assign(D=["much", "little"]), "'D' holds no numbers"),
        (told() * 1j, "holds no numbers"),
        (told() * np.nan, "nothing is said of any of 2 profiles"),
        (told().set_axis(["X", "Y"], axis=0), "nothing is said"),
        (told().loc[[], :], "nothing is said"),
        (told().to_numpy(), "in a ndarray, not a DataFrame"),
        (None, "in a NoneType, not a DataFrame"),
        (told() + MOST, "no means of log-normalised expression: counts"),
        (told() - 2.5, "negative, which no expression is: effects"),
        (-told(), "negative, which no expression is: effects"),
    ],
)
def test_bad_tables_are_one_typed_line(table, what):
    with pytest.raises(ModelError, match=what) as caught:
        checked_responses(table, ASK, GENES, "some-model")
    assert "some-model" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("up", [0.0, 0.3])
def test_effects_are_recognised_though_most_genes_rise_and_expression_is_not_refused(up):
    rng = np.random.default_rng(0)
    names, genes = [f"p{i}" for i in range(30)], [f"g{i}" for i in range(400)]
    control = np.log1p(rng.gamma(0.3, 1.0, 400))
    effects = pd.DataFrame(rng.normal(up * 0.1, 0.1, (30, 400)), index=names, columns=genes)
    assert checked_responses(effects + control, names, genes, "m").shape == (30, 400)
    with pytest.raises(ModelError, match="effects"):
        checked_responses(effects, names, genes, "m")


def test_the_limits_are_of_values_that_no_mean_has():
    assert np.log1p(1e21) < MOST and 0 < NEGATIVE < 0.6
