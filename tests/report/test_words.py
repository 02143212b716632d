"""Words that readers took for something else stand nowhere on a board or in the docs."""

import json
import re
from pathlib import Path

import pytest

from scarena.report.board_md import board_md
from scarena.report.html import render

ROOT = Path(__file__).parents[2]
FULL = json.loads((ROOT / "results/reference/full/board.json").read_text())
# What was misread; what is said instead stands in the tests of each part.
MISREAD = (
    "random tenth of its cells", "random tenth of a board's cells", "not told from", "not told apart", "not tell apart",
    "sees labels unless its card says so, and then the board does too", "fourteen of them", "its worth, the cost",
    "On the front of", "Do they discriminate", "which goes first", "types lie to each other", "Wrong by at most",
    "are no counts", "s / 1,000 cells", "s for 1,000 cells", "the best baseline",
)  # fmt: skip


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """The pages, summaries and documents that a reader is shown, by name; without the library that draws."""
    page = render(FULL, tmp_path_factory.mktemp("runs"))
    texts = {"page": re.sub(r'<script type="text/plain" id="plotly">.*?</script>', "", page, flags=re.S)}
    texts["board.md"] = board_md(FULL)
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        texts[path.name] = path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "results/reference").glob("*/board.md")):
        texts[str(path)] = path.read_text(encoding="utf-8")
    return {name: " ".join(text.split()) for name, text in texts.items()}


@pytest.mark.parametrize("words", MISREAD)
def test_words_that_were_misread_are_gone(shown, words):
    assert [name for name, text in shown.items() if words in text] == []


@pytest.mark.parametrize("name", ["demo", "full", "baselines"])
def test_the_reference_boards_are_shown_by_this_release(name):
    place = ROOT / "results/reference" / name
    board = json.loads((place / "board.json").read_text())
    assert (place / "board.md").read_text() == board_md(board), "scarena report BOARD --out PAGE"
