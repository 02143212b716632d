"""Whether the parts of a compressed sparse matrix on disk fit each other, in HDF5 and in zarr alike.

Neither anndata nor scipy looks whether indices lie inside, so this is asked before either reads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scarena.base.errors import DataError

PARTS = ("data", "indices", "indptr")
_BLOCK = 1 << 22

Refused = Callable[[str], DataError]


def _shape(group: Any) -> tuple[int, int, int] | None:
    """Return rows, columns, and which of them `indptr` counts; None where the file does not say."""
    form = group.attrs.get("encoding-type", group.attrs.get("h5sparse_format", b""))
    form = form.decode() if isinstance(form, bytes) else str(form)
    found = group.attrs.get("shape", group.attrs.get("h5sparse_shape"))
    if found is None and "shape" in group and getattr(group["shape"], "shape", None) == (2,):
        # Cell Ranger's: genes × cells by column.
        found, form = group["shape"][:], "csc"
    if found is None or np.shape(found) != (2,):
        return None
    return int(found[0]), int(found[1]), 0 if form.startswith("csr") else 1


def check_sparse(group: Any, refused: Refused) -> None:
    """Refuse a matrix whose parts do not fit: scipy would read and write outside of its arrays.

    Parameters
    ----------
    group
        An HDF5 or zarr group with the arrays ``data``, ``indices`` and ``indptr``.
    refused
        Makes the error from what is wrong.

    Raises
    ------
    DataError
        If they do not.
    """
    sizes = _shape(group)
    data, indices, indptr = (group[key] for key in PARTS)
    if sizes is None or data.ndim != 1 or data.shape != indices.shape or indptr.ndim != 1:
        raise refused("is no sparse matrix: its parts or its shape are not there")
    if not {indices.dtype.kind, indptr.dtype.kind} <= set("iu"):
        raise refused("is no sparse matrix: its indices are no whole numbers")
    major, minor = sizes[sizes[2]], sizes[1 - sizes[2]]
    if indptr.shape[0] != major + 1:
        raise refused(f"says it has {major:,} rows and has {indptr.shape[0] - 1:,}")
    starts = indptr[:].astype(np.int64)
    if starts[0] != 0 or starts[-1] != data.shape[0] or (np.diff(starts) < 0).any():
        raise refused("is no sparse matrix: its rows overlap or lie outside")
    step = whole_chunks(indices, _BLOCK)
    for first in range(0, indices.shape[0], step):
        part = indices[first : first + step]
        if part.min() < 0 or part.max() >= minor:
            raise refused(f"has a value outside of its {minor:,} columns")


def whole_chunks(array: Any, wanted: int) -> int:
    """Return about `wanted` values, but so many that no chunk of a vector on disk is decoded twice."""
    chunk = array.chunks[0] if array.chunks else 1
    return max(1, wanted // chunk) * int(chunk)
