"""The task protocol: what a board asks of models, of which datasets it can be asked, and what ranks the answers.

A task is a file of this folder, or a class that the entry point group ``scarena.tasks`` names. It says which product
of a model it needs; a model that does not offer it is not asked.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from scarena.tasks.product import Product, Run

if TYPE_CHECKING:
    from scarena.metrics.scores import Scores
    from scarena.tasks.facts import Facts

Given = TypeVar("Given", bound=Run)


class Task(ABC, Generic[Given]):
    """One question. A subclass a file, with what describes it as class attributes."""

    name: ClassVar[str]
    """In a board's ``tasks:``, lower case."""
    title: ClassVar[str]
    question: ClassVar[str]
    """What it asks, in one line."""
    product: ClassVar[Product]
    """What it needs of a model."""
    headline: ClassVar[str]
    """The metric that ranks models, one of `metrics`."""
    controls: ClassVar[tuple[str, ...]]
    """Names of the models that show what noise and what the truth score here."""
    accepts_labels: ClassVar[bool] = False
    """Whether a model that predicts types and has no vectors can be asked (`scarena.models.predicting`)."""

    @abstractmethod
    def metrics(self) -> tuple[str, ...]:
        """Return the keys of its metrics, in the order of the board, those of installed packages included."""

    @abstractmethod
    def unanswerable(self, facts: Facts) -> str:
        """Return why a dataset cannot answer the question, as one line; empty where it can.

        A metric that means nothing on a dataset is a state of that metric (see `scarena.metrics.scoring`). This says
        when nothing is left to rank models by.
        """

    def score(self, given: Given) -> Scores:
        """Return the scores of one run's product.

        Tasks on cells that do not override it are scored together, in one pass; any other task has to.
        """
        from scarena.tasks.cells import Cells

        if not isinstance(given, Cells):
            raise TypeError(f"the task {self.name!r} has no `score`, which a task on {given.product} needs")
        return given.scored(self.metrics())
