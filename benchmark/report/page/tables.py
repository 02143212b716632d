"""Tables of scores: what each entry shows, how it sorts, why it is missing, and how dark it is."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scarena.board.gate import shown_only
from scarena.board.ranked import (
    absences,
    has_order,
    has_ranges,
    headline_of,
    letter,
    of_labels,
    overall_of,
    rank_text,
    ranked_models,
    word,
)
from scarena.board.seeds import drawn_over
from scarena.report.page.gate import dataset_marks
from scarena.report.page.scores import HEADLINE, Score, Scores, is_twin

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: what is shown, what it sorts by, why it is missing, its 95 % interval, its place in the column.

    `gated` says that its metric ranks nothing here.
    """

    text: str
    sort: str = ""
    note: str = ""
    state: str = "ok"
    interval: str = ""
    heat: str = ""
    gated: bool = False


def number(value: float | None, digits: int = 3) -> str:
    """Return a value as it is shown everywhere on the page."""
    return "–" if value is None else f"{value:z.{digits}f}"


def signed(value: float) -> str:
    """Return a difference as it is shown everywhere on the page; one that rounds to nothing is no loss."""
    return f"{value:+z.3f}"


def between(low: float | None, high: float | None) -> str:
    """Return an interval, empty where there is none."""
    return "" if low is None or high is None else f"{low:z.3f} to {high:z.3f}"


def missing(state: str, reason: str) -> Entry:
    """Return the entry of a score that is not there."""
    text = state if state.startswith("failed") else word(state)
    return Entry(text, "", reason, state.split("(")[0].replace(" ", "-"))


def entry_of(score: Score | None) -> Entry:
    """Return the entry of one model on one dataset: the mean over its seeds, or the first reason there is none."""
    if score is None:
        return missing("not available", "was not run here")
    if score.value is None:
        return missing(score.state, score.reason)
    n, within = len(score.known), between(score.low, score.high)
    spread = f"range over {n} seeds: {min(score.known):z.3f} to {max(score.known):z.3f}" if n > 1 else ""
    lost = "" if n == score.seeds else f"{n} of {score.seeds} seeds"
    note = "; ".join(part for part in (within and f"95 % interval: {within}", spread, lost, *score.notes) if part)
    return Entry(number(score.value) + ("*" if lost else ""), repr(score.value), note, interval=within)


def overall_entry(
    row: Json | None, why: tuple[str, str] = ("", ""), *, drawn: str = "over cells; one seed"
) -> Entry:  # fmt: skip
    """Return the entry of one model over all datasets that count; `why` a value is missing, what was drawn again."""
    if row is None or row["value"] is None:
        return missing(*why) if why[0] else Entry("n/a", "", "no run of it has this metric", "not-applicable")
    within = between(row["low"], row["high"])
    over = {"cells": f"95 % interval {drawn}", "seeds": "95 % interval over seeds alone"}
    notes = [f"{over.get(row.get('interval', ''), 'range over seeds')}: {within}"] if within else []
    if row["rank_low"] is not None:
        notes.append(f"rank {rank_text(row)} of the models that have it on every dataset")
    if row["coverage"] < 1:
        notes.append(f"over {row['coverage']:.0%} of the datasets only, so not ranked")
    flag = f" ({row['coverage']:.0%})" if row["coverage"] < 1 else ""
    return Entry(number(row["value"]) + flag, repr(row["value"]), "; ".join(notes), interval=within)


def rank_entry(row: Json | None, *, certain: bool, ordered: bool = True) -> Entry:
    """Return the range of ranks by total, with the letter of the tie group; `certain` where replicates made them.

    `ordered` says whether there are two ranked models at all.
    """
    if row is None or row["rank_low"] is None:
        return Entry("–", "", "controls and models without a total on every dataset are not ranked")
    if not ordered:
        return Entry("–", "", "no other model has a total on every dataset, so there is none to be compared with")
    if not certain:
        # Letters would repeat the order of the values.
        return Entry(rank_text(row), repr((row["rank_low"] + row["rank_high"]) / 2), "rank by value, without intervals")
    group = letter(row["tie_group"])
    known = "95 % range of ranks"
    note = f"{known}; group {group}: statistically indistinguishable from the best of its group"
    return Entry(rank_text(row), repr((row["rank_low"] + row["rank_high"]) / 2), note, interval=group)


_PREDICTS = "learns from the types of other donors than it is asked about; it has no vectors"


def use_of(card: Json) -> str:
    """Return how a model was used: frozen (of a foundation model: zero-shot), or fitted to the dataset it embeds."""
    foundation = card["family"] == "foundation"
    if card.get("trains_on_target"):
        return "adapted" if foundation else "fitted"
    return "zero-shot" if foundation else "frozen"


def marks(card: Json, seen: dict[str, list[str]]) -> list[tuple[str, str, str]]:
    """Return what stands beside a model's name: (class, text, explanation)."""
    if card["control"]:
        of = "noise" if card["control"] == "negative" else "made of the labels"
        found = [("control", f"{card['control']} control", of)]
    else:
        says = {
            "zero-shot": "its parameters were not changed on these data",
            "adapted": "its parameters were changed on these data, without labels",
            "fitted": "has parameters that are fitted to these data, without labels",
            "frozen": "nothing is fitted to these data but what its card says",
        }
        use = use_of(card)
        said = _PREDICTS if card.get("offers") == "labels" else says[use]
        found = [(card["family"], card["family"], ""), ("use", use, said)]
    if is_twin(card):
        found.append(("use", "untrained", "random weights: what training is to be better than"))
    if said := of_labels(card):
        why = _PREDICTS if said == "predicts types" else "is handed the cell types that it is scored on"
        found.append(("warn", said, why))
    if card.get("submitted"):
        found.append(("warn", "submitted", "computed elsewhere: its card was not checked here, and it has no cost"))
    if card["name"] in seen:
        names = ", ".join(seen[card["name"]])
        found.append(("warn", f"trained on {len(seen[card['name']])} of these", f"in its training corpus: {names}"))
    return found


