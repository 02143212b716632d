"""What each model's embeddings cost, and which models no other beats in both score and cost.

Times are of whole processes, starting Python and loading weights included: small datasets make every model look slow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scarena.board.ranked import headline_of, overall_of
from scarena.board.uncertainty import pareto
from scarena.board.verdicts import seconds_per_1000_cells

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cost:
    """One model's cost over all datasets and seeds that it ran on; None where it was not measured.

    Parameters
    ----------
    seconds
        Wall seconds for 1,000 cells.
    gpu_hours
        Hours of the runs that used a GPU; None where none did.
    peak_gib
        Largest resident memory of a run.
    """

    seconds: float | None
    gpu_hours: float | None
    peak_gib: float | None

    @property
    def cells_per_s(self) -> float | None:
        """Cells embedded in a second of wall time."""
        return None if not self.seconds else 1000 / self.seconds


UNKNOWN = Cost(None, None, None)
# key, title, which side is better, digits
AXES = (
    ("seconds", "s / 1,000 cells", "lower", 2), ("gpu_hours", "GPU hours", "lower", 2),
    ("peak_gib", "Peak GiB", "lower", 2),
)  # fmt: skip


def costs_of(board: Json) -> dict[str, Cost]:
    """Return the cost of every model that has one, by name."""
    seconds = seconds_per_1000_cells(board)
    runs: dict[str, list[Json]] = {}
    for row in board["timings"]:
        if row["step"] == "embed":
            runs.setdefault(row["model"], []).append(row)
    found = {}
    for model, rows in runs.items():
        on_gpu = [row["wall_s"] for row in rows if row.get("peak_vram_mb")]
        peak = max(row["peak_rss_mb"] for row in rows) / 1024
        found[model] = Cost(seconds.get(model), sum(on_gpu) / 3600 if on_gpu else None, peak)
    return found


def fronts(board: Json, costs: dict[str, Cost]) -> list[Json]:
    """Return the ranked models with total and cost, and by which costs no other is as cheap and better; best first."""
    total = {name: row["value"] for (name, metric), row in overall_of(board).items()
             if metric == headline_of(board) and row["rank_low"] is not None}  # fmt: skip
    rows = [
        {"name": card["name"], "title": card["title"], "family": card["family"], "total": total[card["name"]],
         "cost": costs.get(card["name"], UNKNOWN), "fronts": []}
        for card in board["models"] if card["name"] in total
    ]  # fmt: skip
    for key, title, _, _ in AXES:
        known = [row for row in rows if getattr(row["cost"], key) is not None]
        kept = pareto([(row["total"], -getattr(row["cost"], key)) for row in known])
        for row, on in zip(known, kept, strict=True):
            row["fronts"] += [title] if on else []
    return sorted(rows, key=lambda row: (-row["total"], row["name"]))
