"""What a user's file is, told by its content and not by its name: which reader it is for, or how to convert it."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scarena.base.errors import DataError
from scarena.base.folders import is_store
from scarena.base.untrusted import check_regular, reading

if TYPE_CHECKING:
    import pandas as pd

ANNOTATED = frozenset({"h5ad", "h5mu", "zarr"})
"""Readers of files that hold a table of cells beside the counts."""
_HDF5, _ZIP, _GZIP, _ZSTD = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04", b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_R = (b"RDX", b"RDA", b"X\n", b"A\n")
_LOOKED_AT = 4096
_WRITE = "write it as h5ad"


@dataclass(frozen=True, slots=True)
class Form:
    """A file, or a folder of files, with the reader that it is for."""

    reader: str
    words: str
    """What it is, for a line."""
    files: Mapping[str, Path]
    """By the key that a card gives each."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of the reader."""


def form_of(path: Path) -> Form:
    """Return what a file or folder is.

    Raises
    ------
    DataError
        If no reader takes it; the line says what it is and how to convert it.
    """
    return _folder(path) if path.is_dir() else _file(path)


def _unread(path: Path, what: str, fix: str) -> DataError:
    return DataError(what, where=str(path), fix=fix)


def _folder(path: Path) -> Form:
    if any((path / name).is_file() for name in ("zarr.json", ".zgroup")):
        if not is_store(path):
            raise _unread(path, "is a zarr store with another name", f"rename it to {path.name}.zarr")
        return Form("zarr", "zarr store of an AnnData", {"zarr": path})
    if is_store(path):
        return Form("zarr", "zarr store of an AnnData", {"zarr": path})
    matrix = _first(path, "matrix.mtx", "matrix.mtx.gz")
    if matrix is not None:
        return _mtx(matrix)
    held = ", ".join(sorted(each.name for each in path.iterdir())[:5]) or "nothing"
    fix = "give a file, a folder NAME.zarr, or Cell Ranger's folder with matrix.mtx, features.tsv and barcodes.tsv"
    raise _unread(path, f"is a folder with {held}", fix)


def _first(folder: Path, *names: str) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _mtx(matrix: Path) -> Form:
    """Return a Matrix Market file with the two tables beside it, whatever stands before their common names."""
    start = matrix.name.split("matrix.mtx")[0]
    named = {
        "features": [f"{start}{name}{zipped}" for name in ("features.tsv", "genes.tsv") for zipped in ("", ".gz")],
        "barcodes": [f"{start}barcodes.tsv{zipped}" for zipped in ("", ".gz")],
    }
    files = {"matrix": matrix}
    for key, names in named.items():
        found = _first(matrix.parent, *names)
        if found is None:
            raise _unread(matrix, f"has no {names[0]} beside it", f"put {' or '.join(names)} into the same folder")
        files[key] = found
    return Form("mtx", "10x Matrix Market folder", files)


def _file(path: Path) -> Form:
    check_regular(path, fix="give the path of a file, or of a zarr store")
    with path.open("rb") as file:
        start = file.read(_LOOKED_AT)
    if start.startswith(_HDF5):
        return _hdf5(path)
    if start.startswith(_ZIP):
        return _zip(path)
    if start.startswith(_ZSTD):
        raise _unread(path, "is packed with zstd", "unpack it: unzstd FILE")
    if start.startswith(b"PAR1"):
        raise _unread(path, "is a parquet table", f"{_WRITE}: counts in X, the table of cells in obs")
    return _text(path, start, _unpacked(path, start))


def _unpacked(path: Path, start: bytes) -> bytes:
    """Return how a file begins once unpacked."""
    openers: dict[bytes, Callable[..., Any]] = {_GZIP: gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}
    opener = openers.get(start[:2])
    if opener is None:
        return start
    with reading(path, fix="copy it again"), opener(path, "rb") as file:
        return bytes(file.read(_LOOKED_AT))


def _text(path: Path, start: bytes, text: bytes) -> Form:
    packed = text is not start
    if packed and text.startswith(_HDF5):
        raise _unread(path, "is a gzip of an HDF5 file", "unpack it: gunzip FILE")
    if packed and text[257:262] == b"ustar":
        raise _unread(path, "is a tar archive", "unpack it: tar -xf FILE, and give what is in it")
    if text.startswith(_R):
        return Form("rdata", "R file", {"r": path})
    if text.startswith(b"%%MatrixMarket"):
        return _mtx(path)
    try:
        line = text.decode("utf-8").splitlines()[0]
    except (UnicodeDecodeError, IndexError):
        line = ""
    sep = max("\t,;", key=line.count)
    if (line.count(sep) and line.isprintable()) or "\t" in line:
        kind = {"\t": "tsv", ",": "csv", ";": "csv with semicolons"}[sep]
        return Form("tables", f"{kind} table of counts", {"matrix": path}, {"matrix": "matrix", "sep": sep})
    fix = "give an h5ad, h5mu, loom, zarr store, 10x h5 or Matrix Market folder, csv, tsv or R file, or make it an h5ad"
    raise _unread(path, "is of no kind that is read" if start else "is empty", fix)