def shaded(
    rows: list[Json], metrics: tuple[str, ...], gated: Container[str], part: Container[tuple[str, str]] = ()
) -> list[Json]:  # fmt: skip
    """Give every entry its place between the worst (0) and the best (1) of its column, controls left aside.

    A column by which nothing is ranked has no places, nor has a mean over part of the datasets: (model, metric) in
    `part`.
    """

    def is_whole(row: Json, place: int) -> bool:
        return (row["card"]["name"], metrics[place]) not in part

    return coloured(rows, directions(metrics), [metric in gated for metric in metrics], is_whole)


def coloured(
    rows: list[Json], better: Sequence[str], shut: Sequence[bool], is_judged: Callable[[Json, int], bool]
) -> list[Json]:  # fmt: skip
    """Give every entry its place in its column, of which entries of controls and those not `is_judged` are no measure.

    By column: which side is `better`, and whether it is `shut`, since its metric ranks nothing there.
    """
    columns = [
        [
            float(row["entries"][place].sort) for row in rows
            if row["card"]["family"] != "control" and row["entries"][place].sort and is_judged(row, place)
        ]
        for place in range(len(shut))
    ]  # fmt: skip

    def of(row: Json, place: int) -> Entry:
        entry: Entry = row["entries"][place]
        if shut[place]:
            return replace(entry, gated=True)
        return heat(entry, columns[place], better[place]) if is_judged(row, place) else entry

    return [{**row, "entries": [of(row, place) for place in range(len(shut))]} for row in rows]


def heat(entry: Entry, column: list[float], better: str) -> Entry:
    """Give an entry its place between the worst (0) and the best (1) of its column."""
    if not entry.sort or not column or better == "none" or max(column) == min(column):
        return entry
    share = (float(entry.sort) - min(column)) / (max(column) - min(column))
    share = 1 - share if better == "lower" else share
    return replace(entry, heat=f"{min(max(share, 0.0), 1.0):.2f}")


def grouped(rows: list[Json]) -> list[Json]:
    """Give every row the part of the table that it stands in: models, or controls below them."""
    return [{**row, "kind": "controls" if row["card"]["family"] == "control" else "models"} for row in rows]


def directions(metrics: tuple[str, ...]) -> list[str]:
    """Return which side of each metric is better."""
    from scarena.metrics.registry import METRICS

    return [METRICS[metric].better for metric in metrics]


def overall_table(board: Json, metrics: tuple[str, ...] = HEADLINE) -> list[Json]:
    """Return the rows of the overall table, best total first and controls last."""
    found, why = overall_of(board), absences(board)
    certain, ordered = has_ranges(board), has_order(board)
    seen, drawn = seen_datasets(board), drawn_over(board)
    rows = [
        {
            "card": card,
            "marks": marks(card, seen),
            "rank": rank_entry(found.get((card["name"], headline_of(board))), certain=certain, ordered=ordered),
            "entries": [
                overall_entry(found.get((card["name"], metric)), why(card["name"], metric), drawn=drawn[card["name"]])
                for metric in metrics
            ],
        }
        for card in ranked_models(board)
    ]
    part = {key for key, row in found.items() if row["coverage"] < 1}
    return shaded(rows, metrics, shown_only(board), part)


def dataset_table(
    board: Json, dataset: str, scores: Scores, metrics: tuple[str, ...] = HEADLINE
) -> list[Json]:  # fmt: skip
    """Return the rows of one dataset's table, in the order of the overall one."""
    rows = [
        {"card": card, "entries": [entry_of(scores.get((dataset, card["name"], metric))) for metric in metrics]}
        for card in ranked_models(board)
    ]
    return shaded(rows, metrics, dataset_marks(board, dataset))


def scaled_table(board: Json, metrics: tuple[str, ...] = HEADLINE) -> list[Json]:
    """Return the rows of the control-scaled table; none where the board has no such scores."""
    found = {(row["model"], row["metric"]): row for row in board.get("control_scaled", [])}
    if not found:
        return []

    def entry(row: Json | None) -> Entry:
        if row is None or row["value"] is None:
            why = "no dataset with a value on which the positive control scores better than noise"
            return Entry("n/a", "", why, "not-applicable")
        flag = f" ({row['coverage']:.0%})" if row["coverage"] < 1 else ""
        return Entry(number(row["value"]) + flag, repr(row["value"]), f"mean over {row['datasets']} datasets")

    return [
        {"card": card, "entries": [entry(found.get((card["name"], metric))) for metric in metrics]}
        for card in ranked_models(board)
    ]


def seen_datasets(board: Json) -> dict[str, list[str]]:
    """Return the datasets that are, or whose study is, in a model's training corpus."""
    found: dict[str, list[str]] = {}
    for row in board.get("contamination", []):
        if row["state"] in ("cells", "study"):
            found.setdefault(row["model"], []).append(row["dataset"])
    return found
