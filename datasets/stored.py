"""Counts that stay on disk: one compressed sparse row matrix in an h5ad or a zarr store, read a block of cells a time.

What fits in memory is never stored; which is which depends on the number of values alone, so that a dataset takes the
same way on every machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_matrix

from scarena.datasets.stores.zarr_rows import in_order

if TYPE_CHECKING:
    import h5py

STORED_ABOVE = 100_000_000
"""Values other than zero: of 8 bytes each they take 0.8 GB, of which a model's copies make some 6 GB."""
BLOCK = 8192
"""Cells read at a time."""
_CHUNK = 1 << 18


def is_stored(counts: Any) -> bool:
    """Return whether a matrix lies on disk."""
    from anndata.abc import CSRDataset

    return isinstance(counts, CSRDataset)


def blocks(counts: Any) -> Iterator[tuple[int, int, csr_matrix]]:
    """Yield ``(first, last, rows)``: a matrix on disk some thousand rows at a time, one in memory as a whole."""
    n_rows = counts.shape[0]
    if not is_stored(counts):
        yield 0, n_rows, csr_matrix(counts)
        return
    rows = in_order(counts) if counts.backend == "zarr" else lambda first, last: csr_matrix(counts[first:last])
    for first in range(0, n_rows, BLOCK):
        last = min(first + BLOCK, n_rows)
        yield first, last, rows(first, last)


def rows_of(counts: Any, rows: np.ndarray) -> csr_matrix:
    """Return some rows of a matrix on disk, in memory: one pass over the file, however they lie.

    Parameters
    ----------
    counts
        cells × genes.
    rows
        Ascending row numbers.
    """
    from scipy.sparse import vstack

    found = []
    for first, last, part in blocks(counts):
        a, b = np.searchsorted(rows, [first, last])
        if b > a:
            found.append(part[rows[a:b] - first])
    return csr_matrix(vstack(found, format="csr")) if found else csr_matrix((0, counts.shape[1]), dtype=counts.dtype)


def in_memory(counts: Any) -> Any:
    """Return a matrix that may lie on disk as one that does not."""
    return counts.to_memory() if is_stored(counts) else counts


def stored_matrix(path: Path, key: str = "X") -> Any:
    """Return the sparse matrix under `key` of an h5ad, left on disk; None where it is to be read into memory.

    Small matrices are, and those whose rows cannot be read one after another (dense, or compressed by column).
    """
    import h5py

    file = h5py.File(path, "r")
    group = file.get(key)
    found = left_on_disk(group) if isinstance(group, h5py.Group) else None
    if found is None:
        file.close()
    return found


def left_on_disk(item: Any) -> Any:
    """Return the sparse matrix in a group of an h5ad or a zarr store, left there; None as for `stored_matrix`."""
    from anndata.io import sparse_dataset

    rows = item.attrs.get("encoding-type") == "csr_matrix"
    # A damaged one is for the reader to refuse.
    return sparse_dataset(item) if rows and "data" in item and item["data"].size > STORED_ABOVE else None


def write_matrix(file: h5py.File, parts: Iterable[csr_matrix], n_columns: int) -> None:
    """Begin an h5ad with the rows of `parts` as its matrix X, int32 with int64 starts."""
    file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
    group = file.create_group("X")
    open_ended: dict[str, Any] = {"shape": (0,), "maxshape": (None,), "chunks": (_CHUNK,)}
    data, indices = (group.create_dataset(name, dtype=np.int32, **open_ended) for name in ("data", "indices"))
    indptr = append_rows(data, indices, parts)
    group.create_dataset("indptr", data=indptr)
    group.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
    group.attrs["shape"] = np.array([len(indptr) - 1, n_columns])


def append_rows(data: Any, indices: Any, parts: Iterable[csr_matrix]) -> np.ndarray:
    """Write the rows of `parts` into two empty vectors on disk, of HDF5 or zarr; return where rows start, int64."""
    starts, end = [np.zeros(1, np.int64)], 0
    for part in parts:
        for target, values in ((data, part.data), (indices, part.indices)):
            target.resize((end + part.nnz,))
            target[end:] = values
        starts.append(part.indptr[1:].astype(np.int64) + end)
        end += part.nnz
    return np.concatenate(starts)


@contextmanager
def scratch(path: Path) -> Iterator[Path]:
    """Yield a name beside `path` for counts that are written before all else is known; what stays there is deleted."""
    part = path.with_name(f".{path.name}.counts")
    path.parent.mkdir(parents=True, exist_ok=True)
    part.unlink(missing_ok=True)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)
