"""What R saves, opened through the package rdata: its objects, the way to a part of one, and its matrices as CSR."""

from __future__ import annotations

import bz2
import gzip
import lzma
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix, csc_matrix, csr_matrix

from scarena.base.errors import DataError
from scarena.base.untrusted import check_regular, check_unpacked, reading

# R writes 1:n as three numbers; a matrix has fewer names than this.
_SEQUENCES, _MOST_VALUES = (b"compact_intseq", b"compact_realseq"), 10_000_000


def load(path: Path) -> Any:
    """Read an R file whole.

    Raises
    ------
    DataError
        If it is damaged, unpacks to far more than it holds, or has a kind of R object that rdata does not know.
    """
    check_regular(path, fix="pull it again")
    with reading(path, what="not a readable R file", fix="pull it again"):
        try:
            return _read(_unpacked(path))
        except NotImplementedError as error:
            # It says the same of an R object it does not know and of a web page.
            other = "Unknown file format" in str(error)
            fix = "pull it again" if other else "use the reader `r` on the card"
            raise DataError(f"rdata cannot read it ({error})", where=str(path), fix=fix) from None


def _read(unpacked: bytes) -> Any:
    import rdata
    from rdata.parser import DEFAULT_ALTREP_MAP

    # A saved workspace and a single object differ in what they hold, not in how they are packed.
    read = rdata.read_rda if unpacked.startswith(b"RD") else rdata.read_rds
    named = {**rdata.conversion.DEFAULT_CLASS_MAP, "factor": _factor}
    sequences = {key: partial(_sequence, original=DEFAULT_ALTREP_MAP[key]) for key in _SEQUENCES}
    with warnings.catch_warnings():
        # rdata names all that it does not know; what is needed is reached by slot, and what is not there is an error.
        warnings.simplefilter("ignore", UserWarning)
        known = {**DEFAULT_ALTREP_MAP, **sequences}
        return read(BytesIO(unpacked), constructor_dict=named, altrep_constructor_dict=known)


class NamedFactor(pd.Categorical):
    """A factor with a name for each value; rdata's own drops them."""

    value_names: np.ndarray


def _factor(values: Any, attributes: Mapping[str, Any]) -> Any:
    from rdata.conversion import DEFAULT_CLASS_MAP

    found = DEFAULT_CLASS_MAP["factor"](values, attributes)
    if attributes.get("names") is not None and type(found) is pd.Categorical:
        found = cast(NamedFactor, NamedFactor.from_codes(found.codes, dtype=found.dtype))
        found.value_names = np.asarray(attributes["names"]).astype(str)
    return found


def names_of(values: Any) -> np.ndarray | None:
    """Return the names of a vector's values, None where it has none."""
    if isinstance(values, NamedFactor):
        return values.value_names
    coordinates = getattr(values, "coords", None)
    return np.asarray(coordinates[values.dims[0]].values).astype(str) if coordinates else None


def _unpacked(path: Path) -> bytes:
    """Return what a file holds, unpacked; an error where that is far more than counts would make of its size."""
    openers: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}
    with path.open("rb") as packed:
        start = packed.read(2)
    parts, got, size = [], 0, path.stat().st_size
    with openers.get(start, open)(path, "rb") as file:
        while part := file.read(1 << 20):
            parts.append(part)
            got += len(part)
            check_unpacked(got, size, str(path))
    return b"".join(parts)


def _sequence(state: Any, original: Callable[[Any], Any]) -> Any:
    if not 0 <= float(state.value[0]) <= _MOST_VALUES:
        raise ValueError(f"a sequence of {float(state.value[0]):g} numbers")
    return original(state)


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
