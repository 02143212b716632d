"""What h5ad and zarr share: where an AnnData keeps counts, and the columns of obs that a card names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError
from scarena.datasets.raw import Raw
from scarena.datasets.recover import recovered
from scarena.datasets.stored import is_stored

OBS_KEYS = ("batch", "label", "donor", "tissue", "assay")


def place_of(layer: str | None) -> str:
    """Return where the counts of a layer lie in the file: X for None, ``.raw.X`` for ``raw``."""
    return {None: "X", "raw": "raw/X"}.get(layer, f"layers/{layer}")


def no_counts(layer: str | None, layers: Iterable[str], path: Path) -> DataError:
    """Return the error for a file without counts in the layer asked for."""
    if layer is None:
        return DataError("X is empty", where=f"{path}: X", fix="name the layer with the counts")
    if layer == "raw":
        return DataError("has no raw", where=f"{path}: layer", fix="name the layer with the counts")
    known = ", ".join(layers) or "none"
    return DataError(f"has no layer {layer!r}", where=f"{path}: layer", fix=f"layers: {known}")


def raw_of(obs: pd.DataFrame, counts: Any, genes: pd.Index, options: Mapping[str, Any], path: Path) -> Raw:
    """Return counts, in memory or on disk, with the columns of `obs` that the options name.

    Raises
    ------
    DataError
        If a column is missing, or counts cannot be had back from log1p of counts per 10,000 (``depth``).
    """
    held = {}
    for key in OBS_KEYS:
        if options.get(key) is not None:
            held[key] = _column(obs, options[key], f"{path}: {key}").astype(object)
    if "depth" in options:
        counts = recovered(csr_matrix(counts), _column(obs, options["depth"], f"{path}: depth"), str(path))
    found = pd.DataFrame(held, index=obs.index.astype(str))
    return Raw(counts if is_stored(counts) else csr_matrix(counts), found, genes.astype(str).to_numpy())


def _column(obs: pd.DataFrame, name: str, where: str) -> np.ndarray:
    if name not in obs:
        known = ", ".join(map(str, obs.columns))
        raise DataError(f"obs has no column {name!r}", where=where, fix=f"one of: {known}")
    return np.asarray(obs[name])
