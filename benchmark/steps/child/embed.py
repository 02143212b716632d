"""In the child process: running one model on one dataset, of cells, of genes, of a network or of perturbations."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from scarena.models.embedding import check_embedding, hand_over, join, read_embedding, write_embedding

if TYPE_CHECKING:
    from scarena.models.base import Context, Model


def _class_of(spec: dict[str, Any]) -> type[Model]:
    """Return the model of a spec: by name, or where it is imported from if its environment knows no entry points."""
    home = spec.get("home")
    if not home:
        from scarena.models.registry import find_model

        return find_model(spec["model"], {name: Path(folder) for name, folder in spec["checkpoints"].items()})
    found: Any = import_module(home["module"])
    for part in home["qualname"].split("."):
        found = getattr(found, part)
    return cast("type[Model]", found)


def _vram_mb(device: str) -> float | None:
    if not device.startswith("cuda"):
        return None
    import torch

    return round(torch.cuda.max_memory_allocated() / 2**20, 1)


@dataclass(frozen=True, slots=True)
class _Made:
    """What a model made: a row of numbers for each name."""

    rows: np.ndarray
    names: np.ndarray
    seconds: float


def _of_cells(model: type[Model], spec: dict[str, Any], context: Context) -> _Made:
    from scarena.datasets.prepared import read_prepared

    data = hand_over(read_prepared(Path(spec["dataset"])), model.card)
    names = data.obs_names.to_numpy()
    if "begun" in spec:
        begun = join(*read_embedding(Path(spec["begun"])), names, spec["begun"])
        context = replace(context, begun=begun)
    start = time.monotonic()
    rows = check_embedding(model().embed(data, context), len(names), spec["model"])
    return _Made(rows, names, time.monotonic() - start)


def _of_genes(model: type[Model], spec: dict[str, Any], context: Context) -> _Made:
    from scarena.datasets.gene_facts import FACTS
    from scarena.datasets.gene_truth import read_gene_truth
    from scarena.models.gene_table import checked_gene_vectors

    asked = read_gene_truth(Path(spec["dataset"])).genes[["symbol", *FACTS]]
    start = time.monotonic()
    table = model().gene_vectors(asked.copy(), context)
    seconds = time.monotonic() - start
    return _Made(*checked_gene_vectors(table, list(asked.index), spec["model"]), seconds)


def _of_network(model: type[Model], spec: dict[str, Any], context: Context) -> _Made:
    from scarena.datasets.network_truth import read_network_truth
    from scarena.datasets.prepared import read_prepared
    from scarena.models.network_table import checked_network

    truth = read_network_truth(Path(spec["dataset"]))
    data = hand_over(read_prepared(Path(spec["dataset"])), model.card)
    start = time.monotonic()
    table = model().network(data, list(truth.regulators), context)
    seconds = time.monotonic() - start
    matrix = checked_network(table, list(truth.regulators), list(truth.genes), spec["model"])
    return _Made(matrix, np.asarray(truth.regulators, dtype=np.str_), seconds)


def _of_response(model: type[Model], spec: dict[str, Any], context: Context) -> _Made:
    from scarena.datasets.response_truth import read_response_cells, read_response_truth
    from scarena.models.predictions import predictions
    from scarena.tasks.responses import row_names

    path = Path(spec["dataset"])
    truth, cells = read_response_truth(path), read_response_cells(path)
    start = time.monotonic()
    rows = predictions(model(), truth, cells, context, path)
    return _Made(rows, np.asarray(row_names(truth.splits), dtype=np.str_), time.monotonic() - start)


_KINDS: dict[str, Callable[[type[Model], dict[str, Any], Context], _Made]] = {
    "cells": _of_cells,
    "genes": _of_genes,
    "network": _of_network,
    "response": _of_response,
}


def embed(spec: dict[str, Any]) -> dict[str, Any]:
    """Run the model a spec names on the dataset it names; write what it makes; return its size and speed."""
    from scarena.models.base import Context

    model = _class_of(spec)
    log = logging.getLogger(f"scarena.{spec['model']}")
    context = Context(spec["seed"], spec["device"], Path(spec["cache"]), spec["threads"], log)
    np.random.seed(spec["seed"])  # noqa: NPY002 - a third-party model may draw from the global generator
    made = _KINDS[spec.get("kind", "cells")](model, spec, context)
    write_embedding(Path(spec["embedding"]), made.rows, made.names)
    rate = round(len(made.names) / max(made.seconds, 1e-9), 2)
    size = {"dimension": made.rows.shape[1], "n_cells": len(made.names)}
    done = {**size, "cells_per_s": rate, "peak_vram_mb": _vram_mb(spec["device"]), "notes": context.notes}
    if "requirements" in spec:
        from scarena.steps.record import versions_with

        done["versions"] = versions_with(spec["requirements"])
    return done
