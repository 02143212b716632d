"""The ontology as one file the whole board shares: its graph, names, release and diffusion embedding.

Computed once a board: the embedding of some 3,000 terms costs more than scoring one model with it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scarena.base.advice import made_again
from scarena.base.files import replacing
from scarena.base.untrusted import read_arrays, reading
from scarena.metrics.ontology_graph import OntologyEmbedding, ontology_embedding

if TYPE_CHECKING:
    from scarena.datasets.ontology import CellOntology


@dataclass(frozen=True, slots=True)
class Reference:
    """What the ontology metrics need, without the ontology's reader."""

    release: str
    parents: dict[str, tuple[str, ...]]
    names: dict[str, str]
    embedding: OntologyEmbedding


def write_reference(path: Path, ontology: CellOntology) -> None:
    """Compute the diffusion embedding of the ontology and write all of it to `path` (npz, no pickle)."""
    terms, diffusion = ontology_embedding(ontology.parents)
    graph = {"release": ontology.release, "parents": ontology.parents, "names": ontology.names}
    text = np.frombuffer(json.dumps(graph, sort_keys=True).encode(), dtype=np.uint8)
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, graph=text, terms=np.asarray(terms, dtype=np.str_), diffusion=diffusion)


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
        embedding = OntologyEmbedding(tuple(map(str, file["terms"])), file["diffusion"])
        return Reference(graph["release"], parents, graph["names"], embedding)
