"""`scarena bench fm`: cells embedded a second by scArena-FM and by scGPT's path rebuilt at the same size, in one run.

From counts in CSR to vectors on both sides, the same cells, the same number of genes, layers, width, heads and
feed-forward width; random weights, which take as long as trained ones. What differs is the way and, where a row says
so, the precision. Each side is timed several times after a warm-up.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.base.errors import NotAvailable
from scarena.base.files import read_json, write_json
from scarena.base.progress import tell
from scarena.bench.fm_sides import (
    N_GENES,
    THEIRS,
    WARM_UP,
    Given,
    Side,
    generated,
    models,
    names,
    ours,
    read,
    theirs,
)
from scarena.bench.own_process import ended
from scarena.steps.record import hardware, versions

if TYPE_CHECKING:
    from scarena.models.foundation.embed import Precision
    from scarena.models.foundation.model import Sizes

PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
# Times as many cells as a transformer's: seconds, too, and so that a batch is a small part.
_OF_STUDENT = 16
_NEIGHBORS = 15


def measured(side: Side, given: Given, repeats: int) -> dict[str, Any]:
    """Return one row: seconds of all repeats, rates, and milliseconds a cell for making tokens and for the rest."""
    side.embed(given.first(WARM_UP))
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        side.embed(given)
        seconds.append(time.perf_counter() - start)
    start = time.perf_counter()
    side.tokenise(given)
    n_cells, best = given.data.n_obs, min(seconds)
    tokens_ms = 1e3 * (time.perf_counter() - start) / side.threads / n_cells
    return {
        "model": side.model, "what": side.what, "precision": side.precision, "n_cells": n_cells, "seconds": seconds,
        "cells_per_s": n_cells / best, "cells_per_s_median": n_cells / median(seconds), "tokenising_ms": tokens_ms,
        "encoder_ms": 1e3 * best / n_cells - tokens_ms,
    }  # fmt: skip


def with_ratios(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with how many times as fast each is as the rebuilt path of its model in single precision."""
    base = {row["model"]: row for row in rows if row["what"] == THEIRS and row["precision"] == "float32"}

    def times(row: dict[str, Any], rate: str) -> float | None:
        return row[rate] / base[row["model"]][rate] if row["model"] in base else None

    return [
        {**row, "ratio": times(row, "cells_per_s"), "ratio_median": times(row, "cells_per_s_median")} for row in rows
    ]


def deviation(size: str, exact: np.ndarray, rounded: np.ndarray) -> dict[str, Any]:
    """Return how far vectors in bfloat16 are from those in float32.

    ``relative_error``: the norm of the difference by that of the vectors about their mean. ``neighbours``: the share of
    each cell's 15 nearest that stay, in [0, 1]; of all others where there are fewer.
    """
    import torch

    from scarena.models.foundation.kernels.knn import nearest

    k = min(_NEIGHBORS, len(exact) - 1)
    before, after = (nearest(torch.from_numpy(z), k + 1)[1][:, 1:].tolist() for z in (exact, rounded))
    kept = [len(set(a) & set(b)) / k for a, b in zip(before, after, strict=True)]
    spread = np.linalg.norm(exact - exact.mean(axis=0))
    return {
        "model": size, "relative_error": float(np.linalg.norm(rounded - exact) / spread),
        "neighbours": float(np.mean(kept)),
    }  # fmt: skip


class Watched:
    """The most memory that this process holds within a `with` block, MiB, sampled every two milliseconds."""

    def __init__(self) -> None:
        import psutil

        self._process, self._ended = psutil.Process(), threading.Event()
        self.before = self.most = self._held()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _held(self) -> float:
        return self._process.memory_info().rss / 2**20

    def _watch(self) -> None:
        while not self._ended.wait(0.002):
            self.most = max(self.most, self._held())

    def __enter__(self) -> Watched:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.most = max(self.most, self._held())
        self._ended.set()
        self._thread.join()


def run_child(spec_file: Path) -> None:
    """Embed as many cells as a spec names with the student, and write by how much the process grew."""
    spec = read_json(spec_file)
    genes = names(N_GENES)
    data = generated(spec["n_cells"])
    student = ours("student", models()["student"], genes, "cpu", "float32")
    # Larger than any batch, so that what is made once is there before.
    student.embed(Given.of(generated(WARM_UP * _OF_STUDENT, seed=1), genes))
    given = Given(data, genes, (np.empty(0), np.empty(0), np.empty(0)))
    with Watched() as watched:
        z = student.embed(given)
    grown = watched.most - watched.before
    answer = {"n_cells": spec["n_cells"], "input_mib": data.X.data.nbytes * 2 / 2**20, "output_mib": z.nbytes / 2**20}
    write_json(Path(spec["answer"]), {**answer, "grown_mib": grown, "apart_mib": grown - z.nbytes / 2**20})


def memory(n_cells: int, threads: int) -> dict[str, Any]:
    """Return by how many MiB a process of its own grows when the student embeds cells: in all, and output apart.

    Raises
    ------
    NotAvailable
        If the process fails.
    """
    own = ended("scarena.bench.fm", {"n_cells": n_cells}, threads=threads)
    if own.outcome.state != "ok":
        what = (own.log.strip().splitlines() or [own.outcome.reason])[-1]
        raise NotAvailable(what, where="bench fm, memory", fix="give the process more memory or fewer cells")
    return own.answer


