"""A name on the page is text: whatever it says, the page has the elements of one with a harmless name."""

import copy
import json
from html.parser import HTMLParser
from pathlib import Path

import anndata
import numpy as np
import pytest
from scipy.sparse import csr_matrix

from scarena.report.html import render

BOARD = json.loads((Path(__file__).parents[2] / "results/reference/demo/board.json").read_text())
HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</script><script>alert(1)//", "{{ 7 * 7 }}"]


class Elements(HTMLParser):
    """Counts elements, and collects attributes that run code."""

    def __init__(self):
        super().__init__()
        self.tags, self.handlers = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.handlers += [
            name for name, value in attrs if name.startswith("on") or (value or "").startswith("javascript:")
        ]


def elements(page: str) -> Elements:
    found = Elements()
    found.feed(page)
    return found


def named(text: str, folder: Path) -> str:
    """Return the page of a board on which everything that has a name of its own is called `text`."""
    board = copy.deepcopy(BOARD)
    board["title"] = text
    for card in board["models"]:
        card |= {"title": text, "description": text, "licence": text}
    for entry in board["datasets"]:
        entry["reason"] = text
        entry["card"] |= {"title": text, "licence": text}
        entry["sources"] = {text: text}
    for cell in board["cells"]:
        cell["reason"] = text
        for score in cell["scores"].values():
            score["reason"] = text
    board["cells"][0]["state"] = "failed(error)"
    board["provenance"]["versions"] = {text: text}
    name, model = board["datasets"][0]["dataset"], board["models"][0]["name"]
    cells = [f"cell{i}" for i in range(4)]
    (folder / name).mkdir(parents=True, exist_ok=True)
    np.savez(folder / name / "umaps.npz", obs_names=np.array(cells), **{f"xy:{model}": np.zeros((4, 2))})
    data = anndata.AnnData(csr_matrix(np.ones((4, 2), np.int32)))
    data.obs_names, data.var["symbol"] = cells, text
    for column in ("batch", "cell_type", "cell_type_id"):
        data.obs[column] = [text, text, "b", "b"]
    data.write_h5ad(folder / name / "dataset.h5ad")
    return render(board, folder)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_adds_no_element_and_no_handler(text, tmp_path):
    found, harmless = elements(named(text, tmp_path)), elements(named("a name", tmp_path))
    assert found.tags == harmless.tags
    assert found.handlers == harmless.handlers == []


def test_a_hostile_name_is_shown_as_it_is(tmp_path):
    page = named(HOSTILE[0], tmp_path)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert HOSTILE[0] not in page
    assert "{{ 7 * 7 }}" in named(HOSTILE[3], tmp_path)
