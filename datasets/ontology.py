"""The Cell Ontology as a plain graph: current CL terms, their names and their is_a parents.

From the pinned release inside the package cellxgene-ontology-guide, or from any OBO file through obonet.
"""

from __future__ import annotations

import difflib
import json
import logging
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from importlib.resources import files
from io import StringIO
from pathlib import Path
from typing import Any

from scarena.base.errors import OntologyError
from scarena.base.untrusted import read_text, reading

PACKAGE_RELEASE = "v2026-03-26"
# The Cell Ontology has 3,324 terms, whose distances are a dense matrix; with all that it imports it has 40 MB.
_MOST_TERMS, _MOST_BYTES = 10_000, 256 << 20
_FIX = "give 'package', or the path or URL of an OBO file"
_MEMBER = f"CL-ontology-{PACKAGE_RELEASE}.json.zst"


@dataclass(frozen=True, slots=True)
class CellOntology:
    """Current terms of one release of the Cell Ontology."""

    release: str
    names: dict[str, str]
    """Term → label, current terms only."""
    parents: dict[str, tuple[str, ...]]
    """Term → is_a parents among the current CL terms, sorted; self-loops dropped. Several terms may have none."""
    replaced: dict[str, str]
    """Obsolete term → the term it was replaced by."""

    @property
    def roots(self) -> list[str]:
        """Terms without parents."""
        return sorted(term for term, above in self.parents.items() if not above)

    def resolve(self, term: str) -> str:
        """Return the current term for `term`, following replacements.

        Raises
        ------
        OntologyError
            If there is no such term, or it was made obsolete without a replacement.
        """
        seen: list[str] = []
        while term not in self.names:
            if term in seen or term not in self.replaced:
                asked = (seen or [term])[0]
                raise OntologyError(self._complaint(asked), where=asked, fix=self._hint(asked))
            seen.append(term)
            term = self.replaced[term]
        return term

    def _complaint(self, term: str) -> str:
        gone = "obsolete, and its replacement is no current term" if term in self.replaced else "unknown"
        return f"{gone} in Cell Ontology {self.release}"

    def _hint(self, term: str) -> str:
        if term in self.replaced:
            return "choose a current term"
        near = difflib.get_close_matches(term, self.names, n=1, cutoff=0.8)
        return f"did you mean {near[0]} ({self.names[near[0]]})?" if near else "look the term up in the Cell Ontology"

    @classmethod
    def load(cls, source: str = "package") -> CellOntology:
        """Read the pinned release (``"package"``) or an OBO file by path or URL.

        Raises
        ------
        OntologyError
            If the source cannot be read, holds no CL terms or too many, or has a term that is its own ancestor.
        """
        return of_package(packaged_terms()) if source == "package" else of_graph(obo_graph(source), source)


def _refuse_circles(above: dict[str, set[str]], source: str) -> None:
    """Refuse terms that are their own ancestors; one that is its own parent is published so (CL v2025-02-13)."""
    sorter = TopologicalSorter({term: parents - {term} for term, parents in sorted(above.items())})
    try:
        sorter.prepare()
    except CycleError as error:
        what = f"terms are their own ancestors ({' is_a '.join(map(str, error.args[1][:4]))} …)"
        raise OntologyError(what, where=source, fix="give an ontology without circles") from None


def _graph(release: str, names: dict[str, str], above: dict[str, set[str]], replaced: dict[str, str]) -> CellOntology:
    parents = {t: tuple(sorted(p for p in above.get(t, set()) if p in names and p != t)) for t in sorted(names)}
    return CellOntology(release, dict(sorted(names.items())), parents, dict(sorted(replaced.items())))


def packaged_terms() -> dict[str, dict[str, Any]]:
    """Return all terms of the pinned release, obsolete ones too, with what the package says of each."""
    import zstandard

    packed = (files("cellxgene_ontology_guide") / "data" / _MEMBER).read_bytes()
    with zstandard.ZstdDecompressor().stream_reader(packed) as stream:
        terms: dict[str, dict[str, Any]] = json.loads(stream.read())
    return terms


def of_package(terms: dict[str, dict[str, Any]]) -> CellOntology:
    """Return the ontology of what `packaged_terms` returns."""
    current = {t: v for t, v in terms.items() if t.startswith("CL:") and not v["deprecated"]}
    # A distance of 1 is a parent.
    above = {t: {a for a, d in v["ancestors"].items() if d == 1} for t, v in current.items()}
    replaced = {t: v["replaced_by"] for t, v in terms.items() if v.get("replaced_by")}
    return _graph(PACKAGE_RELEASE, {t: v["label"] for t, v in current.items()}, above, replaced)


def obo_graph(source: str) -> Any:
    """Return the terms of an OBO file, by path or URL, as obonet's graph; obsolete terms are among them.

    Raises
    ------
    OntologyError
        If it cannot be read.
    """
    import obonet

    remote = re.match("(http|ftp)s?://", source)
    given = source if remote else StringIO(read_text(Path(source), OntologyError, most=_MOST_BYTES, fix=_FIX))
    with reading_obo(source):
        return _quietly(lambda: obonet.read_obo(given, ignore_obsolete=False))


def reading_obo(source: str) -> AbstractContextManager[None]:
    """Turn what a parser of a damaged OBO file raises, or who takes terms out of its graph, into one line."""
    return reading(source, OntologyError, what="not a readable OBO file", fix=_FIX, quoted=False)


def _quietly(read: Callable[[], Any]) -> Any:
    """Return what obonet reads, without its warnings of a header that nothing here needs."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        return read()
    finally:
        logging.disable(before)


def of_graph(graph: Any, source: str) -> CellOntology:
    """Return the ontology of what `obo_graph` returns.

    Raises
    ------
    OntologyError
        If it holds no CL terms or too many, or a term that is its own ancestor.
    """
    with reading_obo(source):
        return _current(graph, source)


def _current(graph: Any, source: str) -> CellOntology:
    nodes = {t: v for t, v in graph.nodes(data=True) if t.startswith("CL:")}
    current = {t: v for t, v in nodes.items() if v.get("is_obsolete") != "true" and "name" in v}
    if not current:
        raise OntologyError("holds no CL terms", where=source, fix="give cl.obo or cl-basic.obo")
    replaced = {t: v["replaced_by"][0] for t, v in nodes.items() if v.get("replaced_by")}
    # Secondary ids of merged terms stand on the term that took them in.
    replaced |= {alt: t for t, v in current.items() for alt in v.get("alt_id", []) if alt.startswith("CL:")}
    above = {t: set(v.get("is_a", [])) for t, v in current.items()}
    if len(current) > _MOST_TERMS:
        what = f"{len(current):,} CL terms, more than {_MOST_TERMS:,}"
        raise OntologyError(what, where=source, fix="give cl.obo or cl-basic.obo")
    _refuse_circles(above, source)
    release = str(graph.graph.get("data-version", source)).removeprefix("releases/")
    return _graph(release, {t: v["name"] for t, v in current.items()}, above, replaced)