def time_fm(
    n_cells: int = 512, *, data: Path | None = None, device: str = "cpu", repeats: int = 3, seed: int = 0,
    sizes: dict[str, Sizes] | None = None, with_memory: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """Measure both sides and return rows, deviations, memory, hardware and versions.

    Parameters
    ----------
    n_cells
        Of the smaller transformer; the larger takes a quarter as many, the student sixteen times as many.
    data
        A prepared dataset to take the cells from; generated ones otherwise.
    device
        Where the encoders run.
    repeats
        Timed runs of each side after a warm-up.
    seed
        Of the cells.
    sizes
        In place of `models`.
    with_memory
        Whether to measure the student's memory too, with as many cells as it is timed with and a quarter of them.

    Returns
    -------
    dict
        ``rows``: ``model``, ``what``, ``precision``, ``n_cells``, ``seconds`` of each repeat, ``cells_per_s`` of the
        best and ``cells_per_s_median``, ``tokenising_ms`` and ``encoder_ms`` a cell, ``ratio`` and ``ratio_median`` to
        the rebuilt path in float32 (None for the student, which it has no like of). ``deviation``: see `deviation`.
        ``memory``: see `memory`.
    """
    import torch

    found: list[dict[str, Any]] = []
    deviations: list[dict[str, Any]] = []
    for size, chosen in (sizes or models()).items():
        wanted = _cells_of(chosen, n_cells)
        given = _given(data, wanted, seed)
        for side in _sides(size, chosen, given.genes, device):
            tell(f"timing {size} on {wanted:,} cells")
            found.append(measured(side, given, repeats))
            print(_line(found[-1]), file=sys.stderr)
        if chosen.kind == "transformer":
            exact, rounded = (
                ours(size, chosen, given.genes, device, precision).embed(given) for precision in PRECISIONS
            )
            deviations.append(deviation(size, exact, rounded))
    kept = {key: value for key, value in versions().items() if key in ("python", "numpy", "torch", "scarena")}
    kept["numba"] = version("numba")
    machine = {**hardware(), "gpu": torch.cuda.get_device_name() if torch.device(device).type == "cuda" else None}
    machine |= {"capability": torch.backends.cpu.get_cpu_capability(), "amx": torch.cpu._is_amx_tile_supported()}
    threads = torch.get_num_threads()
    of_student = _OF_STUDENT * n_cells
    grown = [memory(n, threads) for n in (of_student // 4, of_student)] if with_memory else []
    return {
        "rows": with_ratios(found), "deviation": deviations, "memory": grown, "threads": threads,
        "cells": "generated" if data is None else data.name, "hardware": machine, "versions": kept,
    }  # fmt: skip


def _cells_of(sizes: Sizes, n_cells: int) -> int:
    if sizes.kind == "bag":
        return _OF_STUDENT * n_cells
    return n_cells if sizes.width <= 128 else max(WARM_UP, n_cells // 4)


def _given(data: Path | None, n_cells: int, seed: int) -> Given:
    if data is None:
        return Given.of(generated(n_cells, seed), names(N_GENES))
    return Given.of(*read(data, n_cells, seed))


def _sides(size: str, sizes: Sizes, genes: list[str], device: str) -> Iterator[Side]:
    if sizes.kind == "bag":
        yield ours(size, sizes, genes, device, "float32")
        return
    yield theirs(size, sizes, genes, device, "float32")
    if device == "cpu":
        # Upstream does neither: they tell what is due to a setting or to the precision from what is not.
        yield theirs(size, sizes, genes, device, "float32", tuned=True)
        yield theirs(size, sizes, genes, device, "bfloat16")
    for precision in PRECISIONS:
        yield ours(size, sizes, genes, device, precision)


def _line(row: dict[str, Any]) -> str:
    return f"{row['model']}, {row['what']}, {row['precision']}: {row['cells_per_s']:,.1f} cells/s"


COLUMNS = ["model", "what", "precision", "cells", "cells/s", "median", "ratio", "tokens + encoder"]


def table(found: dict[str, Any]) -> list[list[str]]:
    """Return the table: a row a side."""
    return [
        [
            row["model"], row["what"], row["precision"], f"{row['n_cells']:,}", f"{row['cells_per_s']:,.0f}",
            f"{row['cells_per_s_median']:,.0f}", "" if row["ratio"] is None else f"{row['ratio']:.2f} ×",
            f"{row['tokenising_ms']:.3f} + {row['encoder_ms']:.3f} ms",
        ]
        for row in found["rows"]
    ]  # fmt: skip


def notes(found: dict[str, Any]) -> list[str]:
    """Return what else was measured, a line each."""
    rounded = [
        f"{each['model']}: bfloat16 is off by {each['relative_error']:.2%} of the vectors' spread and keeps"
        f" {each['neighbours']:.1%} of the nearest neighbours"
        for each in found["deviation"]
    ]
    grown = [
        f"student, {each['n_cells']:,} cells: grows by {each['apart_mib']:.0f} MiB and the output's"
        f" {each['output_mib']:.0f} MiB (input {each['input_mib']:.0f} MiB)"
        for each in found["memory"]
    ]
    return rounded + grown


if __name__ == "__main__":
    run_child(Path(sys.argv[1]))
