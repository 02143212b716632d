"""A board's scores looked up by name: of one model on one dataset over its seeds, and over all datasets."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import fmean
from typing import Any

Json = dict[str, Any]

# The columns a reader meets first; every other metric is in the "all metrics" tables and in board.json.
HEADLINE = ("total", "bio", "batch", "onto_rwr", "lcad_all", "knn_accuracy", "knn_macro_f1")


@dataclass(frozen=True, slots=True)
class Score:
    """One model by one metric on one dataset.

    Parameters
    ----------
    value
        Mean over the seeds that have one; None without any.
    low, high
        Its 95 % interval, where there is one.
    state, reason
        Of the first seed without a value where `value` is None; else ``ok``.
    known
        The values of the seeds that have one.
    seeds
        Number of runs.
    notes
        What the model said of its runs.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    state: str = "ok"
    reason: str = ""
    known: tuple[float, ...] = ()
    seeds: int = 1
    notes: tuple[str, ...] = ()


Scores = dict[tuple[str, str, str], Score]


def _score(cells: list[Json], metric: str, over_seeds: Json | None) -> Score:
    scores = [cell["scores"][metric] for cell in cells if metric in cell["scores"]]
    known = [score for score in scores if score["state"] == "ok"]
    if known:
        values = tuple(score["value"] for score in known)
        # With several seeds the interval is of their mean; a board without one shows the range alone.
        within = known[0] if len(known) == 1 else over_seeds or {"low": None, "high": None}
        said = tuple(dict.fromkeys(note for cell in cells for note in cell.get("notes", ())))
        return Score(fmean(values), within["low"], within["high"], known=values, seeds=len(cells), notes=said)
    first = scores[0] if scores else cells[0]
    return Score(None, state=first["state"], reason=first["reason"], seeds=len(cells))


def scores_of(board: Json) -> Scores:
    """Return every score by (dataset, model, metric), over its seeds; what no run has is not there."""
    runs: dict[tuple[str, str], list[Json]] = defaultdict(list)
    for cell in board["cells"]:
        runs[cell["dataset"], cell["model"]].append(cell)
    seeds = {(row["dataset"], row["model"], row["metric"]): row for row in board.get("per_dataset", [])}
    found = {}
    metrics = sorted({metric for cell in board["cells"] for metric in cell["scores"]} | set(HEADLINE))
    for (dataset, model), cells in runs.items():
        for metric in metrics:
            key = (dataset, model, metric)
            found[key] = _score(cells, metric, seeds.get(key))
    return found


def is_twin(card: Json) -> bool:
    """Return whether a foundation model is one of which nothing was trained: it stands for what training adds."""
    named = any(word in card["name"] for word in ("-random", "-shuffled"))
    return bool(card["family"] == "foundation" and (card.get("parameters") == 0 or named))
