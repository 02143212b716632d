"""The prepared dataset as a file; apart from what makes it, so that who only reads it needs anndata and no more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scarena.base.advice import made_again
from scarena.base.errors import DataError
from scarena.base.files import replacing
from scarena.base.untrusted import reading
from scarena.datasets.stored import is_stored, stored_matrix

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

_PARTS = ("obs", "var", "uns", "obsm")
_OF_CELLS = frozenset({"batch", "cell_type", "cell_type_id"})
_WHAT = "no readable prepared dataset"


def _fix(path: Path) -> str:
    return made_again(path, "dataset.h5ad", "dataset.json")


def write_prepared(data: AnnData, path: Path) -> None:
    """Write a prepared dataset as a whole or not at all; the file that its counts are stored in becomes part of it."""
    with replacing(path) as part:
        if is_stored(data.X):
            _complete(data, part)
        else:
            data.write_h5ad(part)


def _complete(data: AnnData, part: Path) -> None:
    import h5py
    from anndata.io import write_elem

    held = data.X.group.file
    name = held.filename
    held.close()
    Path(name).replace(part)
    with h5py.File(part, "r+") as file:
        for key in _PARTS:
            value = getattr(data, key)
            write_elem(file, key, value if key in ("obs", "var") else dict(value))


def read_prepared(path: Path) -> AnnData:
    """Read a prepared dataset; counts too large for memory stay on disk (`scarena.datasets.stored`).

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    import anndata

    from scarena.datasets.stores.hdf5 import check_hdf5

    with reading(path, what=_WHAT, fix=_fix(path)):
        check_hdf5(path)
        counts = stored_matrix(path)
        if counts is None:
            data = anndata.read_h5ad(path)
        else:
            held = counts.group.file
            data = anndata.AnnData(counts, **{key: anndata.io.read_elem(held[key]) for key in _PARTS})
    _check_cells(data.obs, path)
    if data.X is None or "symbol" not in data.var:
        raise DataError("no prepared dataset: lacks counts, or symbols of genes", where=str(path), fix=_fix(path))
    return data


def read_cells(path: Path) -> pd.DataFrame:
    """Read the cells of a prepared dataset, by name, without looking at their counts.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    import h5py
    from anndata.io import read_elem

    from scarena.datasets.stores.hdf5 import check_hdf5

    with reading(path, what=_WHAT, fix=_fix(path)):
        check_hdf5(path, matrices=False)
        with h5py.File(path, "r") as file:
            cells: pd.DataFrame = read_elem(file["obs"])
    _check_cells(cells, path)
    return cells


def _check_cells(cells: pd.DataFrame, path: Path) -> None:
    lacking = sorted(_OF_CELLS - set(cells))
    if lacking or not cells.index.is_unique:
        what = f"no prepared dataset: lacks {', '.join(lacking)}" if lacking else "the name of a cell stands twice"
        raise DataError(what, where=str(path), fix=_fix(path))
