"""In the child process: running one model on one dataset."""

from __future__ import annotations

import logging
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from scarena.models.embedding import check_embedding, hand_over, join, read_embedding, write_embedding

if TYPE_CHECKING:
    from scarena.models.base import Model


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


def embed(spec: dict[str, Any]) -> dict[str, Any]:
    """Run the model a spec names on the dataset it names; write the embedding; return its size and speed."""
    from scarena.datasets.prepared import read_prepared
    from scarena.models.base import Context

    model = _class_of(spec)
    data = hand_over(read_prepared(Path(spec["dataset"])), model.card)
    names = data.obs_names.to_numpy()
    log = logging.getLogger(f"scarena.{spec['model']}")
    begun = join(*read_embedding(Path(spec["begun"])), names, spec["begun"]) if "begun" in spec else None
    context = Context(spec["seed"], spec["device"], Path(spec["cache"]), spec["threads"], log, begun)
    np.random.seed(spec["seed"])  # noqa: NPY002 - a third-party model may draw from the global generator
    start = time.monotonic()
    embedding = check_embedding(model().embed(data, context), len(names), spec["model"])
    seconds = time.monotonic() - start
    write_embedding(Path(spec["embedding"]), embedding, names)
    rate = round(len(names) / max(seconds, 1e-9), 2)
    size = {"dimension": embedding.shape[1], "n_cells": len(names)}
    done = {**size, "cells_per_s": rate, "peak_vram_mb": _vram_mb(spec["device"]), "notes": context.notes}
    if "requirements" in spec:
        from scarena.steps.record import versions_with

        done["versions"] = versions_with(spec["requirements"])
    return done
