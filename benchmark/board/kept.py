"""board.npz: the replicates of what a board shows first, of all its runs in one small file.

Whoever has a board without its runs can compare with it beyond noise, and merge it with intervals. Replicates are kept
in float32, and of few metrics: all of them, in full, are what lies beside each run.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scarena.base.errors import DataError
from scarena.base.files import replacing
from scarena.base.untrusted import read_arrays, reading
from scarena.board.samples import Replicates, run_of
from scarena.tasks.mistakes import Run

Json = dict[str, Any]

SHOWN_FIRST = ("total", "bio", "batch", "onto_rwr", "lcad_all", "knn_macro_f1")
"""What is shown first of a board that asks for integration."""
_ARRAYS = ("runs", "metrics", "scores", "values")
_FIX = "make board.json and board.npz together, or take board.npz away: the board then counts without intervals"


def write_kept(path: Path, board: Json, replicates: Mapping[Run, Replicates]) -> None:
    """Write the replicates of the metrics shown first: one row a run and metric, in the order of the board.

    Parameters
    ----------
    path
        The file: ``runs`` [n], dataset/model/seed each, ``metrics`` [n], ``scores`` float64 [n] as on the board, and
        ``values`` float32 [n, n_replicates].
    board
        As in board.json.
    replicates
        By run; one without any has no row.
    """
    from scarena.metrics.resampling import N_REPLICATES

    kept = kept_metrics()
    rows = [
        (_name(cell), key, cell["scores"][key]["value"], found[key])
        for cell in board["cells"]
        for found in [replicates.get(run_of(cell), {})]
        for key in kept
        if key in found and cell["scores"].get(key, {}).get("value") is not None
    ]
    names, metrics, scores, values = zip(*rows, strict=True) if rows else ((), (), (), ())
    arrays: Json = {
        "runs": np.array(names, dtype=np.str_),
        "metrics": np.array(metrics, dtype=np.str_),
        "scores": np.array(scores, dtype=np.float64),
        "values": np.array(values, dtype=np.float32).reshape(len(rows), N_REPLICATES),
    }
    with replacing(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **arrays)


def read_kept(path: Path, board: Json) -> Mapping[Run, Replicates]:
    """Return the replicates that :func:`write_kept` wrote, by run and metric; none where there is no file.

    Raises
    ------
    DataError
        If the file is damaged, or of another board than `board`.
    """
    from scarena.metrics.resampling import N_REPLICATES

    if not path.exists():
        return {}
    with reading(path, what="not a file of a board's replicates", fix=_FIX):
        file = read_arrays(path, *_ARRAYS, fix=_FIX)
        values, scores = (np.asarray(file[key], dtype=np.float64) for key in ("values", "scores"))
        names, metrics = ([str(each) for each in file[key]] for key in ("runs", "metrics"))
    if not len(names) == len(metrics) == len(scores) or values.shape != (len(names), N_REPLICATES):
        raise DataError(f"shape {values.shape} is not {(len(names), N_REPLICATES)}", where=str(path), fix=_FIX)
    if not np.isfinite(values).all():
        raise DataError("a replicate is no number", where=str(path), fix=_FIX)
    cells = {_name(cell): cell for cell in board["cells"]}
    found: dict[Run, dict[str, NDArray[np.float64]]] = {}
    for name, metric, score, row in zip(names, metrics, scores.tolist(), values, strict=True):
        cell = cells.get(name)
        if cell is None or cell["scores"].get(metric, {}).get("value") != score:
            raise DataError(f"not of this board: {metric} of {name} differs", where=str(path), fix=_FIX)
        found.setdefault(run_of(cell), {})[metric] = row
    return found


def kept_metrics() -> tuple[str, ...]:
    """Return the metrics of which replicates are kept: those shown first, and the headline of each task."""
    from scarena.tasks.registry import catalogue

    asked = [entry.task.headline for entry in catalogue() if entry.task is not None]
    return tuple(dict.fromkeys([*SHOWN_FIRST, *asked]))


def _name(cell: Json) -> str:
    return "/".join(map(str, run_of(cell)))
