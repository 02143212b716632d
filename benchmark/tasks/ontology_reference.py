"""The ontology as one file the whole board shares: its graph, names, release and diffusion embedding.

Computed once: the embedding of some 3,000 terms costs more than scoring one model with it. It depends on the ontology
alone, and is kept for other boards.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scarena.base.advice import made_again
from scarena.base.errors import DataError
from scarena.base.files import replacing
from scarena.base.untrusted import read_arrays, reading
from scarena.metrics import ontology_graph
from scarena.metrics.ontology_graph import OntologyEmbedding, ontology_embedding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scarena.datasets.ontology import CellOntology


@dataclass(frozen=True, slots=True)
class Reference:
    """What the ontology metrics need, without the ontology's reader."""

    release: str
    parents: dict[str, tuple[str, ...]]
    names: dict[str, str]
    embedding: OntologyEmbedding


def write_reference(path: Path, ontology: CellOntology, kept: Path | None = None) -> None:
    """Write an ontology and its diffusion embedding to `path` (npz, no pickle).

    Parameters
    ----------
    path
        The file of a board.
    ontology
        The Cell Ontology.
    kept
        Folder in which embeddings are found again; without one it is computed.
    """
    embedding = _embedding(ontology.parents, kept)
    graph = {"release": ontology.release, "parents": ontology.parents, "names": ontology.names}
    text = np.frombuffer(json.dumps(graph, sort_keys=True).encode(), dtype=np.uint8)
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, graph=text, terms=_text(embedding.terms), diffusion=embedding.coordinates)


def _embedding(parents: Mapping[str, Sequence[str]], kept: Path | None) -> OntologyEmbedding:
    if kept is None:
        return ontology_embedding(parents)
    place = kept / f"{_key(parents)}.npz"
    with contextlib.suppress(DataError):
        file = read_arrays(place, "terms", "diffusion", fix="")
        if len(file["terms"]) == len(file["diffusion"]):
            return _embedding_in(file)
    found = ontology_embedding(parents)
    # A cache that cannot be written is no reason for a board not to be made.
    with contextlib.suppress(OSError), replacing(place) as part, part.open("wb") as out:
        np.savez(out, terms=_text(found.terms), diffusion=found.coordinates)
    return found


def _text(terms: Sequence[str]) -> np.ndarray:
    return np.asarray(terms, dtype=np.str_)


def _embedding_in(file: Mapping[str, np.ndarray]) -> OntologyEmbedding:
    return OntologyEmbedding(tuple(map(str, file["terms"])), file["diffusion"])


def _key(parents: Mapping[str, Sequence[str]]) -> str:
    """Return what an embedding depends on, in short: the graph, the code, and the libraries that compute it."""
    code = Path(ontology_graph.__file__).read_text(encoding="utf-8")
    about = [sorted((term, list(above)) for term, above in parents.items()), code, version("numpy"), version("scipy")]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:20]


def read_reference(path: Path) -> Reference:
    """Read what `write_reference` wrote.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    fix = made_again(path, "ontology.npz")
    file = read_arrays(path, "graph", "terms", "diffusion", fix=fix)
    with reading(path, what="not an ontology's file", fix=fix):
        graph = json.loads(file["graph"].tobytes())
        parents = {term: tuple(above) for term, above in graph["parents"].items()}
        return Reference(graph["release"], parents, graph["names"], _embedding_in(file))
