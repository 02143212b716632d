"""Reader for h5ad files.

Options: ``batch``, ``label``, ``donor``, ``tissue``, ``assay`` (columns of obs), ``layer`` (where the counts are, X by
default; ``raw`` for ``.raw.X``), ``depth`` (column with each cell's total, where the values are log1p of counts per
10,000: the counts come back).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from scarena.datasets.hdf5 import check_hdf5
from scarena.datasets.raw import Raw
from scarena.datasets.recover import recovered
from scarena.datasets.stored import stored_matrix
from scarena.errors import DataError
from scarena.untrusted import reading

OBS_KEYS = ("batch", "label", "donor", "tissue", "assay")


# What it refuses first of all.
refuse_links = check_hdf5


def open_h5ad(path: Path, *, backed: bool = False) -> Any:
    """Return the file as AnnData, its matrix left on disk where `backed`.

    Raises
    ------
    DataError
        If it is not an h5ad, a damaged one, or one that `check_hdf5` refuses.
    """
    check_hdf5(path)
    return _opened(path, backed=backed)


def _opened(path: Path, *, backed: bool) -> Any:
    import anndata

    fix = "write it again with a current anndata"
    with reading(path, what="not a readable h5ad", fix=fix), warnings.catch_warnings():
        # Names that occur twice are refused later, in one line.
        warnings.filterwarnings("ignore", message=".*names are not unique", category=UserWarning)
        return anndata.read_h5ad(path, backed="r" if backed else None)


def read(files: Mapping[str, Path], options: Mapping[str, Any]) -> Raw:
    """Read the one h5ad among `files`."""
    path = next(iter(files.values()))
    check_hdf5(path)
    layer = options.get("layer")
    stored = None if "depth" in options else stored_matrix(path, _place(layer))
    data = _opened(path, backed=stored is not None)
    obs = {}
    for key in OBS_KEYS:
        if options.get(key) is not None:
            obs[key] = _column(data, options[key], f"{path}: {key}").astype(object)
    index = data.obs_names.astype(str)
    if stored is not None:
        genes = (data.raw if layer == "raw" else data).var_names.astype(str).to_numpy()
        return Raw(stored, pd.DataFrame(obs, index=index), genes)
    counts, genes = _counts(data, layer, path)
    if "depth" in options:
        counts = recovered(csr_matrix(counts), _column(data, options["depth"], f"{path}: depth"), str(path))
    return Raw(csr_matrix(counts), pd.DataFrame(obs, index=index), genes)


def _place(layer: str | None) -> str:
    return {None: "X", "raw": "raw/X"}.get(layer, f"layers/{layer}")


def _column(data: Any, name: str, where: str) -> np.ndarray:
    if name not in data.obs:
        known = ", ".join(map(str, data.obs.columns))
        raise DataError(f"obs has no column {name!r}", where=where, fix=f"one of: {known}")
    return np.asarray(data.obs[name])


def _counts(data: Any, layer: str | None, path: Path) -> tuple[Any, np.ndarray]:
    if layer == "raw":
        if data.raw is None:
            raise DataError("has no raw", where=f"{path}: layer", fix="name the layer with the counts")
        return data.raw.X, data.raw.var_names.astype(str).to_numpy()
    if layer is not None and layer not in data.layers:
        known = ", ".join(data.layers) or "none"
        raise DataError(f"has no layer {layer!r}", where=f"{path}: layer", fix=f"layers: {known}")
    counts = data.X if layer is None else data.layers[layer]
    if counts is None:
        raise DataError("X is empty", where=f"{path}: X", fix="name the layer with the counts")
    return counts, data.var_names.astype(str).to_numpy()
