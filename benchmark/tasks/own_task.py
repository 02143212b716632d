"""What tasks that score by themselves have in common: one answer for all metrics of a task, or one reason why none."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar

from scarena.tasks.task import Given, Task

if TYPE_CHECKING:
    from scarena.metrics.measured import Measured, Undefined
    from scarena.metrics.scores import Scores


class OwnTask(Task[Given]):
    """A task that scores by itself what a probe reads from the vectors."""

    keys: ClassVar[tuple[str, ...]]
    """Its metrics, in the order of the board."""
    held_out: ClassVar[str]
    """What is on one side of every split alone, and how often; a sentence of docs/tasks.md."""
    flaw: ClassVar[str]
    """What published forms of the question do that this one does not."""

    def metrics(self) -> tuple[str, ...]:
        """Return its metrics."""
        return self.keys

    def score(self, given: Given) -> Scores:
        """Return the scores of one run; what goes wrong is a state of this task's metrics and no others."""
        from scarena.metrics.scores import Scores
        from scarena.metrics.stated import stated

        reason = self.unanswerable(given.facts)
        reasons = dict.fromkeys(self.keys, reason) if reason else {}
        return Scores(*stated(self.keys, lambda: self.measured(given), reasons))

    @abstractmethod
    def measured(self, given: Given) -> Mapping[str, Measured | Undefined]:
        """Return every metric of a run whose dataset can answer.

        Raises
        ------
        Undefined
            If it cannot, for a reason that `unanswerable` does not know.
        """


def or_undefined(measure: Callable[[], Measured | Undefined]) -> Measured | Undefined:
    """Return one metric of several, or why it alone has no answer."""
    from scarena.metrics.measured import Undefined

    try:
        return measure()
    except Undefined as why:
        return why
