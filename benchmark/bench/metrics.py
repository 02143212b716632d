"""`scarena bench metrics`: the same ten metrics from this package and from scib-metrics, in one run on one machine.

Each side runs in a process of its own, first one embedding and then another of the same shape, imports not counted: the
first shows what a board's process pays, the second what is left once everything is compiled.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from scarena.base.files import read_json, write_json
from scarena.base.progress import tell
from scarena.bench.own_process import ended
from scarena.steps.record import hardware, versions

TEN = (
    "isolated_labels", "kmeans_nmi", "kmeans_ari", "silhouette_label", "clisi",
    "bras", "ilisi", "kbet", "graph_connectivity", "pcr",
)  # fmt: skip
_THEIRS = {
    "isolated_labels": "isolated_labels", "kmeans_nmi": "nmi_ari_cluster_labels_kmeans_nmi",
    "kmeans_ari": "nmi_ari_cluster_labels_kmeans_ari", "silhouette_label": "silhouette_label", "clisi": "clisi_knn",
    "bras": "bras", "ilisi": "ilisi_knn", "kbet": "kbet_per_label", "graph_connectivity": "graph_connectivity",
    "pcr": "pcr_comparison",
}  # fmt: skip
_TIMEOUT_S = 4 * 3600
_LARGE = 50_000  # from here on compiling is a small part, and scib-metrics takes minutes an embedding


def cells(n_cells: int, dimensions: int, seed: int) -> dict[str, np.ndarray]:
    """Return an embedding with types of unequal size in four batches, and the components before integration.

    The types and batches are those of one dataset, whatever the seed.
    """
    dataset = np.random.default_rng(0)
    share = dataset.lognormal(0, 1, 20)
    labels, batch = dataset.choice(20, n_cells, p=share / share.sum()), dataset.integers(0, 4, n_cells)
    spread = 1 / np.sqrt(1 + np.arange(dimensions) / 5)
    centres, shifts = (dataset.normal(size=(n, dimensions)) * spread for n in (20, 4))
    noise = np.random.default_rng(seed + 1).normal(size=(n_cells, dimensions)) * spread
    types = 1.5 * centres[labels] + 0.7 * noise
    x, pre = types + 0.15 * shifts[batch], types + 0.8 * shifts[batch]
    return {"x": x.astype(np.float32), "pre": pre.astype(np.float32), "labels": labels, "batch": batch}


def _ours(data: dict[str, np.ndarray], spec: dict[str, Any]) -> dict[str, float | None]:
    from scarena.metrics import score_embedding
    from scarena.metrics.reference import DatasetReference

    found = score_embedding(
        data["x"], batch=data["batch"], labels=data["labels"], reference=DatasetReference(data["pre"]),
        metrics=spec["metrics"], n_jobs=spec["threads"], n_replicates=spec["replicates"],
    )  # fmt: skip
    return {key: score.value for key, score in found.items()}


def _theirs(data: dict[str, np.ndarray], spec: dict[str, Any]) -> dict[str, float | None]:
    import anndata
    import pandas as pd
    from scib_metrics.benchmark import BatchCorrection, Benchmarker, BioConservation

    obs = {"batch": pd.Categorical(data["batch"].astype(str)), "label": pd.Categorical(data["labels"].astype(str))}
    table = pd.DataFrame(obs, index=[f"c{number}" for number in range(len(data["x"]))])
    held = anndata.AnnData(data["pre"], obs=table, obsm={"x": data["x"], "pre": data["pre"]})
    bench = Benchmarker(
        held, "batch", "label", ["x"], BioConservation(nmi_ari_cluster_labels_leiden=False), BatchCorrection(),
        pre_integrated_embedding_obsm_key="pre", n_jobs=spec["threads"], progress_bar=False,
    )  # fmt: skip
    bench.prepare()
    bench.benchmark()
    row = bench.get_results(min_max_scale=False, clean_names=False).loc["x"]
    return {key: float(row[other]) for key, other in _THEIRS.items()}


def run_child(spec_file: Path) -> None:
    """Time the embeddings a spec names and write seconds and values to the file it names."""
    spec = read_json(spec_file)
    if spec["who"] == "scib-metrics":
        from scarena.metrics.neighbors import scib_library

        scib_library()
    else:
        pass
    score = _theirs if spec["who"] == "scib-metrics" else _ours
    seconds, values = [], {}
    for seed in range(spec["repeats"]):
        data = cells(spec["n_cells"], spec["dimensions"], seed)
        start = time.monotonic()
        values = score(data, spec)
        seconds.append(time.monotonic() - start)
    write_json(Path(spec["answer"]), {"seconds": seconds, "values": values})


def measure(who: str, n_cells: int, *, threads: int, repeats: int = 2, **more: Any) -> dict[str, Any]:
    """Return seconds of each embedding, peak GiB of the process and the last values; or why there are none."""
    tell(f"timing {who} on {n_cells:,} cells")
    spec = {"who": who, "n_cells": n_cells, "dimensions": 50, "threads": threads, "repeats": repeats}
    spec |= {"metrics": list(TEN), "replicates": 0, **more}
    # Both sides start from one cache of compiled code: ours is filled by a small run before.
    own = ended("scarena.bench.metrics", spec, threads=threads, timeout_s=_TIMEOUT_S)
    told = {"who": who, "n_cells": n_cells, "state": own.outcome.state}
    if own.outcome.state != "ok":
        return {**told, "log": own.log[-2000:]}
    return {**told, "peak_gib": own.peak_gib, **own.answer}


def time_metrics(sizes: list[int], threads: int, *, alone: int = 0) -> dict[str, Any]:
    """Measure both sides at every size, then this package alone at `alone` cells; return all that was measured."""
    measure("scarena", 1000, threads=threads, repeats=1)
    runs = []
    for n_cells in sizes:
        for who, more in (
            ("scib-metrics", {}), ("scarena", {}), ("scarena, intervals", {"replicates": 200}),
        ):  # fmt: skip
            runs.append(measure(who, n_cells, threads=threads, repeats=1 if n_cells >= _LARGE else 2, **more))
            print(json.dumps({key: runs[-1][key] for key in runs[-1] if key != "values"}), file=sys.stderr)
    if alone:
        runs.append(measure("scarena", alone, threads=threads, repeats=1))
    kept = ("python", "numpy", "scipy", "scib-metrics", "jax", "scikit-learn", "scarena")
    return {"runs": runs, "threads": threads, "hardware": hardware(), "versions": {k: versions()[k] for k in kept}}


def rows(found: dict[str, Any]) -> list[list[str]]:
    """Return the table: a row a run, with ratios to scib-metrics at the same size."""
    table = []
    theirs = {run["n_cells"]: run for run in found["runs"] if run["who"] == "scib-metrics" and run["state"] == "ok"}
    for run in found["runs"]:
        row = [f"{run['n_cells']:,}", run["who"]]
        if run["state"] != "ok":
            table.append([*row, run["state"], "", "", "", ""])
            continue
        seconds = run["seconds"]
        other = theirs.get(run["n_cells"])
        ratios = []
        if other and other is not run:
            ratios = [f"{b / a:.1f} ×" for a, b in zip(seconds, other["seconds"], strict=True)]
        ratios += [""] * (2 - len(ratios))
        row += [f"{seconds[0]:.1f}", f"{seconds[1]:.1f}" if len(seconds) > 1 else "", f"{run['peak_gib']:.2f}"]
        table.append([*row, *ratios])
    return table


COLUMNS = ["cells", "who", "first (s)", "next (s)", "peak (GiB)", "first, ratio", "next, ratio"]

if __name__ == "__main__":
    run_child(Path(sys.argv[1]))
