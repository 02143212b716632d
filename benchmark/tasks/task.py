"""The task protocol: what a board asks of models, of which datasets it can be asked, and what ranks the answers.

A task is a file of this folder, or a class that the entry point group ``scarena.tasks`` names. It says which product
of a model it needs; a model that does not offer it is not asked.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from scarena.metrics.scores import Scores
    from scarena.tasks.cells import Cells
    from scarena.tasks.facts import Facts

Product = Literal["cells", "genes", "response", "network"]
"""What a model makes: a vector a cell, a vector a gene, a predicted response to perturbations, a ranked network."""


class Task(ABC):
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

    def score(self, cells: Cells) -> Scores:
        """Return the scores of one run's product. Tasks that do not override it are scored together, in one pass."""
        return cells.scored(self.metrics())


class DescribedTask(Task):
    """A task that scores by itself, and says of itself what its section of docs/tasks.md and of a page tells."""

    keys: ClassVar[tuple[str, ...]]
    """Its metrics, in the order of the board."""
    held_out: ClassVar[str]
    """What is on one side of every split alone, and how often; a sentence of docs/tasks.md."""
    flaw: ClassVar[str]
    """What published forms of the question do that this one does not."""

    def metrics(self) -> tuple[str, ...]:
        """Return its metrics."""
        return self.keys
