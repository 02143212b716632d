"""What some scores are made of, kept beside them: which type was taken for which, how types lie, what each profile has.

No metric of its own: it takes what label transfer, scGraph and the task of responses computed, and computes none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scarena.metrics.checks import most_frequent

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_TYPES = 1000
MAX_PROFILES = 10_000
OF_PROFILE = ("predicted", "error", "negative", "duplicate", "nir", "reproducibility")
"""Numbers of a profile, in their order; see `scarena.metrics.responses.scored.per_profile`."""
# Below what another order of a sum changes in single precision: two runs must write the same bytes.
_DIGITS = 6


@dataclass(frozen=True, slots=True, eq=False)
class ProfileScores:
    """What each profile that a model was asked about has.

    Parameters
    ----------
    names
        Of the profiles, each after that of the split that asks about it (`scarena.tasks.responses.row_names`).
    numbers
        `OF_PROFILE`, float32 ``[n_profiles, 6]``; NaN where there is none.
    """

    names: tuple[str, ...]
    numbers: NDArray[np.float32]


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
    profiles
        Of a run of responses: what each profile has.
    """

    types: tuple[str, ...]
    terms: tuple[str, ...]
    confusion: NDArray[np.int64] | None = None
    graph_types: tuple[str, ...] = ()
    distances: NDArray[np.float32] | None = None
    profiles: ProfileScores | None = None


def details_of(
    names: NDArray[np.str_],
    codes: NDArray[np.int64],
    *,
    term_ids: NDArray[np.str_] | None = None,
    predicted: NDArray[np.str_] | None = None,
    graph_types: tuple[str, ...] = (),
    distances: NDArray[np.float64] | None = None,
) -> Details:
    """Return the details of what was computed of an embedding; nothing of a dataset with more than 1,000 types.

    Parameters
    ----------
    names
        The labels, sorted.
    codes
        Position of each cell's label in ``names``, ``[n_cells]``.
    term_ids
        Term of each cell ``[n_cells]``, "" where it has none.
    predicted
        Label predicted of each cell ``[n_cells]``.
    graph_types, distances
        Types that scGraph compares and the distances ``[k, k]`` between them; distances are rounded here.
    """
    # The matrix grows with the square: nearly one label a cell would fill the memory, and tell nobody anything.
    if len(names) > MAX_TYPES:
        return Details((), ())
    return Details(
        tuple(map(str, names)),
        ("",) * len(names) if term_ids is None else terms_of_types(codes, len(names), term_ids),
        None if predicted is None else confusion_of(codes, names, predicted),
        () if distances is None else graph_types,
        None if distances is None else np.round(distances, _DIGITS).astype(np.float32),
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


def terms_of_types(codes: NDArray[np.int64], n_types: int, term_ids: NDArray[np.str_]) -> tuple[str, ...]:
    """Return the most frequent term of each type's cells, as LCAD takes it; "" where there is none."""
    return tuple(most_frequent(term_ids[codes == number]) for number in range(n_types))
