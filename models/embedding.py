"""Running a model and keeping what it returns: what it is handed, what is refused, and embedding.npz."""

from __future__ import annotations

import logging
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from scarena.errors import ModelError
from scarena.files import replacing
from scarena.untrusted import read_arrays

if TYPE_CHECKING:
    from anndata import AnnData

    from scarena.models.base import Model, ModelCard

_PUBLIC_OBS = ("batch", "donor", "tissue", "assay")


def hand_over(prepared: AnnData, card: ModelCard) -> AnnData:
    """Return the copy a model is given: counts, genes, batches; cell types only if its card says it uses them.

    Counts that lie on disk stay there where the card says that the model reads them so (read-only then).
    """
    from anndata import AnnData as New

    from scarena.datasets.stored import in_memory, is_stored

    columns = [c for c in _PUBLIC_OBS if c in prepared.obs]
    if card.uses_labels:
        columns += ["cell_type", "cell_type_id"]
    counts = prepared.X
    if not is_stored(counts):
        counts = counts.copy()
    elif not card.out_of_core:
        counts = in_memory(counts)
    return New(X=counts, obs=prepared.obs[columns].copy(), var=prepared.var[["symbol"]].copy())


def check_embedding(embedding: Any, n_cells: int, model: str) -> np.ndarray:
    """Return the embedding as float32 [n_cells, d], or say what is wrong with it.

    Raises
    ------
    ModelError
        If it has another shape, is not numeric, or holds NaN or infinities.
    """
    array = np.asarray(embedding)
    where, fix = f"model {model}", "return a finite float array [n_cells, d] in the order of obs_names"
    if array.ndim != 2 or array.shape[0] != n_cells or array.shape[1] < 1:
        raise ModelError(f"the embedding has shape {array.shape}, expected ({n_cells}, d)", where=where, fix=fix)
    if array.dtype.kind not in "fiu":
        raise ModelError(f"the embedding has dtype {array.dtype}", where=where, fix=fix)
    with np.errstate(over="ignore"):
        # What single precision cannot hold becomes infinite, which is refused below.
        array = array.astype(np.float32, copy=False)
    bad = int((~np.isfinite(array)).any(axis=1).sum())
    if bad:
        raise ModelError(f"{bad} of {n_cells} cells have NaN or infinite coordinates", where=where, fix=fix)
    return array


def write_embedding(path: Path, embedding: np.ndarray, obs_names: np.ndarray) -> None:
    """Write embedding.npz: float32 [n_cells, d] and the cell names, no pickle."""
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, embedding=embedding, obs_names=np.asarray(obs_names, dtype=np.str_))


def read_embedding(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read embedding.npz back as (embedding, obs_names).

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    file = read_arrays(path, "embedding", "obs_names", fix="remove the record beside it to embed again")
    return file["embedding"], file["obs_names"]


def _vram_mb(device: str) -> float | None:
    if not device.startswith("cuda"):
        return None
    import torch

    return round(torch.cuda.max_memory_allocated() / 2**20, 1)


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


def embed(spec: dict[str, Any]) -> dict[str, Any]:
    """Run the model a spec names on the dataset it names; write the embedding; return its size and speed."""
    from scarena.datasets.prepared import read_prepared
    from scarena.models.base import Context

    model = _class_of(spec)
    data = hand_over(read_prepared(Path(spec["dataset"])), model.card)
    names = data.obs_names.to_numpy()
    log = logging.getLogger(f"scarena.{spec['model']}")
    context = Context(spec["seed"], spec["device"], Path(spec["cache"]), spec["threads"], log)
    np.random.seed(spec["seed"])  # noqa: NPY002 - a third-party model may draw from the global generator
    start = time.monotonic()
    embedding = check_embedding(model().embed(data, context), len(names), spec["model"])
    seconds = time.monotonic() - start
    write_embedding(Path(spec["embedding"]), embedding, names)
    rate = round(len(names) / max(seconds, 1e-9), 2)
    size = {"dimension": embedding.shape[1], "n_cells": len(names)}
    done = {**size, "cells_per_s": rate, "peak_vram_mb": _vram_mb(spec["device"])}
    if "requirements" in spec:
        from scarena.record import versions_with

        done["versions"] = versions_with(spec["requirements"])
    return done
