"""Every task by name: those of this folder, then those of installed packages (entry point group ``scarena.tasks``)."""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from scarena.base.errors import ConfigError
from scarena.base.plugins import plugins
from scarena.tasks.task import Task

DEFAULT = ("integration", "annotation")
"""What a board asks that says nothing of tasks."""
# Imported when a task is asked for: a board's configuration is read by every verb, and needs none of numpy.
_BUILT_IN = (
    "integration:Integration", "annotation:Annotation", "probe:Probe", "few_shot:FewShot", "open_set:OpenSet",
    "granularity:Granularity", "intra_type:IntraType", "malignant:Malignant", "treated:Treated", "response:Response",
    "protein:Protein", "species:Species", "niche:Niche",
    "function:Function", "tissue:Tissue", "classes:Classes", "pairs:GenePairs", "gene_network:NetworkTask",
    "perturbation:Perturbation",
    "perturbation:PerturbationPair", "perturbation:PerturbationContext",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """A task that is there, or that a package promised and did not bring."""

    name: str
    origin: str
    task: Task | None
    broken: str = ""


def _made(home: str) -> Task:
    module, name = home.split(":")
    made: Task = getattr(importlib.import_module(f"scarena.tasks.{module}"), name)()
    return made


@cache
def catalogue() -> tuple[Entry, ...]:
    """Return every task, and every one that a package promised and did not bring, or that has another's name."""
    found = {task.name: Entry(task.name, "scarena", task) for task in map(_made, _BUILT_IN)}
    broken = []
    for plugin in plugins("scarena.tasks"):
        value = plugin.value
        if not plugin.broken and not (inspect.isclass(value) and issubclass(value, Task)):
            plugin = plugin.spoiled("not a scarena.tasks.task.Task")
        elif not plugin.broken and value.name in found:
            plugin = plugin.spoiled(f"{found[value.name].origin} has a task of that name")
        if plugin.broken:
            broken.append(Entry(plugin.name, plugin.origin, None, plugin.broken))
        else:
            found[value.name] = Entry(value.name, plugin.origin, value())
    return (*found.values(), *broken)


def find_tasks(names: Iterable[str]) -> list[Task]:
    """Return tasks by name.

    Raises
    ------
    ConfigError
        If there is none of a name; the nearest known is named, or why a package's cannot be had.
    """
    known = {entry.name: entry.task for entry in catalogue() if entry.task is not None}
    broken = {entry.name: entry for entry in catalogue() if entry.task is None}
    found = []
    for name in names:
        if name in known:
            found.append(known[name])
            continue
        if name in broken:
            where = f"tasks: {broken[name].origin}"
            raise ConfigError(f"{name!r}: {broken[name].broken}", where=where, fix="repair or uninstall that package")
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
        fix = f"did you mean {near[0]!r}?" if near else "see `scarena tasks`"
        raise ConfigError(f"unknown task {name!r}", where="tasks", fix=f"{fix} (known: {', '.join(known)})")
    return found
