"""What a model makes, and one run's product beside what its dataset knows: what every task is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from scarena.tasks.facts import Facts

Product = Literal["cells", "genes", "response", "network"]
"""What a model makes: a vector a cell, a vector a gene, a predicted response to perturbations, a ranked network."""


class Run(Protocol):
    """One run's product beside what its dataset knows; a class a product."""

    @property
    def product(self) -> Product:
        """Which it is."""

    @property
    def facts(self) -> Facts:
        """What decides which tasks the dataset can answer."""
