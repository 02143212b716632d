"""Readers for 10x Genomics output: the Matrix Market folder and the HDF5 file.

Options: ``batch``, ``label``, ``donor`` … as for tables; ``metadata: {file, sep, index}``, a table of cells; for
``mtx`` also the keys of the three files, ``matrix``, ``features`` and ``barcodes`` (the defaults), gzipped or not, and
``names: 0`` to take Ensembl ids (the first column of the features) instead of symbols (the second). For ``10x_h5`` also
``file``, where the card has others too, and ``logged: true``: the values are logarithms of each cell's counts times a
number of its own, and the counts come back.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import replace
from io import SEEK_END
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csc_matrix, csr_matrix

from scarena.base.errors import DataError
from scarena.base.untrusted import reading
from scarena.datasets.raw import OBS_KEYS, Raw
from scarena.datasets.read_tables import check_unpacked_text, column, joined_metadata, opened
from scarena.datasets.recover import delogged

# Cells, or genes, of one file: more than any experiment has.
_MOST_SIDE = 50_000_000
_FEATURES = ("id", "name", "feature_type")


def _lines(path: Path) -> list[str]:
    check_unpacked_text(path)
    with reading(path, fix="pull it again"), opened(path) as text:
        return [line.decode("utf-8").rstrip("\r\n") for line in text]


def _raw(
    counts: Any, names: list[str], genes: np.ndarray, features: pd.DataFrame, files: Mapping[str, Path],
    options: Mapping[str, Any], where: str,
) -> Raw:  # fmt: skip
    cells = pd.Index(names)
    metadata, notes = joined_metadata(files, options, cells)
    obs = {key: column(options[key], cells, metadata, where) for key in OBS_KEYS if key in options}
    return Raw(csr_matrix(counts), pd.DataFrame(obs, index=cells), genes, features, notes=notes)


def _check_size(stream: Any, path: Path) -> None:
    """Refuse a header that promises more than the file can hold; leave the stream at its start."""
    lines = (line for line in iter(stream.readline, b"") if not line.startswith(b"%"))
    *shape, values = map(int, next(lines).split())
    # A value takes at least six characters, "1 1 1" and the end of its line.
    size = stream.seek(0, SEEK_END) if not isinstance(stream, gzip.GzipFile) else 1032 * path.stat().st_size
    if 6 * values > size or max(shape) > _MOST_SIDE or min(shape) < 0:
        fix = "pull it again"
        raise DataError(f"promises {values:,} values of {shape} in {size:,} bytes", where=str(path), fix=fix)
    stream.seek(0)


def read_mtx(files: Mapping[str, Path], options: Mapping[str, Any]) -> Raw:
    """Read matrix.mtx, features.tsv (or genes.tsv) and barcodes.tsv."""
    from scipy.io import mmread

    path = files[options.get("matrix", "matrix")]
    check_unpacked_text(path)
    with reading(path, what="no Matrix Market file", fix="pull it again"), opened(path) as stream:
        _check_size(stream, path)
        counts = csr_matrix(csr_matrix(mmread(stream)).T)
    rows = [line.split("\t") for line in _lines(files[options.get("features", "features")])]
    which = options.get("names", 1)
    genes = np.array([row[min(which, len(row) - 1)] for row in rows])
    # Cell Ranger writes id, symbol and kind; before version 3 there was no kind, since all were genes.
    held = {name: [row[at] if at < len(row) else "" for row in rows] for at, name in enumerate(_FEATURES)}
    barcodes = [line.split("\t")[0] for line in _lines(files[options.get("barcodes", "barcodes")])]
    return _raw(counts, barcodes, genes, pd.DataFrame(held), files, options, str(path))


def read_10x_h5(files: Mapping[str, Path], options: Mapping[str, Any]) -> Raw:
    """Read a Cell Ranger HDF5 file (version 3 or later), genes by Ensembl id."""
    import h5py

    from scarena.datasets.read_h5ad import refuse_links

    path = files[options.get("file", next(iter(files)))]
    refuse_links(path)
    fix = "give the filtered_feature_bc_matrix.h5 of Cell Ranger 3 or later"
    with reading(path, what="no 10x HDF5 file", fix=fix), h5py.File(path, "r") as file:
        group = file["matrix"]
        parts = (group["data"][:], group["indices"][:], group["indptr"][:])
        counts = csc_matrix(parts, shape=tuple(group["shape"][:])).T.tocsr()
        names = [name.decode() for name in group["barcodes"][:]]
        given = group["features"]
        held = {name: given[name][:].astype(str) for name in ("id", "name", "feature_type") if name in given}
    features, said = pd.DataFrame(held), tuple[str, ...]()
    if options.get("logged"):
        counts, base = delogged(counts, str(path))
        said = (f"published as {base} of scaled counts, which were turned back: a cell's least value is one count",)
    raw = _raw(counts, names, held["id"].astype(object), features, files, options, str(path))
    return replace(raw, notes=(*raw.notes, *said))
