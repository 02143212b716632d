"""One section a task that reads cells' vectors: its models, its datasets, what a random split would have claimed.

Nothing is scored here. Every number is an overall row of the board, or the mean over seeds on one dataset.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from scarena.board.complete import few, joined
from scarena.board.gate import shown_only
from scarena.board.ranked import absences, counting, has_order, overall_of, ranked_models, why_missing
from scarena.board.seeds import drawn_over
from scarena.report.page.columns import asked_tasks
from scarena.report.page.gate import dataset_marks, gate_of
from scarena.report.page.scores import Scores
from scarena.report.page.tables import (
    Entry,
    dataset_table,
    grouped,
    marks,
    number,
    overall_entry,
    seen_datasets,
    shaded,
)
from scarena.report.page.tasks_table import answer_of
from scarena.tasks.own_task import OwnTask

Json = dict[str, Any]
_EMPHASIS = re.compile(r"\*([^*]+)\*")
_CLAIMED, _LEAK = "_random", "_leak"
# Letters of reasons that a reader passes over without being asked.
_LONG = 320


@dataclass(frozen=True, slots=True)
class Keys:
    """The metrics of one task by what they are for; the names of those that it lacks are empty."""

    headline: str
    claimed: str
    leak: str
    others: tuple[str, ...]
    split: str = "cells"
    """What a random split would deal out."""

    @property
    def over_all(self) -> tuple[str, ...]:
        """Those whose means over datasets stand in the first table."""
        return tuple(filter(None, (self.headline, self.claimed, self.leak)))


def keys_of(task: OwnTask[Any]) -> Keys:
    """Return the metrics of a task by what they are for, of those that this release knows."""
    from scarena.metrics.registry import METRICS

    known = [key for key in task.keys if key in METRICS]
    claimed, leak = (next((key for key in known if key.endswith(end)), "") for end in (_CLAIMED, _LEAK))
    others = tuple(key for key in known if key not in (task.headline, claimed, leak))
    return Keys(task.headline, claimed, leak, others, "genes" if task.product == "genes" else "cells")


def own_tasks(board: Json) -> list[OwnTask[Any]]:
    """Return the tasks of a board that have a section, in its order."""
    from scarena.metrics.registry import METRICS

    return [task for task in asked_tasks(board) if isinstance(task, OwnTask) and task.headline in METRICS]


def metrics_of_sections(board: Json, *, whole: bool) -> tuple[str, ...]:
    """Return the metrics that the sections have means of, those of their second tables where the `whole` is shown."""
    found = [keys_of(task) for task in own_tasks(board)]
    every = (key for keys in found for key in (*keys.over_all, *(keys.others if whole else ())))
    return tuple(dict.fromkeys(every))


def task_sections(board: Json, scores: Scores, *, whole: bool = True) -> list[Json]:
    """Return a section for each of these tasks, with the means of its other metrics where the `whole` is asked for."""
    return [_section(board, scores, task, keys_of(task), whole=whole) for task in own_tasks(board)]


def _section(board: Json, scores: Scores, task: OwnTask[Any], keys: Keys, *, whole: bool) -> Json:
    from scarena.metrics.registry import METRICS

    datasets, silent = counting(board, keys.headline), silent_datasets(board, keys.headline)
    others = keys.others if whole else ()
    return {
        "name": task.name, "title": task.title, "question": task.question,
        "held_out": _EMPHASIS.sub(r"\1", task.held_out), "flaw": _EMPHASIS.sub(r"\1", task.flaw),
        "sentence": sentence(board, keys), "headline": METRICS[keys.headline],
        "datasets": _heads(board, keys, datasets), "rows": _rows(board, scores, keys, datasets),
        "told": [METRICS[key] for key in (keys.claimed, keys.leak) if key],
        "others": [METRICS[key] for key in others], "other_rows": _other_rows(board, keys, others) if others else [],
        "silent": silent, "long": len(silent) > _LONG, "gate": gate_of(board, keys.headline),
    }  # fmt: skip


def _heads(board: Json, keys: Keys, datasets: list[str]) -> list[Json]:
    """Return the columns of single datasets: name, title, place on the board, and the gate's mark there."""
    return [
        {"name": name, "title": entry["card"]["title"], "place": place,
         "mark": dataset_marks(board, name).get(keys.headline)}
        for place, entry in enumerate(board["datasets"]) if (name := entry["dataset"]) in datasets
    ]  # fmt: skip


