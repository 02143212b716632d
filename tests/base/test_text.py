"""Names that look the same are the same, and one definition says what is missing."""

import numpy as np
import pandas as pd
import pytest

from scarena.base.text import merged, named, said_of, says_missing, tidied


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("T cell ", "T cell"),
        ("T cell\r", "T cell"),
        ("T\u00a0cell", "T cell"),
        ("T  cell", "T cell"),
        ("T\u2009cell", "T cell"),
        ("T cell\u200b", "T cell"),
        ("\ufeffT cell", "T cell"),
        ("Mu\u0308ller glia", "M\u00fcller glia"),
        ("CD4+ T", "CD4+ T"),
        ("γδ T", "γδ T"),
    ],
)
def test_what_the_eye_does_not_see_is_no_difference(written, seen):
    assert tidied(written) == seen and tidied(seen) == seen


@pytest.mark.parametrize(
    "text", ["", " ", "nan", "NaN", "NA", "N/A", "None", "none", "NULL", "<NA>", "NaT", "#N/A", " na "]
)
def test_words_for_missing(text):
    assert says_missing(text)


@pytest.mark.parametrize("text", ["unknown", "Nan cell", "NK", "0", "-", "none of these", "Na+ channel"])
def test_words_that_are_names(text):
    assert not says_missing(text)


@pytest.mark.parametrize(
    "values",
    [
        np.array(["a", "b", "nan"]),
        np.array([b"a", b"b", b""]),
        np.array(["a", "b", None], dtype=object),
        np.array(["a", "b", np.nan], dtype=object),
        np.ma.array(["a", "b", "c"], mask=[0, 0, 1]),
        pd.Series(["a", "b", pd.NA], dtype="string"),
        pd.Series(["a", "b ", None], dtype="category"),
        pd.Index(["a", "b", "NA"]),
    ],
)
def test_a_missing_value_is_none_whatever_holds_it(values):
    assert named(values).tolist() == ["a", "b", None]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (pd.array([1, None], dtype="Int64"), ["1", None]),
        (pd.array([True, None], dtype="boolean"), ["True", None]),
        (np.ma.array([1, 2], mask=[0, 1]), ["1", None]),
        (np.array([1, 2], dtype=np.uint8), ["1", "2"]),
        (pd.Series(pd.to_datetime(["2020-01-01", None])), ["2020-01-01 00:00:00", None]),
        (np.array([1.5, np.nan], dtype=np.float16), ["1.5", None]),
    ],
)
def test_numbers_and_dates_name_things_too(values, texts):
    assert named(values).tolist() == texts


def test_values_of_two_dimensions_are_none_a_cell():
    with pytest.raises(ValueError, match="not one a cell"):
        named(np.zeros((2, 2)))


def test_names_that_meet_are_told_with_all_that_was_written():
    found = merged(["T cell", "T cell ", "T\u00a0cell", "B", "Z "])
    assert found == {"T cell": ["T cell", "T cell ", "T\u00a0cell"], "Z": ["Z "]}
    told = said_of(found, "label")
    assert told[0].startswith("3 labels that look alike are one: 'T cell'") and "\\xa0" in told[0]
    assert told[1].startswith("a label was renamed: 'Z'")
