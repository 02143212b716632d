"""`scarena bench tasks`: what the tasks on a cell's vector cost, by themselves and together, on one core.

Each number of donors is measured in a process of its own: peak memory must not grow with what is held out.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from scarena.base.files import read_json, write_json
from scarena.base.progress import tell
from scarena.bench.metrics import cells
from scarena.bench.own_process import ended
from scarena.steps.record import hardware, versions
from scarena.tasks.cell_task import CellTask
from scarena.tasks.cells import Cells
from scarena.tasks.registry import catalogue

COLUMNS = ["task", "seconds, 8 donors", "seconds, 32 donors"]
DONORS = (8, 32)
_N_PROTEINS = 49


def run_of(n_cells: int, dimensions: int, n_donors: int) -> Cells:
    """Return cells that can answer every question, of as many donors."""
    from scarena.metrics import dataset_reference
    from scarena.metrics.within import near_within
    from scarena.tasks.dataset_reference import Annotated

    data, rng = cells(n_cells, dimensions, 0), np.random.default_rng(1)
    donor = rng.integers(0, n_donors, n_cells)
    labels = np.array([f"type {label}" for label in data["labels"]])
    answers = {name: rng.choice(["yes", "no"], n_cells) for name in ("malignant", "treated")}
    targets = {
        **answers, "response": np.where(donor % 2, "yes", "no"), "layer": labels,
        "cancer": np.where(donor % 2, "a", "b"), "species": np.where(donor % 4 < 2, "human", "mouse"),
    }  # fmt: skip
    near = near_within(data["pre"], donor * 20 + data["labels"])
    proteins = rng.poisson(5, (n_cells, _N_PROTEINS)).astype(np.float32)
    matrices = {
        "proteins": proteins, "coding_rna": np.log1p(proteins), "coordinates": rng.normal(size=(n_cells, 2)),
        "near_batch": near_within(data["pre"], donor), "near_half_a": near, "near_half_b": near,
    }  # fmt: skip
    names, who = (np.array([f"{kind}{i}" for i in of]) for kind, of in (("c", range(n_cells)), ("d", donor)))
    return Cells(
        data["x"],
        Annotated(names, who, labels, dataset_reference(), None, ("", ""), who, targets, matrices),
        0,
        1,
    )


def run_child(spec_file: Path) -> None:
    """Time every task on the cells a spec names, and write the seconds to the file it names."""
    spec = read_json(spec_file)
    run, seconds = run_of(spec["n_cells"], spec["dimensions"], spec["n_donors"]), {}
    for entry in catalogue():
        if isinstance(entry.task, CellTask):
            start = time.monotonic()
            scores = entry.task.score(run)
            seconds[entry.name] = {
                "seconds": time.monotonic() - start, "state": scores[entry.task.headline].state,
            }  # fmt: skip
    write_json(Path(spec["answer"]), {"seconds": seconds})


def time_tasks(n_cells: int, dimensions: int) -> dict[str, Any]:
    """Return seconds of each task and peak GiB, by number of donors, on one thread."""
    found: list[dict[str, Any]] = []
    for n_donors in DONORS:
        tell(f"timing tasks on {n_cells:,} cells of {n_donors} donors")
        spec = {"n_cells": n_cells, "dimensions": dimensions, "n_donors": n_donors}
        own = ended("scarena.bench.tasks", spec, threads=1)
        run = {**spec, "state": own.outcome.state, "peak_gib": own.peak_gib}
        found.append({**run, **(own.answer or {"log": own.log[-2000:]})})
    return {"hardware": hardware(), "versions": versions(), "threads": 1, "runs": found}


def rows(found: dict[str, Any]) -> list[list[str]]:
    """Return a row a task, one for all and one for memory."""
    runs = found["runs"]
    if lost := [run for run in runs if run["state"] != "ok"]:
        return [["state", *(run["state"] for run in runs)], ["log", *(run.get("log", "")[-300:] for run in lost)]]
    table = [
        [name, *(f"{run['seconds'][name]['seconds']:.1f}" for run in runs)] for name in runs[0]["seconds"]
    ]  # fmt: skip
    totals = [sum(each["seconds"] for each in run["seconds"].values()) for run in runs]
    return [
        *table, ["all", *(f"{total:.1f}" for total in totals)],
        ["peak memory (GiB)", *(f"{run['peak_gib']:.2f}" for run in runs)],
    ]  # fmt: skip


if __name__ == "__main__":
    run_child(Path(sys.argv[1]))
