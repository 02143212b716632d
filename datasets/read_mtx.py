"""Readers for 10x Genomics output: the Matrix Market folder and the HDF5 file.

Options: ``batch``, ``label``, ``donor`` … as for tables; ``metadata: {file, sep, index}``, a table of cells; for
``mtx`` also the keys of the three files, ``matrix``, ``features`` and ``barcodes`` (the defaults), gzipped or not, and
``names: 0`` to take Ensembl ids (the first column of the features) instead of symbols (the second).
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csc_matrix, csr_matrix

from scarena.datasets.raw import Raw
from scarena.datasets.read_tables import OBS_KEYS, column, joined_metadata
from scarena.errors import DataError


def _lines(path: Path) -> list[str]:
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path, "rt") if zipped else path.open() as text:
            return [line.rstrip("\n") for line in text]
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read ({error})", where=str(path), fix="pull it again") from None


def _raw(
    counts: Any, names: list[str], genes: np.ndarray, files: Mapping[str, Path], options: Mapping[str, Any], where: str
) -> Raw:
    cells = pd.Index(names)
    metadata = joined_metadata(files, options, cells)
    obs = {key: column(options[key], cells, metadata, where) for key in OBS_KEYS if key in options}
    return Raw(csr_matrix(counts), pd.DataFrame(obs, index=cells), genes)


def read_mtx(files: Mapping[str, Path], options: Mapping[str, Any]) -> Raw:
    """Read matrix.mtx, features.tsv (or genes.tsv) and barcodes.tsv."""
    from scipy.io import mmread

    path = files[options.get("matrix", "matrix")]
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if zipped else path.open("rb") as stream:
            counts = csr_matrix(csr_matrix(mmread(stream)).T)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise DataError(f"no Matrix Market file ({error})", where=str(path), fix="pull it again") from None
    rows = [line.split("\t") for line in _lines(files[options.get("features", "features")])]
    which = options.get("names", 1)
    genes = np.array([row[min(which, len(row) - 1)] for row in rows])
    return _raw(counts, _lines(files[options.get("barcodes", "barcodes")]), genes, files, options, str(path))


def read_10x_h5(files: Mapping[str, Path], options: Mapping[str, Any]) -> Raw:
    """Read the gene expression of a Cell Ranger HDF5 file (version 3 or later), genes by Ensembl id."""
    import h5py

    from scarena.datasets.read_h5ad import refuse_links

    path = files[options.get("file", next(iter(files)))]
    refuse_links(path)
    try:
        with h5py.File(path, "r") as file:
            group = file["matrix"]
            parts = (group["data"][:], group["indices"][:], group["indptr"][:])
            counts = csc_matrix(parts, shape=tuple(group["shape"][:])).T.tocsr()
            names = [name.decode() for name in group["barcodes"][:]]
            genes = group["features"]["id"][:].astype(str)
            kinds = group["features"]["feature_type"][:].astype(str)
    except (KeyError, OSError, ValueError) as error:
        fix = "give the filtered_feature_bc_matrix.h5 of Cell Ranger 3 or later"
        raise DataError(f"no 10x HDF5 file ({error})", where=str(path), fix=fix) from None
    expression = np.flatnonzero(kinds == "Gene Expression")
    return _raw(counts[:, expression], names, genes[expression], files, options, str(path))
