"""What the runs of a board measured, with the bootstrap replicates beside each scores.json.

Reads only; missing is never zero: a run without a value has no sample, a value without replicates has no interval.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from scarena.board.replicates import Sample, combine_seeds, generator, seed_draws
from scarena.board.uncertainty import Floats
from scarena.metrics.resampling import interval
from scarena.tasks.mistakes import Run

Json = dict[str, Any]
# metric -> [n_replicates]
Replicates = Mapping[str, Floats]
# dataset, model, metric -> the score over seeds
Samples = dict[tuple[str, str, str], Sample]


def run_of(cell: Json) -> Run:
    """Return whose scores a cell of a board, or a scores.json, has."""
    return cell["dataset"], cell["model"], cell["seed"]


def samples_of(cells: Iterable[Json], replicates: Mapping[Run, Replicates]) -> Samples:
    """Return every score that exists, over its seeds, by dataset, model and metric.

    Parameters
    ----------
    cells
        The board's cells, one a run.
    replicates
        Replicates by dataset, model and seed.
    """
    from scarena.metrics.resampling import N_REPLICATES

    found: dict[tuple[str, str, str], list[tuple[float, Floats | None]]] = defaultdict(list)
    for cell in sorted(cells, key=lambda cell: cell["seed"]):
        known = replicates.get(run_of(cell), {})
        for metric, score in cell["scores"].items():
            if score["state"] == "ok":
                key = cell["dataset"], cell["model"], metric
                found[key].append((score["value"], known.get(metric)))
    samples: Samples = {}
    for key in sorted(found):
        dataset, model, _ = key
        values, rows = zip(*found[key], strict=True)
        draws = seed_draws(len(values), N_REPLICATES, dataset, model)
        # The score step draws the cells of every dataset from one stream. Each dataset's replicates are put in an order
        # of its own, the same for all models: paired within a dataset, independent between two.
        order = generator(dataset).permutation(N_REPLICATES)
        whole = None if any(row is None for row in rows) else np.stack(rows)[:, order]
        samples[key] = combine_seeds(values, whole, draws)
    return samples


def applicable(cells: Iterable[Json]) -> dict[str, set[str]]:
    """Return, by metric, the datasets that count for it: some run has a value there, or all that were scored failed.

    Where no run has a value and one says "not applicable", the dataset cannot answer, whatever made another run fail.
    A run without scores says nothing about what its dataset can answer.
    """
    states: dict[tuple[str, str], set[str]] = defaultdict(set)
    for cell in cells:
        for metric, score in cell["scores"].items():
            states[metric, cell["dataset"]].add(score["state"])
    found: dict[str, set[str]] = defaultdict(set)
    for (metric, dataset), seen in states.items():
        if "ok" in seen or "not applicable" not in seen:
            found[metric].add(dataset)
    return dict(found)


def ends_of(sample: Sample, low: float, high: float) -> Json:
    """Return the interval of a score as the board writes it: low, high, and what was drawn again to get them."""
    from scarena.metrics.scores import DIGITS

    for kind, replicates in (("cells", sample.cells), ("seeds", sample.seeds)):
        if replicates is not None:
            ends = interval(sample.value, replicates, low, high)
            return {"low": round(ends[0], DIGITS), "high": round(ends[1], DIGITS), "interval": kind}
    return {"low": None, "high": None, "interval": None}


def per_dataset(samples: Samples) -> list[Json]:
    """Return score and interval of each dataset, model and metric with several seeds; with one, its cell has them."""
    from scarena.metrics.registry import METRICS

    rows = []
    for (dataset, model, metric), sample in sorted(samples.items(), key=lambda item: item[0]):
        if sample.seeds is not None:
            ends = ends_of(sample, METRICS[metric].low, METRICS[metric].high)
            rows.append({"dataset": dataset, "model": model, "metric": metric, "value": sample.value, **ends})
    return rows