def _hdf5(path: Path) -> Form:
    import h5py

    from scarena.datasets.stores.hdf5 import check_hdf5

    check_hdf5(path, matrices=False)
    with reading(path, what="not a readable HDF5 file", fix="copy it again"), h5py.File(path, "r") as file:
        held = set(file)
        cell_ranger = isinstance(file.get("matrix"), h5py.Group)
        genomes = [
            key for key in held if isinstance(file[key], h5py.Group) and {"barcodes", "gene_names"} <= set(file[key])
        ]
    if "mod" in held:
        return Form("h5mu", "MuData (h5mu), of which the modality rna is read", {"h5mu": path})
    if {"row_attrs", "col_attrs"} <= held:
        return Form("loom", "loom file", {"loom": path})
    if cell_ranger:
        return Form("10x_h5", "10x HDF5 file of Cell Ranger", {"h5": path})
    if genomes:
        fix = f"{_WRITE}: scanpy.read_10x_h5(FILE).write_h5ad('NAME.h5ad')"
        raise _unread(path, "is a 10x HDF5 file of Cell Ranger before version 3", fix)
    if {"assays", "cell.names"} <= held:
        raise _unread(path, "is an h5Seurat file", f"{_WRITE}: in R, SeuratDisk::Convert(FILE, dest = 'h5ad')")
    # What is left is an AnnData, or for its reader to refuse.
    return Form("h5ad", "AnnData (h5ad)", {"h5ad": path})


def _zip(path: Path) -> Form:
    with reading(path, what="not a readable zip", fix="copy it again"), zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if any(name.rsplit("/", 1)[-1] in ("zarr.json", ".zgroup") for name in names):
        return Form("zarr", "zip of a zarr store", {"zarr": path})
    if any(name.endswith(".npy") for name in names):
        raise _unread(path, "is an npz of arrays", f"{_WRITE}: counts in X, the table of cells in obs")
    if any(name.startswith("xl/") for name in names):
        raise _unread(
            path, "is a spreadsheet, which turns genes into dates", "give the csv it was made from, or an h5ad"
        )
    raise _unread(path, "is a zip archive", "unpack it, and give what is in it")


def cells_of(form: Form, cells: Path | None = None) -> pd.DataFrame:
    """Return the table of cells of a file, by cell name; of one that has none, that in the file `cells`.

    Raises
    ------
    DataError
        If there is none, or it cannot be read.
    """
    from scarena.datasets.read_tables import read_table

    path = next(iter(form.files.values()))
    if cells is not None:
        return read_table(cells, sep_of(cells), str(cells))
    if form.reader == "h5ad":
        from scarena.datasets.read_h5ad import open_h5ad

        backed = open_h5ad(path, backed=True)
        backed.file.close()
        return backed.obs
    if form.reader == "h5mu":
        from scarena.datasets.read_h5ad import cells_of_modality

        with group_of(form) as group:
            return cells_of_modality(group.file, group, path)
    if form.reader == "zarr":
        from scarena.datasets.read_zarr import table

        with group_of(form) as group:
            return table(group, "obs", path)
    if form.reader == "loom":
        from scarena.datasets import read_loom

        return read_loom.cells_of(path)
    fix = "give the table with batch and cell type of each cell: `--cells TABLE.csv`"
    raise DataError(f"is a {form.words}, which has no columns of cells", where=str(path), fix=fix)


def stem_of(path: Path) -> str:
    """Return the name of a file or folder without the ends that say how it is packed and what it is."""
    name = path.name.removesuffix(".gz").removesuffix(".zip")
    return name.rsplit(".", 1)[0] if "." in name.strip(".") else name


def sep_of(path: Path) -> str:
    """Return what separates the fields of a table: the most frequent of tab, comma and semicolon in its head."""
    from scarena.datasets.read_tables import opened

    with reading(path, fix="give a table of text"), opened(path) as stream:
        line = stream.readline(1 << 20).decode("utf-8")
    return max("\t,;", key=line.count)


@contextmanager
def group_of(form: Form) -> Iterator[Any]:
    """Yield the group of the AnnData in an h5ad, h5mu or zarr store, open for reading."""
    path = next(iter(form.files.values()))
    if form.reader == "zarr":
        from scarena.datasets.stores.zarr_store import open_zarr, reading_zarr

        group = open_zarr(path)
        try:
            with reading_zarr(path):
                yield group
        finally:
            group.store.close()
        return
    import h5py

    from scarena.datasets.read_h5ad import RNA, modality_of

    with reading(path, fix="write it again with a current anndata"), h5py.File(path, "r") as file:
        yield modality_of(file, RNA, path) if form.reader == "h5mu" else file
