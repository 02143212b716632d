"""What every metric may take for granted about its arrays, checked once at the door with a typed error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import DataError, ModelError
from scarena.base.text import named

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def checked_embedding(embedding: ArrayLike) -> NDArray[np.floating]:
    """Return an embedding as a float array ``[n_cells, d]``, contiguous and float32 unless it is float64.

    Raises
    ------
    ModelError
        If it is not two-dimensional, has fewer than two cells or no dimension, is not of real numbers, or holds NaN,
        infinity or masked values.
    """
    if np.ma.is_masked(embedding):
        fix = "fill them, or drop these cells before all models alike"
        raise ModelError("some values are masked", where="embedding", fix=fix)
    x = np.asarray(embedding)
    if x.dtype.kind not in "biuf":
        # A cast would drop the imaginary part, or fail on text far from here.
        raise ModelError(f"holds values of the kind {x.dtype}", where="embedding", fix="return real numbers")
    if x.ndim != 2 or x.shape[0] < 2 or x.shape[1] < 1:
        raise ModelError(f"shape {x.shape} is not [cells, dimensions]", where="embedding", fix="return one row a cell")
    x = np.ascontiguousarray(x, dtype=np.float64 if x.dtype == np.float64 else np.float32)
    bad = int((~np.isfinite(x)).any(axis=1).sum())
    if bad:
        raise ModelError(
            f"{bad} of {len(x)} cells have NaN or infinite values",
            where="embedding",
            fix="let the model return finite numbers, or drop these cells before all models alike",
        )
    return x


def coded(values: ArrayLike, n_cells: int, what: str) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
    """Return annotations ``[n_cells]`` as integer codes, and the sorted names that the codes stand for.

    Raises
    ------
    DataError
        If there is not one value a cell.
    """
    given = np.asarray(values)
    if given.shape != (n_cells,):
        raise DataError(
            f"{given.shape} values for {n_cells} cells", where=what, fix="join labels to the embedding by cell name"
        )
    texts = named(values)
    if empty := sum(text is None for text in texts.tolist()):
        fix = "leave these cells out, or use score_embedding, which does"
        raise DataError(f"{empty} of {n_cells} cells have none", where=what, fix=fix)
    return encoded(texts.astype(str))


def encoded(texts: NDArray[np.str_]) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
    """Return texts ``[n]`` as integer codes, and the sorted texts that the codes stand for."""
    names, found = np.unique(texts, return_inverse=True)
    return found.astype(np.int64), names


def codes(values: ArrayLike, n_cells: int, what: str) -> NDArray[np.int64]:
    """Return the codes of :func:`coded` alone."""
    return coded(values, n_cells, what)[0]


def most_frequent(values: NDArray[np.str_]) -> str:
    """Return the most frequent of the values that are not empty (the first in the alphabet of several), or ""."""
    names, sizes = np.unique(values[values != ""], return_counts=True)
    return str(names[sizes.argmax()]) if len(names) else ""


def one_line(error: BaseException) -> str:
    """Return an exception as the one line that a board shows."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:300] if text else type(error).__name__
