"""Reader for AnnData zarr stores, of format 2 or 3: a folder ``NAME.zarr``, or one file, a zip of it.

Options are those of the reader `h5ad`: ``batch``, ``label``, ``donor``, ``tissue``, ``assay``, ``layer``,
``genes``, ``depth``, ``per``, ``proteins``. Of the store only obs, var and the one matrix are decoded.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from scarena.datasets.annotated import no_counts, place_of, raw_of
from scarena.datasets.raw import Raw
from scarena.datasets.stored import left_on_disk
from scarena.datasets.stores.zarr_files import refused
from scarena.datasets.stores.zarr_store import check_matrix, open_zarr, reading_zarr


def read(files: Mapping[str, Path], options: Mapping[str, Any]) -> Raw:
    """Read the one store among `files`."""
    path = next(iter(files.values()))
    group = open_zarr(path)
    layer, known = options.get("layer"), layers(group, path)
    obs, key = table(group, "obs", path), place_of(layer)
    with reading_zarr(path):
        held = key in group if layer in (None, "raw") else layer in known
    if not held:
        raise no_counts(layer, known, path)
    var = table(group, "raw/var" if layer == "raw" else "var", path)
    check_matrix(group, key, path)
    stored = None if "depth" in options else left_on_disk(group[key])
    counts = _decoded(group, key, path) if stored is None else stored
    with reading_zarr(path):
        found = raw_of(obs, counts, var, options, path, group)
    if stored is None:
        group.store.close()
    return found


def layers(group: Any, path: Path) -> list[str]:
    """Return the names of a store's layers, sorted."""
    import zarr

    with reading_zarr(path):
        held = group.get("layers")
        return sorted(held) if isinstance(held, zarr.Group) else []


def table(group: Any, key: str, path: Path) -> pd.DataFrame:
    """Return obs or var.

    Raises
    ------
    DataError
        If the store has none, or it cannot be decoded.
    """
    with reading_zarr(path):
        held = key in group
    if not held:
        raise refused("is not there, so this is no AnnData", path, key)
    found = _decoded(group, key, path)
    if not isinstance(found, pd.DataFrame):
        raise refused("is no table", path, key)
    return found


def _decoded(group: Any, key: str, path: Path) -> Any:
    from anndata.io import read_elem

    with reading_zarr(path):
        return read_elem(group[key])
