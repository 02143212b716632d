"""`scarena bench step`: the CPU seconds of a step of a board, begun by itself and in a board, beside those of its work.

The step embeds sixty made-up cells with `random-64`, whose work is a draw of random numbers, and scores them. All else
is what any step costs: starting, importing, reading and writing files, and being watched.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import psutil

from scarena.base.files import read_json, write_json
from scarena.base.progress import tell
from scarena.bench.board import cpu_of_children
from scarena.datasets.prepared import write_prepared
from scarena.steps.config import BoardConfig
from scarena.steps.door import IN_BOARD, PLACE
from scarena.steps.keep_warm import kept_warm
from scarena.steps.record import hardware
from scarena.testing.cells import conformance_cells

COLUMNS = ["step", "begun", "CPU s, median", "lowest", "its own work"]
_MODEL = "random-64"
# A step that has ended is counted once the warm process has looked for it.
_SETTLED_S = 1.5


def _board(folder: Path) -> BoardConfig:
    """Return a board with one prepared dataset and its reference."""
    from scarena.datasets.ontology import CellOntology
    from scarena.steps.reference import reference_step
    from scarena.tasks.dataset_reference import UNINTEGRATED
    from scarena.tasks.ontology_reference import write_reference

    config = BoardConfig(board="step", datasets=["made-up"], models=[_MODEL], results=folder, cache=folder / "cache")
    place, data = config.folder / "made-up", conformance_cells()
    place.mkdir(parents=True)
    data.uns["card"], data.obsm[UNINTEGRATED] = "{}", data.X.toarray()[:, :20].astype("float32")
    write_prepared(data, place / "dataset.h5ad")
    write_json(place / "dataset.json", {"dataset": "made-up", "state": "ok", "reason": ""})
    write_json(folder / "config.json", config.model_dump(mode="json"))
    names = {"CL:0000000": "cell", "CL:0000255": "eukaryotic cell"}
    ontology = CellOntology("none", names, {"CL:0000000": (), "CL:0000255": ("CL:0000000",)}, {})
    write_reference(config.folder / "ontology.npz", ontology)
    reference_step(place / "dataset.json", config.folder / "ontology.npz", place / "reference.json", config)
    return config


def _commands(config: BoardConfig) -> dict[str, list[str]]:
    place = config.folder / "made-up"
    record, settings = place / _MODEL / "0" / "record.json", str(config.results / "config.json")
    embed = ["embed", _MODEL, str(place / "dataset.json"), "--out", str(record), "--settings", settings]
    score = ["score", str(record), str(place / "reference.json")]
    return {
        f"embed {_MODEL}": embed,
        f"score {_MODEL}": [*score, "--out", str(record.with_name("scores.json")), "--settings", settings],
    }


def _run(arguments: list[str], env: dict[str, str]) -> None:
    command = [sys.executable, "-m", "scarena.cli", *arguments]
    subprocess.run(command, env=env, check=True, stderr=subprocess.DEVNULL)


def _alone(arguments: list[str]) -> float:
    before = cpu_of_children()
    _run(arguments, {**{key: value for key, value in os.environ.items() if key != PLACE}, IN_BOARD: "1"})
    return cpu_of_children() - before


def _in_board(arguments: list[str], env: dict[str, str], warm: psutil.Process) -> float:
    """Return the CPU seconds of who asks and of the warm process with all that it was forked for."""
    before = cpu_of_children() + sum(warm.cpu_times()[:4])
    _run(arguments, env)
    time.sleep(_SETTLED_S)
    return cpu_of_children() + sum(warm.cpu_times()[:4]) - before


def time_steps(repeats: int) -> list[list[str]]:
    """Return rows by `COLUMNS`, each step having run once before, so that its kernels are compiled."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = _board(folder)
        commands, seconds = _commands(config), {}
        for step, arguments in commands.items():
            tell(f"timing {step}, begun by itself")
            _alone(arguments)
            seconds[step, "alone"] = [_alone(arguments) for _ in range(repeats)]
        with kept_warm(config, folder / "warm.log") as kept:
            env = {**os.environ, **kept.environment, IN_BOARD: "1"}
            warm = psutil.Process(kept.pid)
            for step, arguments in commands.items():
                tell(f"timing {step}, in a board")
                # The first ones make it import.
                for _ in range(2):
                    _in_board(arguments, env, warm)
                seconds[step, "in a board"] = [_in_board(arguments, env, warm) for _ in range(repeats)]
        work = _work(config)
    rows = [[*key, f"{median(found):.2f}", f"{min(found):.2f}", work[key[0]]] for key, found in seconds.items()]
    machine = hardware()
    return [*rows, ["machine", f"{machine['processor']}, {machine['cores']} cores", "", "", ""]]


def _work(config: BoardConfig) -> dict[str, str]:
    """Return what a step's own work takes: told by the step itself, or, of scores, done again in this process."""
    from scarena.models.embedding import join, read_embedding
    from scarena.tasks.cells import Cells
    from scarena.tasks.dataset_reference import read
    from scarena.tasks.registry import find_tasks
    from scarena.tasks.scoring import score_tasks

    run = config.folder / "made-up" / _MODEL / "0"
    record = read_json(run / "record.json")
    known = read(config.folder / "made-up" / "reference.npz")
    vectors = join(*read_embedding(run / "embedding.npz"), known.names, str(run))
    took = []
    for _ in range(2):
        before = time.process_time()
        score_tasks(find_tasks(config.tasks), Cells(vectors, known, 0, 1))
        took.append(time.process_time() - before)
    embedding = record["n_cells"] / record["cost"]["cells_per_s"]
    return {f"embed {_MODEL}": f"{embedding:.3f}", f"score {_MODEL}": f"{took[-1]:.2f}"}
