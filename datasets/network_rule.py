"""Where a card finds which gene regulates which. Apart from pandas on purpose: cards are listed without it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Edges(BaseModel):
    """A table of true edges: a regulator and a gene a row."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    """Key of the card's file: text with separated columns, or R's .rda or .rds."""
    path: tuple[str, ...] = ()
    """In a file of R: names of objects, list entries and slots, one after another."""
    sep: str = ","
    columns: tuple[str, ...] = ()
    """Names of the columns, where a table of text has none."""
    regulator: str
    gene: str
    """Columns."""
    keep: dict[str, tuple[str, ...]] = {}
    """Column → values of the rows that are read; all where it names none."""


class Perturbation(BaseModel):
    """Cells whose label is the gene that was perturbed in them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    control: str
    """The label of cells to which nothing was done."""
    at_least: int = Field(40, ge=2)
    """Cells of a perturbed gene; of fewer, no effect is taken."""
    below: float = Field(0.05, gt=0, lt=1)
    """Of the adjusted p value of a true edge."""


class NetworkRule(BaseModel):
    """What is true of a network, and which genes are asked about as targets."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    edges: Edges | None = None
    perturbation: Perturbation | None = None
    candidates: Literal["measured", "variable", "truth"] = "measured"
    """Genes that an edge may end at: all that are measured; the most variable ones and the regulators; or those that
    some true edge begins or ends at."""
    n_variable: int = Field(2000, ge=2)

    @model_validator(mode="after")
    def _one_truth(self) -> NetworkRule:
        if (self.edges is None) == (self.perturbation is None):
            raise ValueError("a network is known by `edges` or by `perturbation`: name one of them")
        return self
