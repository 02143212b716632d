"""`scarena bench scale`: a dataset of any size through every step of a board, with the time and memory of each.

The steps are those of the DAG, each in a process of its own under a board's limits; only the counts are made up. They
are as sparse as those of a droplet protocol and have types and batches to be found, so that no metric is undefined.
"""

from __future__ import annotations

import json
import math
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from scipy.sparse import csr_matrix

from scarena.base.files import write_text
from scarena.base.progress import tell
from scarena.datasets.stored import append_rows, write_matrix
from scarena.steps.config import BoardConfig, Limits
from scarena.steps.record import hardware, versions
from scarena.steps.sequence import Step, dataset_steps, run_steps

N_GENES, N_BATCHES = 20_000, 8
MODELS = ("hvg", "scarena-fm-student")
_MOLECULES, _BLOCK = 2000, 8192
_TYPES = {
    "B cell": "CL:0000236", "CD4 T cell": "CL:0000624", "CD8 T cell": "CL:0000625", "NK cell": "CL:0000623",
    "classical monocyte": "CL:0000860", "non-classical monocyte": "CL:0000875", "plasma cell": "CL:0000786",
    "plasmacytoid dendritic cell": "CL:0000784", "conventional dendritic cell": "CL:0000990",
    "megakaryocyte": "CL:0000556", "erythrocyte": "CL:0000232", "endothelial cell": "CL:0000115",
}  # fmt: skip


@njit(cache=True)
def _draw(uniform: np.ndarray, cumulated: np.ndarray, counts: np.ndarray) -> None:
    """Count where uniform numbers fall into a cumulated distribution."""
    for number in uniform:
        counts[np.searchsorted(cumulated, number)] += 1


