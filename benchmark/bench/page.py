"""`scarena bench page`: how large the page of a large board is, how long a browser takes to open it, and its memory.

The board is made up; the browser is the Chromium that is installed, driven by playwright (of the extra ``dev``).
"""

from __future__ import annotations

import shutil
import tempfile
import time
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from scarena.base.errors import ScarenaError
from scarena.base.progress import tell
from scarena.report.html import render

Json = dict[str, Any]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_TISSUES = ("blood", "brain", "lung", "pancreas")


def made_up_board(n_models: int, n_datasets: int, seed: int = 0) -> Json:
    """Return a board of models and datasets that nobody ran, with every metric, intervals and ranks."""
    from scarena.metrics.registry import METRICS

    rng = np.random.default_rng(seed)
    models = [_model(number) for number in range(n_models)]
    datasets = [_dataset(number) for number in range(n_datasets)]
    cells, overall = [], []
    values = rng.uniform(0.2, 0.9, (n_models, n_datasets, len(METRICS))).round(4)
    for i, model in enumerate(models):
        for j, dataset in enumerate(datasets):
            scores = {key: _score(values[i, j, k]) for k, key in enumerate(METRICS)}
            who = {"dataset": dataset["dataset"], "model": model["name"], "seed": 0}
            cells.append({**who, "state": "ok", "reason": "", "scores": scores})
    for k, key in enumerate(METRICS):
        means = values[:, :, k].mean(axis=1)
        ranks = (-means).argsort().argsort() + 1
        overall += [_overall(model, key, means[i], int(ranks[i])) for i, model in enumerate(models)]
    timings = [
        {"dataset": d["dataset"], "model": m["name"], "seed": 0, "step": "embed", "wall_s": float(w), "cpu_s": float(w),
         "peak_rss_mb": 900.0, "peak_vram_mb": None, "cells_per_s": 10.0}
        for m in models for d, w in zip(datasets, rng.uniform(1, 100, n_datasets).round(2), strict=True)
    ]  # fmt: skip
    return {
        "schema": 1, "board": "made-up", "title": "A made-up board", "datasets": datasets, "models": models,
        "cells": cells, "overall": overall, "controls": [], "timings": timings, "pareto": [],
        "differences": _differences([row for row in overall if row["metric"] == "total"]),
        "provenance": {
            "versions": {"python": "3"}, "commits": ["none"], "seeds": [0], "cl_release": "none", "device": "cpu",
            "hardware": {"processor": "none", "cores": 1, "memory_gb": 1, "system": "none"},
        },
    }  # fmt: skip


def _model(number: int) -> Json:
    family = "foundation" if number % 2 else "baseline"
    return {
        "name": f"model-{number}", "title": f"Model {number}", "family": family, "description": "made up",
        "control": None, "uses_labels": False, "trains_on_target": number % 3 == 0, "fingerprint": "0" * 16,
    }  # fmt: skip


def _dataset(number: int) -> Json:
    types = {f"type {i}": {"cells": 100, "term": f"CL:{i:07d}"} for i in range(8)}
    return {
        "dataset": f"dataset_{number}", "state": "ok", "reason": "", "sources": {"data": "0" * 64},
        "card": {"title": f"Dataset {number}", "licence": "none", "tissue": _TISSUES[number % len(_TISSUES)]},
        "summary": {"n_cells": 800, "n_genes": 100, "batches": {"a": 400, "b": 400}, "types": types},
    }  # fmt: skip


def _score(value: float) -> Json:
    return {"state": "ok", "reason": "", "value": float(value), "low": float(value) - 0.01, "high": float(value) + 0.01}


def _overall(model: Json, metric: str, value: float, rank: int) -> Json:
    return {
        "model": model["name"], "metric": metric, "value": float(value), "low": float(value) - 0.01,
        "high": float(value) + 0.01, "interval": "cells", "rank_low": rank, "rank_high": rank, "tie_group": rank,
        "coverage": 1.0,
    }  # fmt: skip


def _differences(totals: list[Json]) -> list[Json]:
    return [
        {"model_a": a["model"], "model_b": b["model"], "metric": "total", "difference": a["value"] - b["value"],
         "low": a["value"] - b["value"] - 0.02, "high": a["value"] - b["value"] + 0.02, "wins": 0.5,
         "interval": "cells"}
        for a, b in combinations(totals, 2)
    ]  # fmt: skip


def browser_path() -> str:
    """Return the browser that is installed.

    Raises
    ------
    ScarenaError
        If none is.
    """
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        raise ScarenaError("no browser", where=", ".join(BROWSERS), fix="install Chromium (Debian: `chromium`)")
    return found


def time_page(n_models: int, n_datasets: int) -> list[list[str]]:
    """Return rows (what, measured): making the page, its size, opening it, the memory that the browser takes for it."""
    from playwright.sync_api import sync_playwright

    board = made_up_board(n_models, n_datasets)
    tell("making the page, and opening it")
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        page = render(board, Path(folder))
        made = time.monotonic() - start
        path = Path(folder) / "board.html"
        path.write_text(page, encoding="utf-8")
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=browser_path(), args=["--no-sandbox"])
            before = _memory_mb()
            tab = browser.new_page()
            start = time.monotonic()
            tab.goto(path.as_uri(), wait_until="load")
            tab.locator("#ranking tbody tr").first.wait_for()
            opened = time.monotonic() - start
            used = _memory_mb() - before
            browser.close()
    return [
        ["models × datasets", f"{n_models} × {n_datasets}"],
        ["making the page", f"{made:.1f} s"],
        ["size", f"{len(page.encode()) / 1e6:.2f} MB"],
        ["opening it", f"{opened:.2f} s"],
        ["memory of the tab", f"{used:.0f} MB"],
    ]


def _memory_mb() -> float:
    """Return the private memory of this process' children, without what they share."""
    children = psutil.Process().children(recursive=True)
    return sum(child.memory_full_info().uss for child in children) / 1e6
