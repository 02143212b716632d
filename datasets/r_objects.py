"""What R saves, opened through the package rdata: its objects, the way to a part of one, and its matrices as CSR."""

from __future__ import annotations

import bz2
import gzip
import lzma
import warnings
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix, csc_matrix, csr_matrix

from scarena.errors import DataError

_DAMAGED = (
    *(OSError, EOFError, zlib.error, lzma.LZMAError),
    *(ValueError, AssertionError, LookupError, TypeError),
)


def load(path: Path) -> Any:
    """Read an R file whole.

    Raises
    ------
    DataError
        If it is damaged, or holds a kind of R object that rdata does not know.
    """
    import rdata

    with path.open("rb") as file:
        saved = file.read(6)
    try:
        with warnings.catch_warnings():
            # rdata names every class it has no converter for; what is needed of them is reached by slot.
            warnings.filterwarnings("ignore", "Missing constructor for R class")
            # A saved workspace and a single object differ in what they hold, not in how they are packed.
            return rdata.read_rds(path) if _is_rds(path, saved) else rdata.read_rda(path)
    except NotImplementedError as error:
        # It says the same of an R object it does not know and of a web page.
        other = "Unknown file format" in str(error)
        fix = "pull it again" if other else "use the reader `r` on the card"
        raise DataError(f"rdata cannot read it ({error})", where=str(path), fix=fix) from None
    except _DAMAGED as error:
        what = f"not a readable R file ({type(error).__name__}: {' '.join(str(error).split())[:100]})"
        raise DataError(what, where=str(path), fix="pull it again") from None


def _is_rds(path: Path, start: bytes) -> bool:
    openers: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}
    opener = openers.get(start[:2])
    if opener is None:
        return not start.startswith(b"RD")
    with opener(path) as file:
        return not file.read(3).startswith(b"RD")


def walk(value: Any, steps: Sequence[str], where: str) -> Any:
    """Follow names of objects, list entries and slots from `value`."""
    for step in steps:
        inner = value if isinstance(value, Mapping | pd.DataFrame) else getattr(value, "__dict__", {})
        if step not in inner:
            fix = f"there are: {', '.join(map(str, inner))}"
            raise DataError(f"no {step!r} on the way {' / '.join(steps)}", where=where, fix=fix)
        value = inner[step]
    return value


def _names(value: Any) -> np.ndarray | None:
    return None if value is None or isinstance(value, str) else np.asarray(value).astype(str)


def as_matrix(value: Any, where: str) -> tuple[csr_matrix, np.ndarray | None, np.ndarray | None]:
    """Return any of R's matrices as (csr, row names, column names): dgCMatrix, dgTMatrix, matrix or data frame."""
    if isinstance(value, pd.DataFrame):
        return (
            csr_matrix(value.to_numpy(dtype=np.float64)),
            value.index.astype(str).to_numpy(),
            value.columns.astype(str).to_numpy(),
        )
    kind = str(getattr(value, "class", [""])[0]) if hasattr(value, "class") else ""
    if kind in ("dgCMatrix", "dgTMatrix"):
        shape = tuple(int(n) for n in value.Dim)
        if kind == "dgCMatrix":
            matrix = csr_matrix(csc_matrix((value.x, value.i, value.p), shape=shape))
        else:
            matrix = csr_matrix(coo_matrix((value.x, (value.i, value.j)), shape=shape))
        rows, columns = (_names(names) for names in value.Dimnames)
        return matrix, rows, columns
    if hasattr(value, "coords") and value.ndim == 2:
        rows, columns = (_names(value.coords[d].values) if d in value.coords else None for d in value.dims)
        return csr_matrix(value.values), rows, columns
    if isinstance(value, np.ndarray) and value.ndim == 2:
        return csr_matrix(value), None, None
    raise DataError(f"a {kind or type(value).__name__} is no matrix", where=where, fix="correct `counts` on the card")
