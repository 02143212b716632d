"""`scarena bench genes`: what the tasks on a gene's vector cost, by themselves and together, on some cores.

Everything is made up, at the sizes of real datasets: all sets of a collection, tissues, classes and pairs.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.base.files import read_json, write_json
from scarena.base.progress import tell
from scarena.bench.own_process import benched
from scarena.tasks.gene_task import GeneTask
from scarena.tasks.genes import Genes
from scarena.tasks.registry import catalogue

if TYPE_CHECKING:
    from scarena.datasets.gene_truth import GeneTruth

COLUMNS = ["task", "seconds", "of them on a core"]
_N_SETS, _N_STATED, _N_TISSUES, _N_PAIRS = 400, 490, 61, 290_000
_LATENT = 16


def made(n_genes: int) -> tuple[GeneTruth, GeneTruth, np.ndarray]:
    """Return a dataset of sets, tissues and pairs, one of a class, and the numbers ``[n_genes, 16]`` behind them."""
    import pandas as pd
    from scipy.sparse import csr_matrix, hstack

    from scarena.datasets.gene_facts import FACTS
    from scarena.datasets.gene_truth import MEMBER, STATED_OUT, GeneTruth

    rng = np.random.default_rng(0)
    family = rng.integers(0, n_genes * 2 // 5, n_genes)
    latent = rng.normal(size=(n_genes, _LATENT))
    genes = pd.DataFrame(rng.normal(size=(n_genes, len(FACTS))), columns=list(FACTS))
    genes.insert(0, "symbol", [f"G{i}" for i in range(n_genes)])
    genes.insert(1, "family", [f"F{i}" for i in family])
    columns = []
    for size in rng.integers(50, min(500, n_genes // 4), _N_SETS):
        score = latent @ rng.normal(size=_LATENT) + 4 * rng.normal(size=n_genes)
        columns.append(csr_matrix(score >= np.partition(score, -size)[-size]).T.astype(np.int8))
    profiles = np.maximum(latent @ rng.normal(size=(_LATENT, _N_TISSUES)), 0).astype(np.float32)
    pairs = rng.integers(0, n_genes, (_N_PAIRS, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    near = np.einsum("pd,pd->p", latent[pairs[:, 0]], latent[pairs[:, 1]]) + 4 * rng.normal(size=len(pairs))
    names = tuple(f"set {i}" for i in range(_N_SETS))
    tissues = tuple(f"tissue {i}" for i in range(_N_TISSUES))
    every = GeneTruth(
        genes, csr_matrix(hstack(columns)), names, profiles, tissues, np.column_stack([pairs, near > 0])
    )  # fmt: skip
    some = np.zeros((n_genes, 1), np.int8)
    some[:_N_STATED, 0] = np.where(latent[:_N_STATED, 0] > 0.5, MEMBER, STATED_OUT)
    return every, GeneTruth(genes, csr_matrix(some), ("class",), profiles[:, :0], (), np.zeros((0, 3), int)), latent


def run_child(spec_file: Path) -> None:
    """Time every task on the genes a spec names, and write the seconds to the file it names."""
    spec, seconds = read_json(spec_file), {}
    every, stated, latent = made(spec["n_genes"])
    noise = np.random.default_rng(1).normal(size=(len(latent), spec["dimensions"] - _LATENT))
    vectors = np.concatenate([2 * latent, noise], axis=1).astype(np.float32)
    run, of_class = (Genes(vectors, np.arange(len(latent)), truth, 0) for truth in (every, stated))
    for entry in catalogue():
        if isinstance(entry.task, GeneTask):
            asked = run if not entry.task.unanswerable(run.facts) else of_class
            start, begun = time.monotonic(), time.process_time()
            scores = entry.task.score(asked)
            headline = scores[entry.task.headline]
            seconds[entry.name] = {
                "seconds": time.monotonic() - start, "cpu_seconds": time.process_time() - begun,
                "state": headline.state, "value": headline.value,
            }  # fmt: skip
    write_json(Path(spec["answer"]), {"seconds": seconds})


def time_genes(n_genes: int, dimensions: int, threads: int) -> dict[str, Any]:
    """Return seconds of each task and peak GiB."""
    tell(f"timing tasks on {n_genes:,} genes x {dimensions}")
    spec = {"n_genes": n_genes, "dimensions": dimensions, "threads": threads}
    return benched("scarena.bench.genes", spec, threads=threads)


def rows(found: dict[str, Any]) -> list[list[str]]:
    """Return a row a task, one for all and one for memory."""
    run = found["run"]
    if run["state"] != "ok":
        return [["state", run["state"], ""], ["log", run["log"][-300:], ""]]
    columns = [[each[key] for each in run["seconds"].values()] for key in ("seconds", "cpu_seconds")]
    return [
        *([name, f"{wall:.1f}", f"{own:.1f}"] for name, wall, own in zip(run["seconds"], *columns, strict=True)),
        ["all", *(f"{sum(column):.1f}" for column in columns)],
        ["peak memory (GiB)", f"{run['peak_gib']:.2f}", ""],
    ]


if __name__ == "__main__":
    run_child(Path(sys.argv[1]))
