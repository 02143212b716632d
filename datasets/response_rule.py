"""Where a card finds what perturbations did. Apart from pandas on purpose: cards are listed without it."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Setting = Literal["gene", "pair", "context"]
"""What is unseen: a perturbation, a pair of perturbations, or a context (cell type, donor, line)."""
MEANS = "mean_profiles"
"""Name of the reader of published means; every other reader finds cells."""


class MeanProfiles(BaseModel):
    """Options of the reader of published means: npz with ``obs_means``, ``strata``, ``genes``, ``control_mean``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    contexts: dict[str, str] = Field(min_length=1)
    """Key of a file → the context that its profiles are of; files of one context are put together."""
    prefix: str = "perturbation="
    """What the name of a profile begins with, and is read without."""
    published: dict[str, tuple[str, ...]] = {}
    """Name of somebody else's split → keys of the files whose profiles it asks about; all others are learned from."""


class PerturbedCells(BaseModel):
    """Cells whose label is what was done to them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    control: str
    """The label of cells to which nothing was done."""
    at_least: int = Field(40, ge=4)
    """Cells of a profile, and of the control of a context; with fewer there is none."""
    context: Literal["", "batch", "donor"] = ""
    """Column of cells with their context; with none all cells are of one."""
    contexts: tuple[str, ...] = ()
    """Contexts whose cells are read; all where it names none."""
    n_genes: int = Field(5000, ge=2)
    """Genes that are scored: those with the most expression in the control, so that no perturbed cell chooses."""
    per: Annotated[float, Field(gt=0)] | Literal["median"] = 1e4
    """Counts that each cell is scaled to before the logarithm; ``median``: those of the median cell of the control. On
    a panel of few genes a cell has some hundred counts: scaled to 10,000, one count is as good as many."""
    values: Literal["counts", "published"] = "counts"
    """``counts``: log1p of counts so scaled; ``published``: the values of the file as they are, where these are
    logarithms whose counts do not come back. Models then see no cells."""


class ResponseRule(BaseModel):
    """What is asked of a dataset of perturbations, and how its profiles are named."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    setting: Setting
    of: Literal["genes", "compounds"] = "genes"
    """What labels name; of compounds no gene is known to be perturbed."""
    cells: PerturbedCells | None = None
    """None where the reader finds published means (`MEANS`)."""
    separator: str = ""
    """Between the genes of a pair, in a label; with none a label is one gene."""
    pattern: str = ""
    """With one group: finds the gene in a label, or in a part of one, as of a guide; all of it where there is none."""
    names: dict[str, str] = {}
    """What a label, or a part of one, calls a gene or compound → its symbol or name."""
    folds: Annotated[int, Field(ge=0)] = 5
    """Parts in which perturbations are held out, each once; 0 for none. Contexts are held out one by one."""
    reveal: tuple[Annotated[int, Field(ge=0)], ...] = (0, 5, 10, 20)
    """Numbers of perturbations that the learning curve shows, where there are enough."""

    @model_validator(mode="after")
    def _whole(self) -> ResponseRule:
        if self.folds == 1:
            raise ValueError("`folds: 1` leaves nothing to learn from; 0 is for none")
        if self.setting == "pair" and not self.separator:
            raise ValueError("`setting: pair` needs the `separator` between the genes of a label")
        if self.pattern and _groups(self.pattern) != 1:
            raise ValueError("`pattern` must be a regular expression with one group, the gene")
        return self


def _groups(pattern: str) -> int:
    """Return how many groups a regular expression has; -1 where it is none."""
    try:
        return re.compile(pattern).groups
    except re.error:
        return -1


def check_response(rule: ResponseRule, reader: str, options: dict[str, Any], keys: Collection[str]) -> None:
    """See that the rule, the reader and the files of a card fit each other.

    Raises
    ------
    ValueError
        If they do not.
    """
    if (reader == MEANS) != (rule.cells is None):
        raise ValueError(f"`response: cells:` is for cells, and the reader {MEANS!r} for published means")
    if rule.cells is not None:
        return
    asked = MeanProfiles.model_validate(options)
    named = {*asked.contexts, *(key for each in asked.published.values() for key in each)}
    if lost := sorted(named - set(keys)):
        raise ValueError(f"{lost[0]!r} is the key of no file")
