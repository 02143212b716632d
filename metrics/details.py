"""What two groups of scores are made of, kept beside them: which type was taken for which, and how types lie.

No metric of its own: it takes what label transfer and scGraph computed, and computes neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scarena.metrics.checks import most_frequent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scarena.metrics.inputs import Inputs
    from scarena.metrics.reference import OntologyReference

MAX_TYPES = 1000
# Below what another order of a sum changes in single precision: two runs must write the same bytes.
_DIGITS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Details:
    """Of one embedding.

    Parameters
    ----------
    types
        The cell types, sorted.
    terms
        Term of each type, "" where it has none.
    confusion
        Cells of each true type (row) by predicted type (column), int64 ``[n_types, n_types]``; ``None`` where no metric
        transferred labels.
    graph_types
        The ``k`` types that scGraph compares, sorted.
    distances
        Distances between their centroids in the embedding, float32 ``[k, k]`` in [0, 1], each column divided by its
        maximum as in :class:`~scarena.metrics.scgraph.ScGraphReference`, NaN for a column of zeros; ``None`` where
        scGraph has no value.
    """

    types: tuple[str, ...]
    terms: tuple[str, ...]
    confusion: NDArray[np.int64] | None = None
    graph_types: tuple[str, ...] = ()
    distances: NDArray[np.float32] | None = None


def details_of(inputs: Inputs) -> Details:
    """Return the details of what was computed from some inputs; nothing of a dataset with more than 1,000 types."""
    # The matrix grows with the square: nearly one label a cell would fill the memory, and tell nobody anything.
    if len(inputs.names) > MAX_TYPES:
        return Details((), ())
    types = tuple(map(str, inputs.names))
    terms = terms_of_types(inputs.labels, len(types), inputs.ontology)
    known, transfer, found = inputs.reference.scgraph, inputs.transferred, inputs.type_distances
    return Details(
        types,
        terms,
        None if transfer is None else confusion_of(inputs.labels, inputs.names, transfer.predicted),
        () if known is None or found is None else known.types,
        None if found is None else np.round(found, _DIGITS).astype(np.float32),
    )


def confusion_of(codes: NDArray[np.int64], names: NDArray[np.str_], predicted: NDArray[np.str_]) -> NDArray[np.int64]:
    """Return the cells of each label by predicted label, int64 ``[n_labels, n_labels]``.

    Parameters
    ----------
    codes
        Position of each cell's label in ``names``, ``[n_cells]``.
    names
        The labels, sorted.
    predicted
        Label predicted of each cell ``[n_cells]``, all among ``names``.
    """
    pairs = codes * len(names) + np.searchsorted(names, predicted)
    return np.bincount(pairs, minlength=len(names) ** 2).reshape(len(names), -1).astype(np.int64)


def terms_of_types(codes: NDArray[np.int64], n_types: int, ontology: OntologyReference | None) -> tuple[str, ...]:
    """Return the most frequent term of each type's cells, as LCAD takes it; "" where there is none."""
    if ontology is None:
        return ("",) * n_types
    return tuple(most_frequent(ontology.term_ids[codes == number]) for number in range(n_types))
