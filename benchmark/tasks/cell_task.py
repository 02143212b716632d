"""What the tasks on a cell's vector have in common: one answer for all of a task's metrics, or one reason why none."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from scarena.tasks.task import DescribedTask

if TYPE_CHECKING:
    from scarena.metrics.measured import Measured, Undefined
    from scarena.metrics.scores import Scores
    from scarena.tasks.cells import Cells
    from scarena.tasks.facts import Facts

CONTROLS = ("random-64", "batches", "labels")


class CellTask(DescribedTask):
    """A task that scores by itself what a probe reads from the vectors."""

    product = "cells"
    controls = CONTROLS

    def score(self, cells: Cells) -> Scores:
        """Return the scores of one run; what goes wrong is a state of this task's metrics and no others."""
        from scarena.metrics.scores import Scores
        from scarena.metrics.stated import stated

        reason = self.unanswerable(cells.facts)
        reasons = dict.fromkeys(self.keys, reason) if reason else {}
        return Scores(*stated(self.keys, lambda: self.measured(cells), reasons))

    @abstractmethod
    def measured(self, cells: Cells) -> Mapping[str, Measured | Undefined]:
        """Return every metric of a run whose dataset can answer.

        Raises
        ------
        Undefined
            If it cannot, for a reason that `unanswerable` does not know.
        """


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


def or_undefined(measure: Callable[[], Measured | Undefined]) -> Measured | Undefined:
    """Return one metric of several, or why it alone has no answer."""
    from scarena.metrics.measured import Undefined

    try:
        return measure()
    except Undefined as why:
        return why
