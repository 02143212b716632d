"""What the tasks on a cell's vector have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scarena.tasks.cells import Cells
from scarena.tasks.own_task import OwnTask

if TYPE_CHECKING:
    from scarena.tasks.facts import Facts

CONTROLS = ("random-64", "batches", "labels")


class CellTask(OwnTask[Cells]):
    """A task that scores by itself what a probe reads from the vectors of cells."""

    product = "cells"
    controls = CONTROLS


def no_types(facts: Facts) -> str:
    """Return why types cannot be probed with groups held out; empty where they can."""
    for group in ("labels", "bio"):
        if group in facts.excluded:
            return facts.excluded[group]
    if facts.n_types < 2:
        return "one label: there is nothing to tell apart"
    return one_group(facts)


def one_group(facts: Facts) -> str:
    """Return why nothing can be held out; empty where it can."""
    return "one donor and one batch: none to hold out" if facts.n_groups < 2 else ""
