"""What a card's labels mean: the current Cell Ontology term of each, and what was renamed or replaced on the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scarena.base.errors import CardError, DataError
from scarena.base.text import tidied
from scarena.datasets.card import DatasetCard
from scarena.datasets.ontology import CellOntology


@dataclass(frozen=True, slots=True)
class LabelTerms:
    """Label → current term, "" where none is right."""

    term_of: Mapping[str, str]
    said: tuple[str, ...]
    """A line for each term that was replaced, and where labels meet in one by that."""

    def of(self, labels: Iterable[str]) -> list[str]:
        """Return the term of each label; "" for one that nobody mapped."""
        return [self.term_of.get(label, "") for label in labels]


def label_terms(labels: Iterable[str], card: DatasetCard, ontology: CellOntology, where: str) -> LabelTerms:
    """Return the terms of the labels that occur.

    Raises
    ------
    DataError
        If a label is not on the card.
    CardError
        If the card gives two labels that look alike different terms.
    OntologyError
        If a term of the card is unknown or obsolete without a replacement.
    """
    given = _given(card)
    present = sorted({label for label in labels if label is not None})
    if card.labels_are_terms:
        given = _named(present, ontology) | given
    unknown = [label for label in present if label not in given]
    if unknown:
        fix = f"add it to `labels` on the card {card.name} (null where no term is right), or to `drop_labels`"
        what = f"label {unknown[0]!r} is not on the card"
        if card.labels_are_terms:
            what += f" and no term of Cell Ontology {ontology.release} has this name"
        raise DataError(what, where=f"{where}: label", fix=fix)
    term_of = {label: ontology.resolve(term) if term else "" for label, term in given.items()}
    return LabelTerms(term_of, tuple(_said(given, term_of, present, ontology)))


def _named(labels: Iterable[str], ontology: CellOntology) -> dict[str, str | None]:
    terms = {tidied(name).casefold(): term for term, name in ontology.names.items()}
    return {label: terms[label.casefold()] for label in labels if label.casefold() in terms}


def _given(card: DatasetCard) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for label, term in card.labels.items():
        name = tidied(label)
        if name in found and found[name] != term:
            what = f"two labels look like {name!r}: {found[name]} and {term}"
            raise CardError(what, where=f"{card.name}: labels", fix="leave one of them")
        found[name] = term
    return found


def _said(
    given: Mapping[str, str | None], term_of: Mapping[str, str], present: list[str], ontology: CellOntology
) -> Iterable[str]:
    replaced = {label: given[label] for label in present if given[label] and given[label] != term_of[label]}
    for label, old in replaced.items():
        new = term_of[label]
        yield f"{label!r}: {old} is obsolete and was replaced by {new} ({ontology.names[new]})"
    for term in sorted({term_of[label] for label in replaced}):
        alike = [label for label in present if term_of[label] == term]
        if len(alike) > 1:
            yield f"{term} ({ontology.names[term]}) is now the term of {len(alike)} labels: {', '.join(alike)}"
