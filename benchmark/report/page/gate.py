"""What the page says of the metric gate: which metrics are shown and not ranked, and where each one fails."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from scarena.board.complete import few
from scarena.board.gate import not_ranked, shown_only
from scarena.board.ranked import counting, headline_of, headline_title

Json = dict[str, Any]

NOT_RANKED, HERE, ALL_THE_SAME = "shown, not ranked", "fails here", "fails, ranked all the same"
# Of the datasets on which a metric fails, those whose reasons stand beside its name; the table of the gate has all.
_MOST = 3


@dataclass(frozen=True, slots=True)
class Mark:
    """What stands beside the name of a metric, and why."""

    text: str
    why: str


def overall_marks(board: Json) -> dict[str, Mark]:
    """Return, by metric that fails on most datasets, its mark over all datasets; the headline has one of its own."""
    headline, failed = headline_of(board), _failed(board)
    return {
        metric: Mark(ALL_THE_SAME if metric == headline else NOT_RANKED, _why(board, metric, failed[metric]))
        for metric in sorted(not_ranked(board["cells"], board.get("gate", [])))
    }


def dataset_marks(board: Json, dataset: str) -> dict[str, Mark]:
    """Return, by metric that fails on one dataset, its mark there."""
    rows = [row for row in board.get("gate", []) if row["dataset"] == dataset and row["verdict"] == "fails"]
    return {row["metric"]: Mark(HERE, row["reason"]) for row in rows}


def _failed(board: Json) -> dict[str, list[Json]]:
    found = defaultdict(list)
    for row in board.get("gate", []):
        if row["verdict"] == "fails":
            found[row["metric"]].append(row)
    return found


def _why(board: Json, metric: str, failed: list[Json]) -> str:
    of, more = len(counting(board, metric)), len(failed) - _MOST
    reasons = "; ".join(f"{row['dataset']} ({row['reason']})" for row in failed[:_MOST])
    rest = f"; and {more} more" if more > 0 else ""
    return f"Fails the metric gate on {len(failed)} of {of} dataset{'s' if of > 1 else ''}: {reasons}{rest}"


def gate_table(board: Json) -> list[Json]:
    """Return a row for each metric that does not pass on every dataset: whether it ranks, where it fails and why.

    Those that fail on most datasets come first.
    """
    from scarena.metrics.registry import METRICS

    marks, rows = overall_marks(board), _by_metric(board)
    place = {metric: (metric not in marks, number) for number, metric in enumerate(METRICS)}
    return [
        {
            "metric": METRICS[metric].title if metric in METRICS else metric,
            "standing": marks[metric].text if metric in marks else "ranked", **_where(mine),
        }
        for metric, mine in sorted(rows.items(), key=lambda pair: place.get(pair[0], (True, len(place))))
        if any(row["verdict"] != "passes" for row in mine)
    ]  # fmt: skip


def gate_of(board: Json, metric: str) -> Json | None:
    """Return what the gate says of one metric: whether it ranks, where it fails and why; None of one not judged."""
    mine, marks = _by_metric(board).get(metric, []), overall_marks(board)
    return {"standing": marks[metric].text if metric in marks else "ranked", **_where(mine)} if mine else None


def _by_metric(board: Json) -> dict[str, list[Json]]:
    rows = defaultdict(list)
    for row in board.get("gate", []):
        rows[row["metric"]].append(row)
    return rows


def _where(rows: list[Json]) -> Json:
    """Return on how many datasets one metric passes, and where it fails or is not checked, with the reasons."""
    return {
        "passes": f"{sum(row['verdict'] == 'passes' for row in rows)} of {len(rows)}",
        "fails": _reasons(rows, "fails"), "unchecked": _reasons(rows, "unchecked"),
    }  # fmt: skip


def _reasons(rows: list[Json], verdict: str) -> list[str]:
    """Return a line a reason, with the datasets that have it before it."""
    found = defaultdict(list)
    for row in rows:
        if row["verdict"] == verdict:
            found[row["reason"]].append(row["dataset"])
    return [f"{', '.join(datasets)}: {reason}" for reason, datasets in found.items()]


def headline_fails(board: Json) -> list[str]:
    """Return the sentence that says of a board's headline that it fails on most datasets; none where it does not."""
    headline = headline_of(board)
    if headline not in not_ranked(board["cells"], board.get("gate", [])):
        return []
    failed, of = [row["dataset"] for row in _failed(board)[headline]], len(counting(board, headline))
    where = f"{few(failed)}, {len(failed)} of {of} datasets" if of > 1 else f"{failed[0]}, the one dataset that counts"
    return [
        f"Read the order with care: the {headline_title(board)} fails the metric gate on {where}. It does not tell the "
        "truth from noise there, or no model is clear of noise. It ranks here all the same, since a board without an "
        "order is of no use."
    ]


def front_gone(board: Json) -> str:
    """Return why there is no front of bio and batch: bio is not ranked; nothing where there is one."""
    gone = "bio" in shown_only(board)
    return "No front is drawn: bio is shown, not ranked (metric gate)." if gone else ""
