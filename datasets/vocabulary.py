"""What the Cell Ontology calls its terms: labels and synonyms, each with its scope.

The pinned package gives exact synonyms alone; an OBO file also gives broad, narrow and related ones. Texts of an
obsolete term count for the term that replaced it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

from scarena.base.errors import OntologyError
from scarena.datasets.label_words import words
from scarena.datasets.ontology import CellOntology, obo_graph, of_graph, of_package, packaged_terms, reading_obo

Scope = Literal["label", "exact", "related", "narrow", "broad"]
_K = TypeVar("_K", bound=Hashable)

_SYNONYM = re.compile(r'"((?:[^"\\]|\\.)*)"\s+(EXACT|RELATED|NARROW|BROAD)\b')
_PRESENT = re.compile(r"\bCD\d+\w*(?=-positive|\+)")
_OTHER_SPECIES = re.compile(r"\((Mmus|sensu (?!Vertebrata|Mammalia).*)\)|, mouse$")


@dataclass(frozen=True, slots=True)
class Text:
    """One text that the ontology has for a term."""

    text: str
    term: str
    """A current term."""
    scope: Scope
    obsolete: str = ""
    """The obsolete term whose text this was, where `term` replaced it."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """An ontology with all texts of its current terms, and what of their names and definitions helps to read labels."""

    ontology: CellOntology
    texts: tuple[Text, ...]
    above: Mapping[str, frozenset[str]]
    """Term → all terms above it."""
    markers: Mapping[str, frozenset[str]]
    """Term → molecules that its definition says it has, as words; terms without any are left out."""
    other_species: frozenset[str]
    """Terms of a species that is not human."""

    def by(self, key: Callable[[str], _K]) -> dict[_K, list[Text]]:
        """Return the texts by what each is when read in some way; those of which nothing is left are in none."""
        found: dict[_K, list[Text]] = defaultdict(list)
        for text in self.texts:
            if name := key(text.text):
                found[name].append(text)
        return dict(found)

    @classmethod
    def load(cls, source: str = "package") -> Vocabulary:
        """Read the pinned release (``"package"``) or an OBO file by path or URL.

        Raises
        ------
        OntologyError
            As `CellOntology.load`.
        """
        if source == "package":
            terms = packaged_terms()
            return _vocabulary(
                of_package(terms),
                {term: list(_of_package(term, said)) for term, said in terms.items()},
                {term: said.get("description", "") for term, said in terms.items()},
            )
        graph = obo_graph(source)
        ontology = of_graph(graph, source)
        with reading_obo(source):
            nodes = dict(graph.nodes(data=True))
            texts = {term: list(_of_obo(term, said)) for term, said in nodes.items()}
            return _vocabulary(ontology, texts, {term: said.get("def", "") for term, said in nodes.items()})


def _vocabulary(ontology: CellOntology, texts: Mapping[str, list[Text]], defined: Mapping[str, str]) -> Vocabulary:
    current = tuple(text for term in sorted(texts) for text in _current(texts[term], ontology))
    markers = {term: _markers(defined.get(term, "")) for term in ontology.names}
    others = frozenset(term for term, name in ontology.names.items() if _OTHER_SPECIES.search(name))
    return Vocabulary(ontology, current, _above(ontology), {term: m for term, m in markers.items() if m}, others)


def _of_package(term: str, said: Mapping[str, Any]) -> Iterator[Text]:
    yield Text(said["label"], term, "label")
    for each in said.get("synonyms", []):
        yield Text(each, term, "exact")


def _of_obo(term: str, said: Mapping[str, Any]) -> Iterator[Text]:
    if "name" in said:
        yield Text(said["name"], term, "label")
    for line in said.get("synonym", []):
        if match := _SYNONYM.match(line):
            yield Text(re.sub(r"\\(.)", r"\1", match[1]), term, cast(Scope, match[2].lower()))


def _current(texts: list[Text], ontology: CellOntology) -> Iterator[Text]:
    """Yield the texts of a term if it is current, else as texts of what replaced it."""
    for each in texts:
        if each.term in ontology.names:
            yield each
        elif each.term in ontology.replaced:
            try:
                now = ontology.resolve(each.term)
            except OntologyError:
                # What replaced it is no cell type: its texts name none.
                return
            yield Text(each.text.removeprefix("obsolete "), now, each.scope, each.term)


def _markers(definition: str) -> frozenset[str]:
    return frozenset(word for each in _PRESENT.findall(definition) for word in words(each))


def _above(ontology: CellOntology) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}

    def above(term: str) -> frozenset[str]:
        if term not in found:
            parents = ontology.parents[term]
            found[term] = frozenset(parents).union(*map(above, parents))
        return found[term]

    return {term: above(term) for term in ontology.names}