@njit(cache=True)
def _block(
    seed: int, kinds: np.ndarray, cumulated: np.ndarray, depth: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return data, indices and starts of cells: each draws its depth in molecules from its kind's distribution."""
    np.random.seed(seed)  # noqa: NPY002 - the generator that compiled code has
    size = depth.sum()
    data, indices = np.empty(size, np.int32), np.empty(size, np.int32)
    starts, end = np.zeros(len(kinds) + 1, np.int64), 0
    counts = np.zeros(cumulated.shape[1], np.int32)
    for cell, kind in enumerate(kinds):
        _draw(np.random.random(depth[cell]), cumulated[kind], counts)  # noqa: NPY002
        for gene in np.flatnonzero(counts):
            data[end], indices[end] = counts[gene], gene
            end += 1
        counts[:] = 0
        starts[cell + 1] = end
    return data[:end], indices[:end], starts


def _profiles(rng: np.random.Generator) -> np.ndarray:
    """Return each type's cumulated shares of the genes in each batch, float64 [n_types · N_BATCHES, N_GENES]."""
    base = rng.lognormal(0, 2, N_GENES)
    types = rng.lognormal(0, 0.7, (len(_TYPES), 1, N_GENES)) * rng.lognormal(0, 0.2, (1, N_BATCHES, N_GENES))
    share = (base * types).reshape(-1, N_GENES)
    return np.cumsum(share / share.sum(axis=1, keepdims=True), axis=1)


def _cells(n_cells: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the type, batch and depth of each cell."""
    share = rng.dirichlet(np.full(len(_TYPES), 3.0))
    types, batches = rng.choice(len(_TYPES), n_cells, p=share), rng.integers(0, N_BATCHES, n_cells)
    return types, batches, rng.poisson(_MOLECULES * rng.lognormal(0, 0.4, n_cells)) + 1


def generate(path: Path, n_cells: int, genes: list[str], seed: int = 0) -> int:
    """Write `n_cells` made-up cells block by block, as an h5ad or where `path` ends so as a zarr store.

    Returns
    -------
    The number of values other than zero.
    """
    import pandas as pd
    from anndata.io import write_elem

    rng = np.random.default_rng(seed)
    cumulated = _profiles(rng)
    types, batches, depth = _cells(n_cells, rng)

    def parts() -> Iterator[csr_matrix]:
        for number, first in enumerate(range(0, n_cells, _BLOCK)):
            some = slice(first, min(first + _BLOCK, n_cells))
            kinds = types[some] * N_BATCHES + batches[some]
            data, indices, starts = _block(number + 1, kinds, cumulated, depth[some])
            yield csr_matrix((data, indices, starts), shape=(len(kinds), N_GENES))

    names = np.asarray(list(_TYPES))
    obs = {"type": pd.Categorical(names[types]), "batch": pd.Categorical([f"b{b}" for b in batches])}
    with _opened(path) as file:
        (_write_zarr if path.suffix == ".zarr" else write_matrix)(file, parts(), N_GENES)
        # anndata announces there what zarr stores will be like some day.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            write_elem(file, "obs", pd.DataFrame(obs, index=[f"cell{i}" for i in range(n_cells)]))
            write_elem(file, "var", pd.DataFrame(index=genes))
        return int(file["X/data"].shape[0])


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if path.suffix == ".zarr":
        import zarr

        yield zarr.open_group(path, mode="w", zarr_format=3)
        return
    import h5py

    with h5py.File(path, "w") as file:
        yield file


def _write_zarr(group: Any, parts: Iterator[csr_matrix], n_columns: int) -> None:
    """Write rows as `write_matrix` does, in chunks of as many values, packed as zarr packs by default."""
    group.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
    matrix = group.create_group("X")
    data, indices = (matrix.create_array(key, shape=0, chunks=1 << 18, dtype="i4") for key in ("data", "indices"))
    indptr = append_rows(data, indices, parts)
    matrix.create_array("indptr", data=indptr)
    shape = [len(indptr) - 1, n_columns]
    matrix.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": shape})


def _config(folder: Path, n_cells: int, limits: Limits, form: str) -> BoardConfig:
    import yaml

    name, file = f"made_up_{n_cells}", folder / f"{n_cells}.{form}"
    card = {
        "name": name, "title": f"{n_cells:,} made-up cells", "description": "counts drawn from made-up profiles",
        "tissue": "blood", "labels": dict(_TYPES), "files": [{"key": "data", "url": f"file:{file}"}],
        "reader": {"name": form, "options": {"batch": "batch", "label": "type"}},
    }  # fmt: skip
    write_text(folder / "cards" / f"{name}.yaml", yaml.safe_dump(card))
    return BoardConfig(
        board="scale", datasets=[name], models=list(MODELS), results=folder / "results", user_cards=folder / "cards",
        cache=Path(".cache").absolute(), limits=limits,
    )  # fmt: skip


def _steps(config: BoardConfig) -> Iterator[Step]:
    for dataset in config.datasets:
        yield from dataset_steps(dataset, config)
        for model in config.models:
            yield from run_steps(dataset, model, config.seeds_for(model)[0], config)


def measure(
    folder: Path, n_cells: int, genes: list[str], limits: Limits, form: str = "h5ad", last: str | None = None
) -> dict[str, Any]:
    """Generate a dataset, take it through all steps or up to the `last`; return the seconds and peak GiB of each."""
    tell(f"making {n_cells:,} cells")
    start = time.monotonic()
    n_values = generate(folder / f"{n_cells}.{form}", n_cells, genes)
    found: dict[str, Any] = {"generate": {"wall_s": time.monotonic() - start, "peak_gib": None, "state": "ok"}}
    for name, run in _steps(_config(folder, n_cells, limits, form)):
        tell(f"timing {name} on {n_cells:,} cells")
        start = time.monotonic()
        answer = run()
        cost = answer.get("cost") or {}
        peak = cost.get("peak_rss_mb")
        row: dict[str, Any] = {"wall_s": time.monotonic() - start, "state": answer["state"]}
        row |= {"peak_gib": peak and peak / 1024, "reason": answer.get("reason", "")}
        if "scores" in answer:
            states = [score["state"] for score in answer["scores"].values()]
            row["metrics"] = {state: states.count(state) for state in sorted(set(states))}
        found[name] = row
        print(json.dumps({"cells": n_cells, "step": name, **row}), file=sys.stderr, flush=True)
        if name == last:
            break
    return {"n_cells": n_cells, "n_values": n_values, "steps": found}


def time_scale(
    folder: Path, sizes: list[int], limits: Limits, form: str = "h5ad", last: str | None = None
) -> dict[str, Any]:
    """Measure every size, smallest first; datasets and results of one are deleted before the next.

    Parameters
    ----------
    form
        What the dataset is: ``h5ad`` or ``zarr``.
    last
        The step to stop after; None for all.
    """
    import shutil

    from scarena.datasets.genes import gene_table

    genes = sorted(gene_table(cache=Path(".cache")).id_to_symbol)[:N_GENES]
    runs = []
    for n_cells in sorted(sizes):
        place = folder / str(n_cells)
        place.mkdir(parents=True)
        runs.append(measure(place, n_cells, genes, limits, form, last))
        shutil.rmtree(place)
    kept = ("python", "numpy", "scipy", "anndata", "torch", "scarena")
    return {"runs": runs, "hardware": hardware(), "versions": {key: versions()[key] for key in kept}}


def exponent(runs: list[dict[str, Any]], step: str) -> float | None:
    """Return the slope of log seconds over log cells between the two largest sizes at which a step ended well."""
    ok = [run for run in runs if run["steps"].get(step, {}).get("state") == "ok"][-2:]
    if len(ok) < 2:
        return None
    seconds, cells = ([math.log(value) for value in values] for values in zip(
        *((run["steps"][step]["wall_s"], run["n_cells"]) for run in ok), strict=True
    ))  # fmt: skip
    return (seconds[1] - seconds[0]) / (cells[1] - cells[0])


def columns(found: dict[str, Any]) -> list[str]:
    """Return the head of the table."""
    return ["step", *(f"{run['n_cells']:,} cells" for run in found["runs"]), "exponent"]


def rows(found: dict[str, Any]) -> list[list[str]]:
    """Return the table: a row a step, with seconds and peak GiB at every size and the growth between the last two."""
    table = []
    for step in found["runs"][0]["steps"]:
        slope = exponent(found["runs"], step)
        row = [_cell(run["steps"].get(step)) for run in found["runs"]]
        table.append([step, *row, "" if slope is None else f"{slope:.2f}"])
    return table


def _cell(measured: dict[str, Any] | None) -> str:
    if not measured:
        return ""
    if measured["state"] != "ok":
        return str(measured["state"])
    peak = "" if measured["peak_gib"] is None else f", {measured['peak_gib']:.2f} GiB"
    return f"{measured['wall_s']:.1f} s{peak}"
