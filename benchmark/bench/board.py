"""`scarena bench`: what an install, a board from nothing and its rerun cost in seconds and memory.

Measured, never asserted: the numbers depend on the machine, which the table names.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import yaml

from scarena import ROOT
from scarena.base.files import read_json
from scarena.base.progress import tell
from scarena.steps.config import load_config
from scarena.steps.record import hardware
from scarena.steps.supervise import compiled_folder, tree_rss_mb

_EVERY_S = 0.25
# Logs of the processes beside the steps.
_NO_STEPS = ("warm.log", "snakemake.log")


def _timed(command: list[str]) -> tuple[float, float, int]:
    """Return wall seconds, peak GiB of all processes at once (sampled), and the exit code."""
    start, peak = time.monotonic(), 0.0
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ)
    root = psutil.Process(process.pid)
    while True:
        try:
            code = process.wait(_EVERY_S)
        except subprocess.TimeoutExpired:
            peak = max(peak, tree_rss_mb(root))
        else:
            return time.monotonic() - start, peak / 1024, code


def cpu_of_children() -> float:
    """Return the CPU seconds of all processes that this one began and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def time_board(config_file: Path, cores: int) -> list[list[str]]:
    """Return rows (what, measured): a board with an empty cache and no results, its rerun, and the help text.

    The board goes to a temporary folder, so that neither the user's results nor their cache are touched.
    """
    scarena = [sys.executable, "-m", "scarena.cli"]
    known = any(compiled_folder(Path(".cache")).rglob("*.nbc"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = load_config(config_file).model_copy(
            update={"results": folder / "results", "cache": folder / "cache"}
        )
        (folder / "board.yaml").write_text(yaml.safe_dump(settings.model_dump(mode="json")))
        command = [*scarena, "run", "--config", str(folder / "board.yaml"), "--cores", str(cores)]
        before = cpu_of_children()
        tell("making the board from an empty cache")
        fresh, peak, code = _timed(command)
        spent, compiled = cpu_of_children() - before, compiled_folder(settings.cache)
        tell("making it again with nothing changed")
        again, _, _ = _timed(command)
        board = read_json(settings.folder / "board.json")
        steps = sum(path.name not in _NO_STEPS for path in settings.folder.glob("logs/**/*.log"))
    largest = max(row["peak_rss_mb"] for row in board["timings"]) / 1024
    machine = hardware()
    helps = min(_timed([*scarena, "--help"])[0] for _ in range(3))
    return [
        ["machine", f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GiB"],
        ["board from an empty cache", f"{fresh:.0f} s (exit code {code})"],
        ["CPU seconds of all its processes", f"{spent:.0f} s, {steps} steps"],
        ["compiled kernels", f"{'kept' if known else 'compiled'} in {compiled}"],
        ["peak memory of all its processes together", f"{peak:.2f} GiB"],
        ["peak memory of the largest model run", f"{largest:.2f} GiB"],
        ["rerun with nothing changed", f"{again:.1f} s"],
        ["scarena --help", f"{helps:.2f} s"],
    ]


def time_install() -> list[list[str]]:
    """Return rows (what, measured) for an install as `make board` does it: a new environment, pip's cache off.

    The packages come from the index that pip is configured for, so the network is part of the figure.
    """
    with tempfile.TemporaryDirectory() as name:
        tell("making an environment, and installing into it")
        environment, _, _ = _timed([sys.executable, "-m", "venv", name])
        pip = [f"{name}/bin/python", "-m", "pip", "install", "--quiet", "--no-cache-dir"]
        seconds, _, code = _timed([*pip, "--constraint", str(ROOT / "constraints.txt"), "--editable", f"{ROOT}[dev]"])
        size = sum(path.stat().st_size for path in Path(name).rglob("*") if path.is_file()) / 2**30
    return [
        ["install into a new environment", f"{environment + seconds:.0f} s (exit code {code})"],
        ["size of the environment", f"{size:.1f} GiB"],
    ]
