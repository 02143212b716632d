"""What the page says of the control checks: which metrics separate true labels from noise, and with which control."""

from __future__ import annotations

from typing import Any

from scarena.board.complete import joined
from scarena.board.discrimination import LABELS, discrimination

Json = dict[str, Any]


def control_table(board: Json) -> list[Json]:
    """Return a row for each metric that some control check does not pass: what it passes, and what it does not."""
    from scarena.metrics.registry import METRICS

    title = _titles(board)
    rows = []
    for found in discrimination(board):
        if found.clear:
            continue
        n_datasets = len(found.passes) + len(found.fails)
        rows.append({
            "metric": METRICS[found.metric].title if found.metric in METRICS else found.metric,
            "controls": joined([title.get(name, name) for name in found.controls]) or "none",
            "passes": f"{len(found.passes)} of {n_datasets}" if n_datasets else "–",
            "fails": _listed(found.fails, title), "partly": _listed(found.partly, title),
            "open": "; ".join(f"{name} ({_numbers(row, title)}, lead from {row['margin_low']:+.3f})"
                              for name, row in found.open.items()) or "–",
            "unchecked": f"all {len(found.unchecked)}" if not n_datasets else ", ".join(found.unchecked) or "–",
        })  # fmt: skip
    return rows


def uncheckable(board: Json) -> bool:
    """Return whether the board lacks a control that holds distances, so that one-hot labels alone stand for truth."""
    return not any("distances" in card.get("holds", ()) for card in board["models"])


def _titles(board: Json) -> dict[str, str]:
    return {LABELS: "One-hot labels", **{card["name"]: card["title"] for card in board["models"]}}


def _listed(by_dataset: dict[str, list[Json]], title: dict[str, str]) -> str:
    parts = [f"{name} ({'; '.join(_numbers(row, title) for row in rows)})" for name, rows in by_dataset.items()]
    return "; ".join(parts) or "–"


def _numbers(row: Json, title: dict[str, str]) -> str:
    noise, name = title.get(row.get("against", ""), "noise"), row.get("control", LABELS)
    return f"{title.get(name, name)} {row['positive']:.3f} against {row['negative']:.3f} of {noise}"
