"""What each model's embeddings cost, and which models no other beats in both score and cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scarena.board.costs import UNKNOWN, Cost
from scarena.board.published import is_published
from scarena.board.ranked import headline_of, overall_of
from scarena.board.uncertainty import pareto
from scarena.report.units import kinds

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Axis:
    """One kind of cost: the field of `Cost` that holds it, how it is called and shown, and whether a front is of it."""

    key: str
    title: str
    better: str
    digits: int
    note: str
    front: bool = True

    @property
    def sign(self) -> int:
        """What turns it so that higher is better."""
        return 1 if self.better == "higher" else -1


AXES = (
    Axis("seconds", "Seconds a run", "lower", 1, "wall seconds of a run, mean over the datasets; * over some of them"),
    Axis("startup_s", "of them start-up", "lower", 1,
         "seconds of a run that were not embedding: starting Python, reading, writing; median", front=False),
    Axis("cells_per_s", "Cells / s", "higher", 0, "cells of all runs over the seconds of embedding alone"),
    Axis("gpu_hours", "GPU hours", "lower", 2, "hours of the runs that used a GPU"),
    Axis("peak_gib", "Peak GiB", "lower", 2, "largest resident memory of a run"),
)  # fmt: skip


# What others publish of runs on machines that nobody here knows.
PUBLISHED_AXES = (
    Axis("seconds", "Seconds a run", "lower", 0, "wall seconds of a run, as published, mean over the datasets that it "
         "ended on; * over some of them"),
    Axis("cpu_hours", "CPU hours", "lower", 2, "wall time by the published share of processors, mean of a run"),
    Axis("virtual_gib", "Address space, GiB", "lower", 0, "largest published peak memory of a run; it goes up to "
         "terabytes, so it is address space and not what was resident", front=False),
)  # fmt: skip


def axes_of(board: Json) -> tuple[Axis, ...]:
    """Return the kinds of cost that a board can have."""
    if is_published(board):
        return PUBLISHED_AXES
    return AXES if "cells" in kinds(board) else tuple(axis for axis in AXES if axis.key != "cells_per_s")


@dataclass(frozen=True, slots=True)
class Shown:
    """A cost in a table: its text, what it sorts by, and what stands below it."""

    text: str
    sort: str = ""
    below: str = ""


def fronts(board: Json, costs: dict[str, Cost]) -> list[Json]:
    """Return the ranked models with total and cost, and by which costs no other is as cheap and better; best first.

    A model without a run on some dataset is on no front of seconds: its seconds are of other data.
    """
    total = {name: row["value"] for (name, metric), row in overall_of(board).items()
             if metric == headline_of(board) and row["rank_low"] is not None}  # fmt: skip
    rows = [
        {"name": card["name"], "title": card["title"], "family": card["family"], "total": total[card["name"]],
         "cost": costs.get(card["name"], UNKNOWN), "fronts": [],
         "sizes": {"parameters": card.get("parameters"), "training_cells": card.get("training_cells")}}
        for card in board["models"] if card["name"] in total
    ]  # fmt: skip
    for axis in axes_of(board):
        known = [row for row in rows if axis.front and comparable(row["cost"], axis) is not None]
        kept = pareto([(row["total"], axis.sign * getattr(row["cost"], axis.key)) for row in known])
        for row, on in zip(known, kept, strict=True):
            row["fronts"] += [axis.title] if on else []
    return sorted(rows, key=lambda row: (-row["total"], row["name"]))


def comparable(cost: Cost, axis: Axis) -> float | None:
    """Return a cost that may stand beside those of other models; None where it was not measured on the same data."""
    value: float | None = getattr(cost, axis.key)
    return None if axis.key == "seconds" and cost.partly else value


def measured(costs: dict[str, Cost], axes: Sequence[Axis] = AXES) -> list[Axis]:
    """Return the axes of a ranking: what some model has, start-up standing below the seconds that it is part of."""
    return [
        axis for axis in axes
        if axis.key != "startup_s" and any(getattr(cost, axis.key) is not None for cost in costs.values())
    ]  # fmt: skip


def shown(cost: Cost, axes: Sequence[Axis] = AXES) -> list[Shown]:
    """Return what is shown of each cost."""
    found = []
    for axis in axes:
        value = getattr(cost, axis.key)
        flag = "*" if axis.key == "seconds" and cost.partly else ""
        below = f"{cost.startup_s:.1f} start-up" if axis.key == "seconds" and cost.startup_s is not None else ""
        found.append(Shown("–") if value is None else Shown(f"{value:,.{axis.digits}f}{flag}", repr(value), below))
    return found
