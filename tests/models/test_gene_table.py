"""What a model returns for genes is checked: the asked genes in the asked order, and nothing but finite numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from scarena.base.errors import ModelError
from scarena.models.gene_table import checked_gene_vectors

IDS = [f"ENSG{n:011d}" for n in range(6)]


def _table(**more: object) -> pd.DataFrame:
    table = pd.DataFrame(np.arange(12.0).reshape(6, 2), index=IDS)
    return table.assign(**more) if more else table


def test_rows_come_in_the_order_that_was_asked_and_others_are_left_out() -> None:
    vectors, names = checked_gene_vectors(_table(), [IDS[4], "ENSG99999999999", IDS[1]], "m")
    assert names.tolist() == [IDS[4], IDS[1]]
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, [[8, 9], [2, 3]])


def test_numbers_of_any_kind_will_do() -> None:
    vectors, _ = checked_gene_vectors(_table().astype(np.int64).astype({0: "Float32"}), IDS, "m")
    np.testing.assert_array_equal(vectors, np.arange(12).reshape(6, 2))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (pd.concat([_table(), _table().iloc[:1]]), "1 genes have several vectors"),
        (_table(x=["a"] * 6), "columns of"),
        (_table(x=[True] * 6), "columns of bool"),
        (_table()[[]], "without a dimension"),
        (_table().replace(3.0, np.nan), "1 of 6 genes have NaN or infinite"),
        (_table().replace(3.0, 1e300), "1 of 6 genes have NaN or infinite"),
        (_table().rename(index=str.lower), "none of the 6 genes"),
        (_table().to_numpy(), "in a ndarray"),
    ],
    ids=["twice", "text", "bool", "no-column", "nan", "too-large", "other-names", "array"],
)
def test_a_table_that_is_none_is_refused_in_one_line(table: pd.DataFrame, said: str) -> None:
    with pytest.raises(ModelError, match=said) as told:
        checked_gene_vectors(table, IDS, "m")
    assert "\n" not in str(told.value)


def test_what_is_wrong_with_genes_that_nobody_asked_for_is_no_matter() -> None:
    table = _table()
    table.loc[IDS[5], 0] = np.nan
    vectors, names = checked_gene_vectors(table, IDS[:5], "m")
    assert len(vectors) == len(names) == 5
