"""docs/published-boards.md says what the maps say, and the verb writes a board."""

from pathlib import Path

from typer.testing import CliRunner

from scarena.base.errors import ConfigError
from scarena.bench.others.openproblems_files import openproblems
from scarena.cli.app import app
from scarena.cli.published_boards_docs import markdown
from scarena.metrics.aggregate import WEIGHTS
from scarena.metrics.registry import METRICS

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_what_the_maps_make_of_it():
    page = (DOCS / "published-boards.md").read_text(encoding="utf-8")
    assert markdown() == page, "write it again: see benchmark/cli/published_boards_docs.py"


def test_every_metric_of_theirs_has_one_key_and_parts_are_among_them():
    told = openproblems()
    keys = [mapped.key for mapped in told.metrics.values()]
    assert len(told.metrics) == len(set(keys)) == 13
    assert {*keys, told.mean_key} <= METRICS.keys()
    for group, parts in told.parts.items():
        assert len(parts) == len(WEIGHTS[group]) == 5
        assert {*parts} <= {*keys}
        assert all(METRICS[part].group in (group, "published") for part in parts)


def test_the_verb_writes_a_board_and_names_what_there_is(tmp_path):
    done = CliRunner().invoke(app, ["published", "table", "vcbench", "--out", str(tmp_path / "b")])
    assert done.exit_code == 0
    assert "scArena ran none of this" in done.output
    assert (tmp_path / "b" / "board.html").is_file()
    wrong = CliRunner().invoke(app, ["published", "table", "vcbnch"])
    assert isinstance(wrong.exception, ConfigError)
