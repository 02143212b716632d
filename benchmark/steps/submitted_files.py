"""Reading what was submitted, from .npz, .csv, .parquet or .h5ad, no pickle: vectors by name, or a table of genes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from scarena.base.errors import DataError
from scarena.base.untrusted import check_names, check_regular, check_unpacked, read_arrays, reading

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 3
Of = Literal["cell", "gene"]
"""What has a vector."""
_ARRAYS: dict[Of, tuple[str, str]] = {"cell": ("embedding", "obs_names"), "gene": ("vectors", "genes")}
_HEADER, _COLUMNS = 1 << 20, 20_000


def read_vectors(file: Path, key: str | None = None, of: Of = "cell") -> tuple[np.ndarray, np.ndarray]:
    """Return vectors [n, d] and the names of the cells or genes [n].

    Parameters
    ----------
    file
        .npz with ``embedding`` and ``obs_names``, of genes ``vectors`` and ``genes``; .csv or .parquet with names in
        the first column (or the index) and one column a dimension; .h5ad with the vectors in ``obsm``.
    key
        Entry of ``obsm``, needed where there are several.
    of
        What has a vector.

    Raises
    ------
    DataError
        If the file is missing, of another kind, damaged, or holds anything but numbers.
    """
    _check_kind(file, "give the file with the vectors", file.suffix)
    with reading(file, fix="write it again"):
        if file.suffix == ".npz":
            vectors, names = _npz(file, of)
        elif file.suffix == ".h5ad":
            vectors, names = _obsm(file, key)
        else:
            table = _KINDS[file.suffix](file)
            vectors, names = table.to_numpy(), table.index.to_numpy(dtype=str)
    if vectors.dtype.kind not in "fiu":
        fix = "leave one column of names and only numbers beside it"
        raise DataError(f"holds values that are no numbers ({vectors.dtype})", where=str(file), fix=fix)
    if vectors.ndim != 2 or len(vectors) != len(names):
        what = f"vectors of shape {vectors.shape} for {len(names)} names"
        raise DataError(what, where=str(file), fix=f"give one row a {of}")
    return vectors, names


def read_table(file: Path, suffix: str = "") -> pd.DataFrame:
    """Return numbers with a name a row and the name of a gene a column.

    Parameters
    ----------
    file
        .npz with ``predictions`` [rows, genes], ``profiles`` and ``genes``, or as ivcbench deposits them; .csv or
        .parquet with names in the first column (or the index); .h5ad with the numbers in ``X``.
    suffix
        Of the file's name, where it has lost it.

    Raises
    ------
    DataError
        If the file is missing, of another kind, damaged, or holds anything but numbers.
    """
    import pandas as pd

    kind = suffix or file.suffix
    _check_kind(file, "give the file with the predictions", kind)
    with reading(file, fix="write it again"):
        table = pd.DataFrame(*_predictions(file)) if kind == ".npz" else _KINDS[kind](file)
    if bad := [str(name) for name, kind in table.dtypes.items() if getattr(kind, "kind", "O") not in "fiu"]:
        fix = "leave one column of names and only numbers beside it"
        raise DataError(f"the column {bad[0]!r} holds no numbers", where=str(file), fix=fix)
    return table


def _predictions(file: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return predictions, the names of their rows and those of their columns."""
    held = read_arrays(file, objects=True)
    if {"pred_means", "strata"} <= set(held):
        # ivcbench writes a row's group as ``perturbation=NAME``.
        names = np.array([str(name).removeprefix("perturbation=") for name in held["strata"]])
        return held["pred_means"], names, held["genes"].astype(str)
    if lacking := [name for name in ("predictions", "profiles", "genes") if name not in held]:
        raise DataError(f"lacks {', '.join(lacking)}", where=str(file), fix="write it again")
    return held["predictions"], held["profiles"].astype(str), held["genes"].astype(str)


def _check_kind(file: Path, fix: str, kind: str) -> None:
    kinds = (".npz", *_KINDS)
    if kind not in kinds:
        raise DataError(f"unknown kind of file {kind!r}", where=str(file), fix=f"one of: {', '.join(kinds)}")
    check_regular(file, fix=fix)


def _npz(file: Path, of: Of) -> tuple[np.ndarray, np.ndarray]:
    vectors, names = _ARRAYS[of]
    held = read_arrays(file, vectors, names)
    return held[vectors], held[names].astype(str)


def _csv(file: Path) -> pd.DataFrame:
    import pandas as pd

    with file.open("rb") as text:
        header = text.readline(_HEADER)
    # Pandas takes minutes for a table of as many columns as a row of another shape has.
    if len(header) == _HEADER or header.count(b",") > _COLUMNS:
        raise DataError(f"a row of more than {_COLUMNS:,} columns", where=str(file), fix="give one row a name")
    names = pd.read_csv(file, usecols=[0], dtype=str, keep_default_na=False).iloc[:, 0]
    table = pd.read_csv(file).iloc[:, 1:]
    return table.set_axis(names.to_numpy(dtype=str), axis=0)


def _parquet(file: Path) -> pd.DataFrame:
    import pandas as pd
    import pyarrow.parquet as pq

    # A column of zeros takes no room on disk, whatever number of rows a file says it has.
    said = pq.read_metadata(file)
    check_unpacked(8 * said.num_rows * said.num_columns, file.stat().st_size, str(file))
    table = pd.read_parquet(file)
    if table.index.dtype.kind in "iu" and len(table.columns):
        table = table.set_index(table.columns[0])
    return table.set_axis(table.index.astype(str).to_numpy(dtype=str), axis=0)


def _matrix(file: Path) -> pd.DataFrame:
    from scarena.datasets.read_h5ad import open_h5ad

    table: pd.DataFrame = open_h5ad(file).to_df()
    return table


_KINDS = {".csv": _csv, ".parquet": _parquet, ".h5ad": _matrix}


def _obsm(file: Path, key: str | None) -> tuple[np.ndarray, np.ndarray]:
    from scarena.datasets.read_h5ad import open_h5ad

    data = open_h5ad(file, backed=True)
    try:
        known = sorted(data.obsm.keys())
        if key is None and len(known) != 1:
            raise KeyError(f"obsm has {', '.join(known) or 'nothing'}: say which with --key")
        vectors: Any = data.obsm[known[0] if key is None else key]
        return np.asarray(vectors), data.obs_names.to_numpy(dtype=str)
    finally:
        data.file.close()


def rows_of(names: np.ndarray, wanted: np.ndarray, where: str, of: str = "cell") -> np.ndarray:
    """Return the row of each wanted cell, or of whatever `of` says has rows.

    Raises
    ------
    DataError
        If a name stands twice, a cell has no vector, or a vector no cell; with counts and examples. If a name has
        control characters.
    """
    check_names(names.tolist(), where)
    values, counts = np.unique(names, return_counts=True)
    wrong = {
        "occur twice": values[counts > 1],
        "have no vector": np.setdiff1d(wanted, values),
        "are not in the dataset": np.setdiff1d(values, wanted),
    }
    told = [f"{len(each)} names {what} ({', '.join(each[:_SHOWN])})" for what, each in wrong.items() if len(each)]
    if told:
        fix = f"give one vector for each of the dataset's {len(wanted)} {of}s, under its name"
        raise DataError("; ".join(told), where=where, fix=fix)
    row_of = {name: row for row, name in enumerate(names.tolist())}
    return np.array([row_of[name] for name in wanted.tolist()], dtype=np.int64)
