"""What the figure of a ranking shows, before it is drawn: rows of models, columns of marks between worst and best.

Knows nothing of drawing. Missing is a state, never a zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from scarena.board.costs import UNKNOWN, costs_of
from scarena.board.ranked import (
    absences,
    has_order,
    has_ranges,
    headline_of,
    letter,
    marks,
    plain,
    rank_text,
    ranked_models,
    why_missing,
    word,
)
from scarena.report.funky.marks import Limits, Mark, Value, limits_of, marks_of, short, unit
from scarena.report.page.tasks_table import columns as tasks_asked

if TYPE_CHECKING:
    from scarena.metrics.info import MetricInfo

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
    """A model with its value by the headline; ``low`` and ``high`` are None where the board has no interval."""

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
    headline: Mark

    @property
    def weight(self) -> str:
        """The weight of its name's type."""
        return "bold" if self.foundation else "normal"


@dataclass(frozen=True, slots=True)
class Table:
    """All that is drawn.

    Parameters
    ----------
    rows, columns
        Models and marks.
    headline
        What ranks the models, as its title has it, and the ends of its axis.
    limits
        The ends of the headline's axis.
    ranges
        Whether ranks are ranges.
    left_out, datasets_left_out
        How many models and datasets are not drawn.
    without_headline
        Datasets on which no model has the headline, since they cannot answer.
    """

    rows: list[Row]
    columns: list[Column]
    headline: str
    limits: Limits
    ranges: bool
    left_out: int
    without_headline: list[str]
    datasets_left_out: int


def funky_table(board: Json) -> Table:
    """Return the figure of a board by what ranks its models: at most 40 of them, controls last, and 15 datasets."""
    from scarena.metrics.registry import METRICS

    cards = ranked_models(board)
    controls = [card for card in cards if card["family"] == "control"][:MOST_CONTROLS]
    ranked = [card for card in cards if card["family"] != "control"][: MOST_MODELS - len(controls)]
    shown, metric = [*ranked, *controls], headline_of(board)
    single = [_dataset_column(board, shown, entry["dataset"], metric) for entry in board["datasets"]]
    # A dataset that cannot answer: a column of it would say so in every row.
    empty = [each.title for each in single if _has_none(each) and any(mark.text == "n/a" for mark in each.marks)]
    single = [column for column in single if column.title not in empty]
    crowd = len(single) if len(single) > MOST_DATASETS else 0
    columns = [*_metric_columns(board, shown, metric), *([] if crowd else single), *_cost_columns(board, shown)]
    rows = _rows(board, shown, metric)
    return Table(
        rows, columns, METRICS[metric].title, limits_of(*_limited(METRICS[metric], rows)), has_ranges(board),
        len(cards) - len(shown), empty, crowd,
    )  # fmt: skip


def _limited(info: MetricInfo, rows: list[Row]) -> tuple[float, float, list[float]]:
    """Return the range of a metric and the values of models by it, with the ends of their intervals."""
    judged = [row for row in rows if not row.control]
    return info.low, info.high, [x for row in judged for x in (row.value, row.low, row.high) if x is not None]


def _rows(board: Json, cards: list[Json], metric: str) -> list[Row]:
    found = {row["model"]: row for row in board["overall"] if row["metric"] == metric}
    said, marked, ordered = marks(board), _metric_marks(board, cards, metric), has_order(board)
    rows = []
    for card, mark in zip(cards, marked, strict=True):
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
                headline=mark,
            )
        )
    return rows


def _has_none(column: Column) -> bool:
    return all(mark.share is None for mark in column.marks)


def _runs(board: Json, card: Json, dataset: str) -> list[Json]:
    return [c for c in board["cells"] if c["model"] == card["name"] and c["dataset"] == dataset]


def _metric_columns(board: Json, cards: list[Json], headline: str) -> list[Column]:
    """Return what a total is made of and stands beside; of another headline, those of the board's other tasks."""
    if headline == "total":
        return [Column(group, title, _metric_marks(board, cards, key)) for key, (group, title) in _METRICS.items()]
    found = []
    for task in tasks_asked(board):
        if task.metric != headline:
            marked = _metric_marks(board, cards, task.metric)
            # What the metric gate does not rank has no size and no colour.
            marked = marked if task.ranked else [Mark(mark.text, None) for mark in marked]
            arrow = " ↓" if task.better == "lower" else ""
            found.append(Column("Overall", f"{task.metric_title}{arrow}", marked))
    return found


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
    return marks_of(values, cards, _text_of(info), lower=info.better == "lower")


def _text_of(info: MetricInfo) -> Callable[[float], str]:
    """Return how a metric's values are printed: those that can be below 0 are of the order of 1."""
    return unit if math.isfinite(info.high) or info.low < 0 else short


def _dataset_column(board: Json, cards: list[Json], dataset: str, metric: str) -> Column:
    from scarena.metrics.registry import METRICS

    info = METRICS[metric]
    values: list[Value] = []
    for card in cards:
        runs = _runs(board, card, dataset)
        scores = [run["scores"][metric] for run in runs if metric in run["scores"]]
        known = [score["value"] for score in scores if score["state"] == "ok"]
        values.append((fmean(known), len(known) < len(runs)) if known else word(why_missing(runs, metric)[0]))
    group = "Total by dataset" if metric == "total" else "By dataset"
    return Column(group, dataset, marks_of(values, cards, _text_of(info), lower=info.better == "lower"))


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
