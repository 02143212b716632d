"""Readers for h5ad files, and for one modality of an h5mu file (MuData).

Options: ``batch``, ``label``, ``donor``, ``tissue``, ``assay`` and targets (columns of obs; that of the target named
``layer`` is ``layer_column``), ``layer`` (where the counts are, X by default; ``raw`` for ``.raw.X``), ``genes``
(column of var with symbols or Ensembl ids; var's index by default), ``depth`` (column with each cell's total, where
the values are log1p of counts per 10,000, or per the option ``per``: the counts come back), ``proteins`` (``{column,
values, pattern}``: the features with one of these values in a column of var, never among the genes; `pattern`, with one
group, finds a protein's name in the feature's). For h5mu also ``modality`` (``rna`` by default).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from scarena.base.errors import DataError
from scarena.base.untrusted import reading
from scarena.datasets.annotated import no_counts, place_of, raw_of
from scarena.datasets.joining import joined
from scarena.datasets.raw import Raw
from scarena.datasets.stored import stored_matrix
from scarena.datasets.stores.hdf5 import check_hdf5

# What it refuses first of all.
refuse_links = check_hdf5
RNA = "rna"
"""Where MuData and muon keep gene expression."""


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
    import h5py

    path = next(iter(files.values()))
    check_hdf5(path)
    layer = options.get("layer")
    stored = None if "depth" in options else stored_matrix(path, place_of(layer))
    data = _opened(path, backed=stored is not None)
    counts = _counts(data, layer, path) if stored is None else stored
    with reading(path, fix="write it again with a current anndata"), h5py.File(path, "r") as file:
        return raw_of(data.obs, counts, (data.raw if layer == "raw" else data).var, options, path, file)


def _counts(data: Any, layer: str | None, path: Path) -> Any:
    if layer == "raw":
        counts = None if data.raw is None else data.raw.X
    else:
        counts = data.X if layer is None else data.layers.get(layer)
    if counts is None:
        raise no_counts(layer, data.layers, path)
    return counts


def read_h5mu(files: Mapping[str, Path], options: Mapping[str, Any]) -> Raw:
    """Read one modality of the one h5mu among `files`, with the columns of cells that MuData keeps for all."""
    import h5py

    path = next(iter(files.values()))
    check_hdf5(path)
    fix = "write it again with a current mudata"
    with reading(path, what="not a readable h5mu", fix=fix), h5py.File(path, "r") as file:
        group, layer = modality_of(file, options.get("modality", RNA), path), options.get("layer")
        key = place_of(layer)
        if key not in group:
            raise no_counts(layer, sorted(group.get("layers", {})), path)
        obs, var = cells_of_modality(file, group, path), _element(group, "raw/var" if layer == "raw" else "var")
        stored = None if "depth" in options else stored_matrix(path, f"{group.name}/{key}")
        counts = _element(group, key) if stored is None else stored
        return raw_of(obs, counts, var, options, path, group)


def modality_of(file: Any, name: str, path: Path) -> Any:
    """Return the group of one modality of an open h5mu.

    Raises
    ------
    DataError
        If there is none of this name.
    """
    known = sorted(file["mod"]) if "mod" in file else []
    if name not in known:
        fix = f"name the one with gene expression as `modality` on the card: {', '.join(known) or 'there is none'}"
        raise DataError(f"has no modality {name!r}", where=f"{path}: mod", fix=fix)
    return file["mod"][name]


def cells_of_modality(file: Any, group: Any, path: Path) -> pd.DataFrame:
    """Return the table of cells of a modality, with the columns that only the table of all cells has."""
    obs: pd.DataFrame = _element(group, "obs")
    whole = _element(file, "obs") if "obs" in file else pd.DataFrame(index=obs.index)
    more = [column for column in whole if column not in obs and str(column).split(":", 1)[-1] not in obs]
    if not more:
        return obs
    found, _ = joined(whole[more], obs.index.astype(str), f"{path}: obs")
    return obs.join(found.set_axis(obs.index))


def _element(group: Any, key: str) -> Any:
    from anndata.io import read_elem

    return read_elem(group[key])
