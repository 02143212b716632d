"""Recall and F1 of each type are scikit-learn's, and the page has each confusion matrix cell by cell."""

import re

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score, recall_score

from scarena.metrics.details import Details
from scarena.report.html import render
from scarena.report.page import types
from scarena.report.page.types import of_types, types_of
from scarena.tasks.details import write_details

NAMES = ("a_b", "<b>", "c")


def kept(tmp_path, model="harmony", seed=0):
    """Write the confusion of one run; return true and predicted types of its cells."""
    rng = np.random.default_rng(seed)
    true, called = rng.integers(0, 3, 60), rng.integers(0, 3, 60)
    run = tmp_path / "d1" / model / "0" / "details.npz"
    run.parent.mkdir(parents=True)
    matrix = confusion_matrix(true, called, labels=[0, 1, 2])
    # The names are sorted, as details have them.
    write_details(run, Details(tuple(sorted(NAMES)), ("", "", ""), matrix.astype(np.int64), (), None))
    return true, called, matrix


def test_recall_and_f1_are_those_of_scikit_learn(tmp_path):
    true, called, matrix = kept(tmp_path)
    recall, f1 = of_types(matrix)
    np.testing.assert_allclose(recall, recall_score(true, called, average=None))
    np.testing.assert_allclose(f1, f1_score(true, called, average=None))


def test_a_type_that_no_cell_has_has_neither_and_one_never_called_has_zero():
    recall, f1 = of_types(np.array([[3, 1, 0], [0, 0, 0], [2, 0, 0]]))
    assert np.isnan([recall[1], f1[1]]).all() and (recall[2], f1[2]) == (0, 0)


def test_the_page_has_every_number(board, tmp_path):
    _, _, matrix = kept(tmp_path)
    page = render(board, tmp_path)
    part = page[page.index("Confusion matrix of harmony") :]
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', part[: part.index("</table>")])
    assert [name for name, _ in rows] == ["&lt;b&gt;", "a_b", "c"]
    found = [[int(n or 0) for n in re.findall(r"<td[^>]*>(\d*)</td>", cells)] for _, cells in rows]
    assert found == matrix.tolist()
    assert "F1 of each type on d1" in page and render(board, tmp_path) == page


def test_without_details_there_is_no_such_part_and_without_room_fewer_matrices(board, tmp_path, monkeypatch):
    assert types_of(board, tmp_path, "d1") is None and "Type by type" not in render(board, tmp_path)
    for seed, model in enumerate(("harmony", "scvi", "hvg")):
        kept(tmp_path, model, seed)
    monkeypatch.setattr(types, "_ENTRIES", 18)
    found = types_of(board, tmp_path, "d1")
    assert found["titles"] == ["harmony", "scvi", "hvg"]
    assert ([each["title"] for each in found["matrices"]], found["left_out"]) == (["harmony", "scvi"], 1)
    assert "1 more models have theirs" in render(board, tmp_path)


def test_models_that_saw_other_types_keep_their_own(board, tmp_path):
    kept(tmp_path)
    run = tmp_path / "d1" / "scvi" / "0" / "details.npz"
    run.parent.mkdir(parents=True)
    write_details(run, Details(("c", "z"), ("", ""), np.array([[5, 0], [1, 4]]), (), None))
    found = types_of(board, tmp_path, "d1")["rows"]
    rows = {row["name"]: row["scores"] for row in found}
    assert next(row["cells"] for row in found if row["name"] == "z") == 5
    assert [text for text, _, _ in rows["z"][0]] == ["–", "–"]
    assert float(rows["z"][1][1][1]) == pytest.approx(8 / 9)
