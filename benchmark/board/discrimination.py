"""What the control checks of a board say of each metric: where it tells truth from noise, and which control does not.

Reads board.json alone. In boards from before there were several positive controls every check is of one-hot labels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from scarena.board.controls import counts

Json = dict[str, Any]

LABELS = "labels"


@dataclass(frozen=True, slots=True)
class Discrimination:
    """One metric over the datasets of a board.

    Parameters
    ----------
    metric
        Its key.
    controls
        Names of the positive controls that count for it and have a value somewhere, in the board's order.
    passes
        Datasets on which one of these controls scores better than the best noise.
    fails
        By dataset on which none does: the checks of all that count.
    partly
        By dataset that is passed with some of them only: the checks of the others.
    open
        By dataset that is passed: the check of the control that leads, where the interval of its lead reaches zero.
    unchecked
        Datasets on which no control that counts has a value.
    """

    metric: str
    controls: list[str] = field(default_factory=list)
    passes: list[str] = field(default_factory=list)
    fails: dict[str, list[Json]] = field(default_factory=dict)
    partly: dict[str, list[Json]] = field(default_factory=dict)
    open: dict[str, Json] = field(default_factory=dict)
    unchecked: list[str] = field(default_factory=list)

    @property
    def clear(self) -> bool:
        """Whether all controls that count pass beyond noise on every dataset."""
        return not (self.fails or self.partly or self.open or self.unchecked)


def discrimination(board: Json) -> list[Discrimination]:
    """Return what every metric with control checks can tell apart, in the order of the checks."""
    cards = {card["name"]: card for card in board["models"]}
    checks: dict[str, dict[str, list[Json]]] = {}
    for row in board["controls"]:
        checks.setdefault(row["metric"], {}).setdefault(row["dataset"], []).append(row)
    found = []
    for metric, datasets in checks.items():
        told = Discrimination(metric)
        for dataset, rows in datasets.items():
            _tell(told, dataset, [row for row in rows if counts_here(row, cards)])
        found.append(told)
    return found


def counts_here(row: Json, cards: dict[str, Json]) -> bool:
    """Return whether the control of a check holds what the metric asks for, by its row or else by its card."""
    card = cards.get(row.get("control", LABELS))
    return bool(row["counts"]) if "counts" in row else card is not None and counts(card, row["metric"])


def _tell(told: Discrimination, dataset: str, rows: list[Json]) -> None:
    """Add what the checks of one dataset say; `rows` are those of the controls that count."""
    named = [row.get("control", LABELS) for row in rows]
    told.controls.extend(name for name in named if name not in told.controls)
    passed, failed = ([row for row in rows if row["discriminates"] is way] for way in (True, False))
    if not rows:
        told.unchecked.append(dataset)
        return
    if not passed:
        told.fails[dataset] = failed
        return
    told.passes.append(dataset)
    if failed:
        told.partly[dataset] = failed
    margins = [(row["margin_low"], row) for row in passed if row.get("margin_low") is not None]
    if margins and len(margins) == len(passed) and max(low for low, _ in margins) <= 0:
        told.open[dataset] = max(margins, key=lambda pair: pair[0])[1]
