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

from scarena.base.untrusted import reading
from scarena.datasets.annotated import no_counts, place_of, raw_of
from scarena.datasets.raw import Raw
from scarena.datasets.stored import stored_matrix
from scarena.datasets.stores.hdf5 import check_hdf5

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
    stored = None if "depth" in options else stored_matrix(path, place_of(layer))
    data = _opened(path, backed=stored is not None)
    counts = _counts(data, layer, path) if stored is None else stored
    return raw_of(data.obs, counts, (data.raw if layer == "raw" else data).var_names, options, path)


def _counts(data: Any, layer: str | None, path: Path) -> Any:
    if layer == "raw":
        counts = None if data.raw is None else data.raw.X
    else:
        counts = data.X if layer is None else data.layers.get(layer)
    if counts is None:
        raise no_counts(layer, data.layers, path)
    return counts
