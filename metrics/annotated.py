"""An embedding and its annotations brought together: by cell name where both have names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.base.errors import DataError
from scarena.base.text import named

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

_FIX = "give both for the same cells, under the same names"


@dataclass(frozen=True, slots=True)
class Annotated:
    """Annotations in the order of an embedding's cells."""

    batch: NDArray[np.str_]
    labels: NDArray[np.str_]
    """Of all cells; "" where a cell has none."""
    labelled: NDArray[np.bool_]


def names_of(values: Any) -> pd.Index | None:
    """Return the names that pandas has of the rows of a table or series; None where they are only counted."""
    import pandas as pd

    index = getattr(values, "index", None)
    return index if isinstance(index, pd.Index) and not isinstance(index, pd.RangeIndex) else None


def annotated(embedding: Any, n_cells: int, batch: Any, labels: Any) -> Annotated:
    """Return batch and label of each cell of an embedding.

    Parameters
    ----------
    embedding
        Rows of cells; a DataFrame with an index has names.
    n_cells
        How many.
    batch, labels
        One value a cell; a Series with an index is joined by name to what else has names.

    Raises
    ------
    DataError
        If there is not one value a cell, names disagree, a cell has no batch, or none has a label.
    """
    first = next((found for found in map(names_of, (embedding, batch, labels)) if found is not None), None)
    held = {what: _text(values, n_cells, first, what) for what, values in (("batch", batch), ("labels", labels))}
    empty = int(sum(each is None for each in held["batch"].tolist()))
    if empty:
        raise DataError(f"{empty} of {n_cells} cells have no batch", where="batch", fix="give every cell one")
    labelled = np.array([each is not None for each in held["labels"].tolist()], dtype=bool)
    if not labelled.any():
        raise DataError("no cell has a label", where="labels", fix="give cell types, or metrics that need none")
    texts = np.array(["" if each is None else each for each in held["labels"].tolist()], dtype=str)
    return Annotated(held["batch"].astype(str), texts, labelled)


def _text(values: Any, n_cells: int, names: pd.Index | None, what: str) -> NDArray[np.object_]:
    own = names_of(values)
    if own is not None and names is not None and not own.equals(names):
        if own.has_duplicates or names.has_duplicates or set(own) != set(names):
            raise DataError(f"its names are not those of the other cells (first: {own[0]!r})", where=what, fix=_FIX)
        values = values.reindex(names)
    try:
        found = named(values)
    except ValueError as error:
        raise DataError(str(error), where=what, fix="give one value a cell") from None
    if len(found) != n_cells:
        fix = "join labels to the embedding by cell name"
        raise DataError(f"({len(found)},) values for {n_cells} cells", where=what, fix=fix)
    return found
