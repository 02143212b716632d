"""What the figure of a ranking shows, before it is drawn: rows of models, columns of marks between worst and best.

Knows nothing of drawing. Missing is a state, never a zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from scarena.board.costs import UNKNOWN, costs_of
from scarena.board.ranked import (
    absences,
    has_order,
    has_ranges,
    letter,
    marks,
    plain,
    rank_text,
    ranked_models,
    why_missing,
    word,
)
from scarena.report.funky.marks import Mark, Value, marks_of, short, unit

Json = dict[str, Any]

MOST_MODELS, MOST_CONTROLS, MOST_DATASETS = 40, 10, 15
_METRICS = {
    "bio": ("Overall", "Bio conservation"),
    "batch": ("Overall", "Batch correction"),
    "onto_rwr": ("Ontology", "OntoRWR"),
    "lcad_all": ("Ontology", "LCAD ↓"),
    "knn_accuracy": ("Labels", "kNN accuracy"),
    "knn_macro_f1": ("Labels", "kNN macro F1"),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of marks, one a row, under the heading of its group."""

    group: str
    title: str
    marks: list[Mark]


@dataclass(frozen=True, slots=True)
class Row:
    """A model with its total; ``low`` and ``high`` are None where the board has no interval."""

    name: str
    title: str
    said: list[str]
    control: bool
    foundation: bool
    rank: str
    letter: str
    value: float | None
    low: float | None
    high: float | None
    total: Mark

    @property
    def weight(self) -> str:
        """The weight of its name's type."""
        return "bold" if self.foundation else "normal"


@dataclass(frozen=True, slots=True)
class Table:
    """All that is drawn; whether ranks are ranges; how many models were left out, and which datasets have no total."""

    rows: list[Row]
    columns: list[Column]
    ranges: bool
    left_out: int
    without_total: list[str]
    datasets_left_out: int


def funky_table(board: Json) -> Table:
    """Return the figure of a board: at most 40 models, controls last, and at most 15 datasets."""
    cards = ranked_models(board)
    controls = [card for card in cards if card["family"] == "control"][:MOST_CONTROLS]
    ranked = [card for card in cards if card["family"] != "control"][: MOST_MODELS - len(controls)]
    shown = [*ranked, *controls]
    totals = [_dataset_column(board, shown, entry["dataset"]) for entry in board["datasets"]]
    # A dataset that cannot answer: a column of it would say so in every row.
    empty = [each.title for each in totals if _has_none(each) and any(mark.text == "n/a" for mark in each.marks)]
    totals = [column for column in totals if column.title not in empty]
    crowd = len(totals) if len(totals) > MOST_DATASETS else 0
    columns = [*_metric_columns(board, shown), *([] if crowd else totals), *_cost_columns(board, shown)]
    return Table(_rows(board, shown), columns, has_ranges(board), len(cards) - len(shown), empty, crowd)


def _rows(board: Json, cards: list[Json]) -> list[Row]:
    found = {row["model"]: row for row in board["overall"] if row["metric"] == "total"}
    said, totals, ordered = marks(board), _metric_marks(board, cards, "total"), has_order(board)
    rows = []
    for card, total in zip(cards, totals, strict=True):
        row = found.get(card["name"])
        value, low, high, group = (row[key] if row else None for key in ("value", "low", "high", "tie_group"))
        rows.append(
            Row(
                name=card["name"],
                title=plain(card["title"]),
                said=said[card["name"]],
                control=card["family"] == "control",
                foundation=card["family"] == "foundation",
                rank=rank_text(row) if ordered else "",
                letter=letter(group) if has_ranges(board) else "",
                value=value,
                low=low,
                high=high,
                total=total,
            )
        )
    return rows


def _has_none(column: Column) -> bool:
    return all(mark.share is None for mark in column.marks)


def _runs(board: Json, card: Json, dataset: str) -> list[Json]:
    return [c for c in board["cells"] if c["model"] == card["name"] and c["dataset"] == dataset]


def _metric_columns(board: Json, cards: list[Json]) -> list[Column]:
    return [Column(group, title, _metric_marks(board, cards, key)) for key, (group, title) in _METRICS.items()]


def _metric_marks(board: Json, cards: list[Json], metric: str) -> list[Mark]:
    """Return the models' overall values by one metric."""
    from scarena.metrics.registry import METRICS

    found = {row["model"]: row for row in board["overall"] if row["metric"] == metric}
    why = absences(board)
    values: list[Value] = []
    for card in cards:
        row = found.get(card["name"])
        if row is None or row["value"] is None:
            values.append(word(why(card["name"], metric)[0]))
        else:
            values.append((row["value"], row["coverage"] < 1))
    info = METRICS[metric]
    return marks_of(values, cards, unit if math.isfinite(info.high) else short, lower=info.better == "lower")


def _dataset_column(board: Json, cards: list[Json], dataset: str) -> Column:
    values: list[Value] = []
    for card in cards:
        runs = _runs(board, card, dataset)
        scores = [run["scores"]["total"] for run in runs if "total" in run["scores"]]
        known = [score["value"] for score in scores if score["state"] == "ok"]
        values.append((fmean(known), len(known) < len(runs)) if known else word(why_missing(runs, "total")[0]))
    return Column("Total by dataset", dataset, marks_of(values, cards, unit))


def _cost_columns(board: Json, cards: list[Json]) -> list[Column]:
    costs = costs_of(board)
    mine = [costs.get(card["name"], UNKNOWN) for card in cards]
    seconds: list[Value] = ["–" if cost.seconds is None else (cost.seconds, cost.partly) for cost in mine]
    speed: list[Value] = ["–" if cost.cells_per_s is None else (cost.cells_per_s, False) for cost in mine]
    peak: list[Value] = ["–" if cost.peak_gib is None else (cost.peak_gib, False) for cost in mine]
    return [
        Column("Cost", "Seconds a run ↓", marks_of(seconds, cards, short, lower=True, fold=True)),
        Column("Cost", "Cells / s", marks_of(speed, cards, short, fold=True)),
        Column("Cost", "Peak GiB ↓", marks_of(peak, cards, short, lower=True, fold=True)),
    ]
