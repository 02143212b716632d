"""The prepared dataset as a file; apart from what makes it, so that who only reads it needs anndata and no more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scarena.datasets.stored import is_stored, stored_matrix
from scarena.errors import DataError
from scarena.files import replacing
from scarena.untrusted import reading

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

    from scarena.datasets.hdf5 import check_hdf5

    fix = "remove it with the dataset.json beside it and run again"
    with reading(path, what="no readable prepared dataset", fix=fix):
        check_hdf5(path)
        counts = stored_matrix(path)
        if counts is None:
            data = anndata.read_h5ad(path)
        else:
            held = counts.group.file
            data = anndata.AnnData(counts, **{key: anndata.io.read_elem(held[key]) for key in _PARTS})
    lacking = sorted({"batch", "cell_type", "cell_type_id"} - set(data.obs)) + sorted({"symbol"} - set(data.var))
    if lacking or data.X is None or not data.obs_names.is_unique:
        what = f"no prepared dataset: lacks {', '.join(lacking)}" if lacking else "no counts, or a name stands twice"
        raise DataError(what, where=str(path), fix=fix)
    return data
