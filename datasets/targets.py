"""Further truths of a dataset than its cell types: what tasks read of a cell, and what no model is ever shown.

Apart from pandas on purpose: cards are listed without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict

from scarena.base.errors import DataError
from scarena.base.text import tidied

BINARY = ("malignant", "treated", "response")
"""Targets of two sides, ``yes`` and ``no``."""
GROUPS = ("cancer", "species", "layer")
"""Targets whose values are names of groups."""
TARGETS = (*BINARY, *GROUPS)


class Target(BaseModel):
    """What the values of one target mean.

    Those of a binary one are named in `yes`, `no` and `other` (left out of the question, not out of the dataset). A
    target of groups takes any text; the values in `other` belong to no group.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()
    other: tuple[str, ...] = ()
    not_identifiable: str = ""
    """Why no score of it would be of the cells, where the label is the sample itself; empty where one is."""


def check_targets(targets: Mapping[str, Target]) -> None:
    """Refuse the targets of a card that contradict themselves.

    Raises
    ------
    ValueError
        For an unknown name, a binary target that lacks a side, groups with sides, or a value that stands twice.
    """
    for name, target in targets.items():
        if name not in TARGETS:
            raise ValueError(f"unknown target {name!r}: one of {', '.join(TARGETS)}")
        if name in BINARY and not (target.yes and target.no):
            raise ValueError(f"the target {name} needs the values that mean `yes` and those that mean `no`")
        if name in GROUPS and (target.yes or target.no):
            raise ValueError(f"the target {name} has groups: it takes no `yes` or `no`")
        values = [tidied(value) for value in (*target.yes, *target.no, *target.other)]
        if twice := sorted({value for value in values if values.count(value) > 1}):
            raise ValueError(f"the value {twice[0]!r} of the target {name} stands twice")


def target_values(values: Iterable[str | None], name: str, target: Target, where: str) -> list[str]:
    """Return what each cell's value says of a target: ``yes``, ``no`` or a group, and "" where it says nothing.

    Parameters
    ----------
    values
        One a cell, as the reader names them; None where one is missing.
    name, target
        The target, as the card has it.
    where
        The dataset, for errors.

    Raises
    ------
    DataError
        If a value of a binary target is in none of the card's lists.
    """
    out = {tidied(value) for value in target.other}
    if name in GROUPS:
        return ["" if value is None or value in out else value for value in values]
    meaning: dict[str | None, str] = {None: "", **dict.fromkeys(out, "")}
    for side, held in (("yes", target.yes), ("no", target.no)):
        meaning |= {tidied(value): side for value in held}
    held_values = list(values)
    if unknown := sorted({str(value) for value in held_values if value not in meaning}):
        fix = f"put it under `yes`, `no` or `other` of `targets: {{{name}: …}}` on the card"
        raise DataError(f"the value {unknown[0]!r} of the target {name} is not on the card", where=where, fix=fix)
    return [meaning[value] for value in held_values]
