"""docs/tasks.md says what the code does: it is what the command prints, and each section has its metrics."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from scarena.cli.app import app
from scarena.cli.task_docs import markdown, own_tasks

PAGE = Path(__file__).parents[2] / "docs" / "tasks.md"


def test_the_page_is_what_the_command_prints():
    printed = CliRunner().invoke(app, ["tasks", "--markdown"])
    assert printed.exit_code == 0
    assert printed.output == PAGE.read_text(encoding="utf-8"), "scarena tasks --markdown > docs/tasks.md"


@pytest.mark.parametrize("task", own_tasks(), ids=lambda task: task.name)
def test_a_section_has_what_is_held_out_the_flaw_and_every_metric(task):
    section = markdown().split(f"\n## {task.title}: `{task.name}`\n")[1].split("\n## ")[0]
    assert task.question in section and task.held_out in section and task.flaw in section
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    if "with `" in section:
        # Settings share their definitions: the table stands once.
        prefix, like = section.split("with `")[1].split("`")[0], section.split("those of `")[1].split("`")[0]
        (other,) = (each for each in own_tasks() if each.name == like)
        assert not lines and [f"{prefix}{key}" for key in other.keys] == list(task.keys)
        return
    assert [line.split("`")[1] for line in lines] == list(task.keys)
    assert task.headline in task.keys
