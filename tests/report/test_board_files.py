"""`scarena report` writes what it was asked for, and all of it, or refuses."""

import csv
import json
from pathlib import Path

import pytest

from scarena.base.errors import ConfigError
from scarena.cli.boards import report
from scarena.report.board_csv import board_csv
from scarena.report.board_files import write_page
from scarena.report.board_md import board_md

PLACE = Path(__file__).parents[2] / "results/reference/demo/board.json"
BOARD = json.loads(PLACE.read_text())


def test_the_page_has_its_table_and_its_summary_beside_it(tmp_path):
    write_page(BOARD, tmp_path / "mine.html", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.csv", "mine.html", "mine.md"]
    assert (tmp_path / "mine.csv").read_text() == board_csv(BOARD)
    assert (tmp_path / "mine.md").read_text() == board_md(BOARD)
    with (tmp_path / "mine.csv").open(newline="") as file:
        assert len({len(row) for row in csv.reader(file)}) == 1


@pytest.mark.parametrize("name", ["a.csv", "a.md"])
def test_a_page_never_takes_the_place_of_its_own_table(tmp_path, name):
    with pytest.raises(ConfigError, match=name):
        write_page(BOARD, tmp_path / name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_figures_alone_need_no_configuration_and_no_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report(PLACE, figure=[Path("a.svg"), Path("b.pdf")])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.svg", "b.pdf"]


def test_a_report_of_nothing_is_refused():
    with pytest.raises(ConfigError, match="--out, --figure"):
        report(PLACE)
