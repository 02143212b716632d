"""What the runs of a board cost, as it was measured: seconds of whole runs, and apart from them start-up and rate.

A run's start-up is what its process did beside embedding: starting Python, loading libraries, reading the dataset,
writing. Written as a rate it would make every model look slow on few cells, so neither is ever made of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from scarena.board.published import is_published

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TimedRun:
    """One run that ended well and was timed.

    Parameters
    ----------
    dataset, model, seed
        Which run.
    cells, genes
        Size of the dataset; genes None where the board does not say.
    wall_s
        Seconds of its process.
    embed_s
        Seconds of them in which the model embedded.
    peak_gib
        Largest resident memory.
    """

    dataset: str
    model: str
    seed: int | None
    cells: int
    genes: int | None
    wall_s: float
    embed_s: float
    peak_gib: float

    @property
    def startup_s(self) -> float:
        """Seconds of its process beside embedding."""
        return max(0.0, self.wall_s - self.embed_s)

    @property
    def cells_per_s(self) -> float:
        """Cells embedded in a second of embedding."""
        return self.cells / self.embed_s


def timed_runs(board: Json) -> list[TimedRun]:
    """Return the runs whose times the board has, in its order; a run that failed has no speed, and none here."""
    sizes = {entry["dataset"]: entry["summary"] for entry in board["datasets"] if entry.get("summary")}
    found = []
    for row in board["timings"]:
        size = sizes.get(row["dataset"])
        if row["step"] != "embed" or size is None or min(size["n_cells"], row.get("cells_per_s") or 0) <= 0:
            continue
        cells = size["n_cells"]
        found.append(TimedRun(
            row["dataset"], row["model"], row.get("seed"), cells, size.get("n_genes"), row["wall_s"],
            cells / row["cells_per_s"], row["peak_rss_mb"] / 1024,
        ))  # fmt: skip
    return found


@dataclass(frozen=True, slots=True)
class Cost:
    """What one model took over all datasets and seeds that it ran on; None where it was not measured.

    Parameters
    ----------
    seconds
        Wall seconds of a run: the mean over seeds, then over datasets.
    startup_s
        What of a run was not embedding, median over the runs.
    cells_per_s
        Cells of all runs over the seconds in which they were embedded.
    gpu_hours
        Hours of the runs that used a GPU, the mean over seeds, summed over datasets; None where none did.
    peak_gib
        Largest resident memory of a run.
    cpu_hours, virtual_gib
        Mean processor hours of a run, and largest address space of one: of published runs alone.
    partly
        Whether it has no timed run on some dataset on which another model has one: its `seconds` are then of others.
    """

    seconds: float | None = None
    startup_s: float | None = None
    cells_per_s: float | None = None
    gpu_hours: float | None = None
    peak_gib: float | None = None
    cpu_hours: float | None = None
    virtual_gib: float | None = None
    partly: bool = False


UNKNOWN = Cost()


def costs_of(board: Json) -> dict[str, Cost]:
    """Return what every model took of which something was measured, by name."""
    if is_published(board):
        return _published(board)
    timed = timed_runs(board)
    every = {run.dataset for run in timed}
    rows: dict[str, list[Json]] = {}
    for row in board["timings"]:
        if row["step"] == "embed":
            rows.setdefault(row["model"], []).append(row)
    runs = by_model(timed)
    return {model: _cost(rows[model], runs.get(model, []), every) for model in rows}


def _published(board: Json) -> dict[str, Cost]:
    """Return what the runs that others timed took, the mean over datasets: how many cells they had nobody may tell."""
    every = {row["dataset"] for row in board["timings"]}
    rows: dict[str, list[Json]] = {}
    for row in board["timings"]:
        rows.setdefault(row["model"], []).append(row)
    return {
        model: Cost(
            seconds=fmean(row["wall_s"] for row in mine), partly={row["dataset"] for row in mine} != every,
            cpu_hours=_mean([row.get("cpu_s") for row in mine], 3600),
            virtual_gib=_mean([row.get("peak_virtual_mb") for row in mine], 1024, max),
        )
        for model, mine in rows.items()
    }  # fmt: skip


def _mean(
    values: list[float | None], unit: float, of: Callable[[list[float]], float] = fmean
) -> float | None:  # fmt: skip
    known = [value / unit for value in values if value is not None]
    return of(known) if known else None


def by_model(runs: Iterable[TimedRun]) -> dict[str, list[TimedRun]]:
    """Return runs by their models."""
    found: dict[str, list[TimedRun]] = {}
    for run in runs:
        found.setdefault(run.model, []).append(run)
    return found


def _cost(rows: list[Json], runs: list[TimedRun], every: set[str]) -> Cost:
    on_gpu: dict[str, list[float]] = {}
    for row in rows:
        if row.get("peak_vram_mb"):
            on_gpu.setdefault(row["dataset"], []).append(row["wall_s"])
    gpu_hours = sum(map(fmean, on_gpu.values())) / 3600 if on_gpu else None
    peak = max(row["peak_rss_mb"] for row in rows) / 1024
    if not runs:
        return Cost(gpu_hours=gpu_hours, peak_gib=peak)
    by_dataset = seconds_by_dataset(runs)
    return Cost(
        seconds=fmean(by_dataset.values()), startup_s=median(run.startup_s for run in runs),
        cells_per_s=sum(run.cells for run in runs) / sum(run.embed_s for run in runs),
        gpu_hours=gpu_hours, peak_gib=peak, partly=by_dataset.keys() != every,
    )  # fmt: skip


def seconds_by_dataset(runs: list[TimedRun], of: Callable[[TimedRun], float] | None = None) -> dict[str, float]:
    """Return the mean over seeds of the seconds of some runs of one model, by dataset; `of` gives other seconds."""
    told: dict[str, list[float]] = {}
    for run in runs:
        told.setdefault(run.dataset, []).append(of(run) if of else run.wall_s)
    return {dataset: fmean(seconds) for dataset, seconds in told.items()}


def measured_seconds(board: Json) -> dict[tuple[str, str], float]:
    """Return the wall seconds of a run by (dataset, model), the mean over its seeds."""
    timed = by_model(timed_runs(board))
    return {(dataset, model): s for model in timed for dataset, s in seconds_by_dataset(timed[model]).items()}
