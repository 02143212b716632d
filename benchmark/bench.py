"""`scarena bench board`: how long a board takes from nothing, how much memory, and what a rerun costs.

Measured, never asserted: the numbers depend on the machine, which the table names.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from scarena.config import load_config
from scarena.files import read_json
from scarena.record import hardware


def _timed(command: list[str]) -> tuple[float, int]:
    start = time.monotonic()
    done = subprocess.run(command, capture_output=True, check=False, env=os.environ)
    return time.monotonic() - start, done.returncode


def time_board(config_file: Path, cores: int) -> list[list[str]]:
    """Return rows (what, measured): a board with an empty cache and no results, its rerun, and the help text.

    The board goes to a temporary folder, so that neither the user's results nor their cache are touched.
    """
    scarena = [sys.executable, "-m", "scarena.cli"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = load_config(config_file).model_copy(
            update={"results": folder / "results", "cache": folder / "cache"}
        )
        (folder / "board.yaml").write_text(yaml.safe_dump(settings.model_dump(mode="json")))
        command = [*scarena, "run", "--config", str(folder / "board.yaml"), "--cores", str(cores)]
        fresh, code = _timed(command)
        again, _ = _timed(command)
        board = read_json(settings.folder / "board.json")
    peak = max(row["peak_rss_mb"] for row in board["timings"]) / 1024
    machine = hardware()
    helps = min(_timed([*scarena, "--help"])[0] for _ in range(3))
    return [
        ["machine", f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GiB"],
        ["board from an empty cache", f"{fresh:.0f} s (exit code {code})"],
        ["largest step, peak resident memory", f"{peak:.2f} GiB"],
        ["all cores' steps at once, at most", f"{peak * cores:.2f} GiB"],
        ["rerun with nothing changed", f"{again:.1f} s"],
        ["scarena --help", f"{helps:.2f} s"],
    ]
