"""The prepared dataset as a file; apart from what makes it, so that who only reads it needs anndata and no more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scarena.datasets.stored import is_stored, stored_matrix
from scarena.errors import DataError
from scarena.files import replacing

if TYPE_CHECKING:
    from anndata import AnnData

_PARTS = ("obs", "var", "uns", "obsm")


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
        file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
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

    try:
        counts = stored_matrix(path)
        if counts is None:
            return anndata.read_h5ad(path)
        return anndata.AnnData(counts, **{key: anndata.io.read_elem(counts.group.file[key]) for key in _PARTS})
    except (OSError, KeyError, ValueError) as error:
        fix = "remove it with the dataset.json beside it and run again"
        raise DataError(f"no readable prepared dataset ({type(error).__name__})", where=str(path), fix=fix) from None
