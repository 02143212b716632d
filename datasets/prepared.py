"""The prepared dataset as a file; apart from what makes it, so that who only reads it needs anndata and no more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scarena.errors import DataError
from scarena.files import replacing

if TYPE_CHECKING:
    from anndata import AnnData


def write_prepared(data: AnnData, path: Path) -> None:
    """Write a prepared dataset as a whole or not at all."""
    with replacing(path) as part:
        data.write_h5ad(part)


def read_prepared(path: Path) -> AnnData:
    """Read a prepared dataset.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    import anndata

    try:
        return anndata.read_h5ad(path)
    except (OSError, KeyError, ValueError) as error:
        fix = "remove it with the dataset.json beside it and run again"
        raise DataError(f"no readable prepared dataset ({type(error).__name__})", where=str(path), fix=fix) from None
