"""details.npz beside each scores.json: which type a run took for which, how types lie, and what each profile has.

What the types are compared with is the same for all runs of a dataset and lies in its reference.npz.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.base.advice import made_again
from scarena.base.errors import DataError
from scarena.base.files import replacing
from scarena.base.untrusted import check_names, read_arrays
from scarena.metrics.details import MAX_PROFILES, MAX_TYPES, OF_PROFILE, Details, ProfileScores

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What a double holds exactly, so that sums of counts do not turn over.
_MOST_CELLS = 2**53


@dataclass(frozen=True, slots=True, eq=False)
class TypeGraph:
    """How far cell types lie from each other: in an embedding, within the batches, and in the ontology.

    Parameters
    ----------
    types
        The ``k`` types that scGraph compares, sorted.
    terms
        Term of each, "" where it has none.
    embedding
        Of :class:`~scarena.metrics.details.Details`, float32 ``[k, k]``, each column divided by its maximum.
    consensus
        The same of the batches before integration, float32 ``[k, k]``; NaN for pairs that no batch has.
    ontology
        Distances by random walk with restart that OntoRWR compares with, float32 ``[k, k]``, not divided by anything;
        NaN where a type has no term.
    """

    types: tuple[str, ...]
    terms: tuple[str, ...]
    embedding: NDArray[np.float32]
    consensus: NDArray[np.float32]
    ontology: NDArray[np.float32]


def _fix(path: Path) -> str:
    return made_again(path, "details.npz", "scores.json")


def write_details(path: Path, details: Details) -> None:
    """Write a run's details (npz, no pickle); an array that there is not is not in the file."""
    arrays: dict[str, Any] = {"types": np.asarray(details.types, np.str_), "terms": np.asarray(details.terms, np.str_)}
    if details.confusion is not None:
        arrays["confusion"] = details.confusion
    if details.distances is not None:
        arrays |= {"graph_types": np.asarray(details.graph_types, np.str_), "distances": details.distances}
    if details.profiles is not None:
        names = np.asarray(details.profiles.names, np.str_)
        arrays |= {"profiles": names, "profile_scores": details.profiles.numbers}
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, **arrays)


def read_details(path: Path) -> Details | None:
    """Read what :func:`write_details` wrote; None where there is no file, as of a run before there were any.

    Raises
    ------
    DataError
        If the file is damaged or its arrays do not fit each other.
    """
    if not path.exists():
        return None
    has = read_arrays(path, "types", "terms", fix=_fix(path))
    types = _names(has["types"], path)
    terms, graph_types = has["terms"], _names(has.get("graph_types", np.array([], np.str_)), path)
    if terms.dtype.kind != "U" or terms.shape != (len(types),):
        raise DataError("has not one term a type", where=str(path), fix=_fix(path))
    if unknown := sorted(set(graph_types) - set(types)):
        raise DataError(f"compares {unknown[0]!r}, which is none of its types", where=str(path), fix=_fix(path))
    told = tuple(map(str, terms))
    check_names(told, str(path))
    confusion, distances = _confusion(has, len(types), path), _distances(has, len(graph_types), path)
    return Details(types, told, confusion, graph_types, distances, _profiles(has, path))


def _profiles(has: dict[str, np.ndarray], path: Path) -> ProfileScores | None:
    names, numbers = has.get("profiles"), has.get("profile_scores")
    if names is None and numbers is None:
        return None
    if names is None or names.ndim != 1 or names.dtype.kind != "U" or len(names) > MAX_PROFILES:
        raise DataError("its profiles are not names", where=str(path), fix=_fix(path))
    if numbers is None or numbers.shape != (len(names), len(OF_PROFILE)) or numbers.dtype != np.float32:
        raise DataError("has not six numbers a profile", where=str(path), fix=_fix(path))
    told = tuple(map(str, names))
    check_names(told, str(path))
    if np.isinf(numbers).any() or len(set(told)) != len(told):
        raise DataError("its profiles are doubled or infinite", where=str(path), fix=_fix(path))
    return ProfileScores(told, numbers)


def _names(given: np.ndarray, path: Path) -> tuple[str, ...]:
    names = tuple(map(str, given)) if given.ndim == 1 and given.dtype.kind == "U" else ()
    if len(names) != given.size or len(names) > MAX_TYPES or list(names) != sorted(set(names)):
        raise DataError("its types are not sorted names", where=str(path), fix=_fix(path))
    check_names(names, str(path))
    return names


def _confusion(has: dict[str, np.ndarray], n_types: int, path: Path) -> NDArray[np.int64] | None:
    found = has.get("confusion")
    if found is None:
        return None
    if found.shape != (n_types, n_types) or found.dtype != np.int64:
        what = f"confusion {found.shape} of {found.dtype} for {n_types} types"
        raise DataError(what, where=str(path), fix=_fix(path))
    if (found < 0).any() or found.sum(dtype=np.float64) > _MOST_CELLS:
        raise DataError("confusion holds what are no numbers of cells", where=str(path), fix=_fix(path))
    return found


def _distances(has: dict[str, np.ndarray], n_types: int, path: Path) -> NDArray[np.float32] | None:
    found = has.get("distances")
    if found is None:
        return None
    if found.shape != (n_types, n_types) or found.dtype != np.float32:
        what = f"distances {found.shape} of {found.dtype} for {n_types} types"
        raise DataError(what, where=str(path), fix=_fix(path))
    there = found[~np.isnan(found)]
    if ((there < 0) | (there > 1)).any():
        raise DataError("distances leave [0, 1]", where=str(path), fix=_fix(path))
    return found


def type_graph(details: Details, reference: Path) -> TypeGraph | None:
    """Put the distances between types in an embedding beside those of the dataset's reference.npz.

    Returns
    -------
    TypeGraph
        None where the run or the dataset has no such distances: too few types, no labels, a run before they were kept.

    Raises
    ------
    DataError
        If the reference is missing or damaged, or is about other types.
    """
    if details.distances is None:
        return None
    fix = made_again(reference, "reference.npz", "reference.json")
    wanted = ("scgraph_types", "scgraph_distances", "terms", "onto")
    has = read_arrays(reference, *wanted[:2], fix=fix, only=wanted)
    consensus = has["scgraph_distances"].astype(np.float32)
    if tuple(map(str, has["scgraph_types"])) != details.graph_types or consensus.shape != details.distances.shape:
        raise DataError("is about other types than the run", where=str(reference), fix=fix)
    term_of = dict(zip(details.types, details.terms, strict=True))
    terms = tuple(term_of[name] for name in details.graph_types)
    return TypeGraph(details.graph_types, terms, details.distances, consensus, _between(terms, has))


def _between(terms: tuple[str, ...], has: dict[str, np.ndarray]) -> NDArray[np.float32]:
    """Return the distances in the ontology between the terms of types; NaN where there is none."""
    row_of = {str(term): row for row, term in enumerate(has.get("terms", ()))}
    rows = np.array([row_of.get(term, -1) for term in terms], dtype=np.int64)
    there = np.flatnonzero(rows >= 0)
    found = np.full((len(terms), len(terms)), np.nan, dtype=np.float32)
    if len(there):
        found[np.ix_(there, there)] = has["onto"][np.ix_(rows[there], rows[there])]
    return found