def _rows(board: Json, scores: Scores, keys: Keys, datasets: list[str]) -> list[Json]:
    """Return the rows of the first table in the order of the headline, controls last."""
    means, found, seen = _Means(board), overall_of(board), seen_datasets(board)
    single = [
        {row["card"]["name"]: row["entries"][0] for row in dataset_table(board, dataset, scores, (keys.headline,))}
        for dataset in datasets
    ]
    rows, ranked, ordered = [], keys.headline not in shown_only(board), has_order(board, keys.headline)
    for card in ranked_models(board, keys.headline):
        name = card["name"]
        headline = means.entry(name, keys.headline)
        rows.append({
            "card": card, "marks": marks(card, seen),
            "answer": answer_of(
                found.get((name, keys.headline)), headline, ranked=ranked, ordered=ordered
            ),
            "entries": [column[name] for column in single],
            "told": [_told(means, name, key, signed=key == keys.leak) for key in (keys.claimed, keys.leak) if key],
        })  # fmt: skip
    return grouped(rows)


class _Means:
    """The entries of a board's means over datasets, with what all of them share looked up once."""

    def __init__(self, board: Json) -> None:
        self.found, self._why, self._drawn = overall_of(board), absences(board), drawn_over(board)

    def entry(self, model: str, metric: str) -> Entry:
        row, why = self.found.get((model, metric)), self._why(model, metric)
        return overall_entry(row, why, drawn=self._drawn[model])


def _told(means: _Means, model: str, metric: str, *, signed: bool) -> Entry:
    """Return the entry of a number that ranks nothing; a difference has its sign."""
    entry = means.entry(model, metric)
    if not signed or not entry.sort:
        return entry
    value = float(entry.sort)
    return Entry(entry.text.replace(number(value), f"{value:+.3f}"), entry.sort, entry.note)


def _other_rows(board: Json, keys: Keys, others: tuple[str, ...]) -> list[Json]:
    means = _Means(board)
    rows = [
        {"card": card, "entries": [means.entry(card["name"], key) for key in others]}
        for card in ranked_models(board, keys.headline)
    ]
    return grouped(shaded(rows, others, shown_only(board)))


def silent_datasets(board: Json, metric: str) -> str:
    """Return which datasets have no answer, with the reasons, as a sentence; nothing where all have one."""
    cells, wanted = defaultdict(list), {*counting(board, metric)}
    for cell in board["cells"]:
        cells[cell["dataset"]].append(cell)
    reasons: dict[str, list[str]] = defaultdict(list)
    for entry in board["datasets"]:
        name = entry["dataset"]
        if name not in wanted:
            reasons[_why(entry, cells[name], metric)].append(name)
    told = "; ".join(f"{joined(names)} ({reason})" for reason, names in reasons.items())
    return f"Cannot answer: {told}." if told else ""


def _why(entry: Json, cells: list[Json], metric: str) -> str:
    # What a score says of the dataset goes before what made another model's run fail.
    cells = sorted(cells, key=lambda cell: cell["scores"].get(metric, {}).get("state") != "not applicable")
    state, reason = why_missing(cells, metric, ())
    if entry["state"] != "ok":
        state, reason = entry["state"], entry["reason"]
    return reason if state == "not applicable" and reason else ": ".join(filter(None, (state, reason))) or "not asked"


def sentence(board: Json, keys: Keys) -> str:
    """Return who is best over all datasets, who is level with it, and what a random split would have claimed of it."""
    found = overall_of(board)
    if not counting(board, keys.headline):
        return "No dataset of this board can answer."
    if keys.headline in shown_only(board):
        return "No model is ranked: the headline fails the metric gate on most of the datasets that can answer."
    ranked = [
        (card, row) for card in ranked_models(board, keys.headline)
        if (row := found.get((card["name"], keys.headline))) is not None and row["rank_low"] is not None
    ]  # fmt: skip
    if not ranked:
        return "No model has the headline on every dataset that can answer, so none is ranked."
    best, top = ranked[0]
    within = "" if top["low"] is None else f", 95 % {top['low']:.3f} to {top['high']:.3f}"
    level = [card["title"] for card, row in ranked if card is not best and row["tie_group"] == top["tie_group"]]
    first = f"First over all datasets: {best['title']} ({top['value']:.3f}{within})"
    if not has_order(board, keys.headline):
        first = f"{best['title']} alone has the headline on every dataset that can answer ({top['value']:.3f}{within})"
    tied = f"; statistically indistinguishable from it: {few(level)}" if level else ""
    return f"{first}{tied}.{_claim(found, best, keys)}"


def _claim(found: dict[tuple[str, str], Json], best: Json, keys: Keys) -> str:
    """Return what random folds would have said of the best model."""
    claim, leak = (found.get((best["name"], key), {}).get("value") for key in (keys.claimed, keys.leak))
    if claim is None or leak is None:
        return ""
    how = f"{abs(leak):.3f} {'more' if leak > 0 else 'less'} than the same with groups held out"
    return f" A random split of {keys.split} would have claimed {claim:.3f}: {how}."
