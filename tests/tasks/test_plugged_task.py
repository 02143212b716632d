"""The task of docs/plug-ins.md is what it says it is, and a package that brings one is on boards that name it."""

import re
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from scarena.base.errors import ConfigError
from scarena.base.plugins import Plugin
from scarena.tasks import registry
from scarena.tasks.facts import Facts
from scarena.tasks.task import Task

PAGE = Path(__file__).parents[2] / "docs" / "plug-ins.md"


@pytest.fixture
def transfer():
    (code,) = re.findall(r"```python\n(from scarena\.tasks.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    found = {}
    exec(code, found)
    return found["Transfer"]


@pytest.fixture
def brought(monkeypatch):
    def bring(*plugins):
        monkeypatch.setattr(registry, "plugins", lambda group: tuple(plugins))
        registry.catalogue.cache_clear()

    yield bring
    registry.catalogue.cache_clear()


def test_a_package_brings_a_task(transfer, brought):
    brought(Plugin("transfer-only", "example 1", transfer))
    (task,) = registry.find_tasks(["transfer-only"])
    assert isinstance(task, Task) and task.headline in task.metrics()
    assert task.unanswerable(Facts(9, 1, 2)) and not task.unanswerable(Facts(9, 2, 2))
    assert [entry.origin for entry in registry.catalogue()] == ["scarena"] * len(registry._BUILT_IN) + ["example 1"]


@pytest.mark.parametrize("kind", ["broken", "no task", "taken"])
def test_one_that_cannot_be_had_is_told_where_it_is_asked_for(transfer, brought, kind):
    if kind == "taken":
        transfer.name = "annotation"
    value = {"broken": None, "no task": int, "taken": transfer}[kind]
    brought(Plugin("theirs", "example 1", value, "ImportError: no such thing" if kind == "broken" else ""))
    with pytest.raises(ConfigError, match=r"example 1.*'theirs': .*; repair or uninstall that package"):
        registry.find_tasks(["theirs"])
    assert [task.name for task in registry.find_tasks(registry.DEFAULT)] == list(registry.DEFAULT)


def test_the_group_is_the_documented_one():
    assert EntryPoint("t", "m:T", "scarena.tasks").group in PAGE.read_text(encoding="utf-8")
