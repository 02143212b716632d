"""`scarena bench dag`: how long snakemake takes to plan a board of many models and datasets, with nothing made."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from scarena.base.errors import ScarenaError
from scarena.base.files import write_text
from scarena.base.progress import tell

_PLUG_IN = """
import numpy as np
from scarena.models.base import Model, ModelCard


def made_up(number):
    card = ModelCard(name=f"made-up-{number}", title="Made up", family="baseline", description="nothing")
    return type(f"MadeUp{number}", (Model,), {"card": card, "embed": lambda self, data, ctx: np.zeros((data.n_obs, 2))})


globals().update({f"MadeUp{number}": made_up(number) for number in range(N_MODELS)})
"""


def _write_models(folder: Path, n_models: int) -> list[str]:
    names = [f"made-up-{number}" for number in range(n_models)]
    points = [f"{name} = many_models:MadeUp{number}" for number, name in enumerate(names)]
    info = folder / "many_models-1.dist-info"
    write_text(folder / "many_models.py", f"N_MODELS = {n_models}\n{_PLUG_IN}")
    write_text(info / "METADATA", "Metadata-Version: 2.1\nName: many-models\nVersion: 1\n")
    write_text(info / "entry_points.txt", "\n".join(["[scarena.models]", *points, ""]))
    return names


def _write_cards(folder: Path, n_datasets: int) -> list[str]:
    names = [f"made_up_{number}" for number in range(n_datasets)]
    for name in names:
        card = {
            "name": name, "title": "Made up", "description": "nothing", "tissue": "blood",
            "labels": {"B": "CL:0000236", "T": "CL:0000084"}, "files": [{"key": "data", "url": "file:/none.h5ad"}],
            "reader": {"name": "h5ad", "options": {"batch": "batch", "label": "type"}},
        }  # fmt: skip
        write_text(folder / f"{name}.yaml", yaml.safe_dump(card))
    return names


def time_dag(n_models: int, n_datasets: int, n_seeds: int) -> list[list[str]]:
    """Return rows (what, measured) of a dry run.

    Raises
    ------
    ScarenaError
        If the plan fails, with its last line.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        board = {
            "board": "many", "models": _write_models(folder / "plug-in", n_models), "seeds": list(range(n_seeds)),
            "datasets": _write_cards(folder / "config" / "datasets", n_datasets),
        }  # fmt: skip
        write_text(folder / "board.yaml", yaml.safe_dump(board))
        command = [sys.executable, "-m", "scarena.cli", "run", "--config", "board.yaml", "--cores", "2", "--", "-n"]
        env = {**os.environ, "PYTHONPATH": str(folder / "plug-in")}
        tell("planning the board")
        start = time.monotonic()
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - start
    jobs = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("total ")]
    if done.returncode or not jobs:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ScarenaError(f"no plan ({last})", where="snakemake --dry-run", fix="run it with fewer models to see why")
    return [
        ["models × datasets × seeds", f"{n_models} × {n_datasets} × {n_seeds}"],
        ["jobs", f"{int(jobs[-1]):,}"],
        ["scarena run -- --dry-run", f"{seconds:.1f} s"],
    ]
