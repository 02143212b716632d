"""Abbreviations in labels: those that the ontology's own synonyms give, and a short list of the field's.

The ontology gives them without saying so: where one text of a term has ``HSC`` and another ``hematopoietic stem cell``,
the one stands for the other. `FIELD` holds what laboratories write and the ontology lacks or has several meanings for.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from scarena.datasets.label_words import words
from scarena.datasets.vocabulary import Vocabulary

# Sources: (a) celltype.l1 to l3 of the PBMC reference, doi:10.1016/j.cell.2021.04.048; (b) classes and subclasses of
# the human cortex, doi:10.1038/s41586-021-03465-8; (c) the Human Lung Cell Atlas, doi:10.1038/s41591-023-02327-2;
# (d) CD names and gene symbols, HGNC gene group 471.
FIELD: Mapping[str, str] = {
    # (a) blood and bone marrow
    "CLP": "common lymphoid progenitor",
    "CMP": "common myeloid progenitor",
    "CTL": "cytotoxic T cell",
    "Eryth": "erythrocyte",
    "GMP": "granulocyte monocyte progenitor",
    "HSPC": "hematopoietic precursor cell",
    "MAIT": "mucosal invariant T cell",
    "MK": "megakaryocyte",
    "Mono": "monocyte",
    "TCM": "central memory T cell",
    "TEM": "effector memory T cell",
    "gdT": "gamma-delta T cell",
    # (b) brain
    "Astro": "astrocyte",
    "Endo": "endothelial cell",
    "Exc": "glutamatergic neuron",
    "Inh": "GABAergic neuron",
    "Micro": "microglial cell",
    "Oligo": "oligodendrocyte",
    "Peri": "pericyte",
    # (c) organs
    "AT1": "pulmonary alveolar type 1 cell",
    "AT2": "pulmonary alveolar type 2 cell",
    "EC": "endothelial cell",
    # (d) genes of molecules that the ontology calls by their CD name
    "FCGR3A": "CD16",
    "IL2RA": "CD25",
    "IL3RA": "CD123",
    "IL7R": "CD127",
    "ITGAM": "CD11b",
    "ITGAX": "CD11c",
    "KIT": "CD117",
    "MME": "CD10",
    "MS4A1": "CD20",
    "NCAM1": "CD56",
    "PROM1": "CD133",
    "SDC1": "CD138",
    "THBD": "CD141",
}

_SHORT = re.compile(r"[A-Za-z]*[A-Z][A-Za-z]*")
_SHORTEST, _LONGEST, _MOST_MEANINGS = 2, 6, 4
_OF_FIELD = 0.95
"""How far the field's list is trusted, where the ontology's own abbreviations are 1."""

_Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an abbreviation stands for."""

    words: _Words
    said: str
    trust: float

    def said_of(self, label: _Words, span: tuple[int, int]) -> str:
        """Return how to say that some words of a label were read so."""
        return f"{' '.join(label[slice(*span)]).upper()} read as {self.said}"


@dataclass(frozen=True, slots=True)
class Abbreviations:
    """Abbreviations, as words, and what each may mean, the likeliest first."""

    known: Mapping[str, tuple[Meaning, ...]]

    @classmethod
    def of(cls, vocabulary: Vocabulary, *, field: bool = True) -> Abbreviations:
        """Return those that the ontology gives, with the field's list if asked."""
        known = {
            short: [Meaning(long, f"'{_shown(long)}' (by the ontology)", 1.0) for long in longs]
            for short, longs in _given(vocabulary)
        }
        # Of the several things that EC stands for in the ontology, the field means one.
        for short, long in FIELD.items() if field else ():
            known["".join(words(short))] = [Meaning(words(long), f"'{long}' (by the field's list)", _OF_FIELD)]
        return cls({short: tuple(meanings) for short, meanings in known.items()})

    def spelt_out(self, label: _Words) -> Iterator[tuple[_Words, float, str]]:
        """Yield the words of a label with one abbreviation spelt out, or all; how far to trust them; what is said.

        Two words may be one abbreviation: ``T reg``.
        """
        spans = [(first, last) for last in range(1, len(label) + 1) for first in (last - 1, last - 2) if first >= 0]
        known = [span for span in spans if "".join(label[slice(*span)]) in self.known]
        for span in known:
            for meaning in self.known["".join(label[slice(*span)])]:
                yield _replaced(label, span, meaning.words), meaning.trust, meaning.said_of(label, span)
        # Those of one word cannot overlap.
        single = [span for span in known if span[1] - span[0] == 1]
        if len(single) > 1:
            meant = {span: self.known[label[span[0]]][0] for span in single}
            long = label
            for span in reversed(single):
                long = _replaced(long, span, meant[span].words)
            said = ", ".join(meaning.said_of(label, span) for span, meaning in meant.items())
            yield long, min(meaning.trust for meaning in meant.values()), said


def _replaced(label: _Words, span: tuple[int, int], long: _Words) -> _Words:
    return *label[: span[0]], *long, *label[span[1] :]


def _shown(read: _Words) -> str:
    return " ".join(word.upper() if len(word) == 1 else word for word in read)


def _given(vocabulary: Vocabulary) -> Iterator[tuple[str, list[_Words]]]:
    """Yield the abbreviations of the ontology; of several meanings those that most terms have, at most four."""
    texts: dict[str, list[str]] = defaultdict(list)
    for each in vocabulary.texts:
        if each.scope in ("label", "exact"):
            texts[each.term].append(each.text)
    told: dict[str, Counter[_Words]] = defaultdict(Counter)
    for term, of_term in texts.items():
        for short, long in {*_of_initials(of_term), *_of_one_word(of_term, vocabulary.ontology.names[term])}:
            told[short][long] += 1
    for short, meanings in sorted(told.items()):
        yield short, sorted(meanings, key=lambda long: (-meanings[long], long))[:_MOST_MEANINGS]


def _of_initials(texts: Sequence[str]) -> Iterator[tuple[str, _Words]]:
    """Yield the words of a term's texts that are spelt by the initials of others of its words."""
    read = [words(text) for text in texts]
    parts = {part for text in texts for part in re.split(r"[^A-Za-z0-9]+", text) if _SHORT.fullmatch(part)}
    for short in sorted({part.casefold() for part in parts if _SHORTEST <= len(part) <= _LONGEST}):
        for long in read:
            for first in range(len(long) - len(short) + 1):
                run = long[first : first + len(short)]
                # "L6 CT" in "CT VAL/VM" would make an abbreviation of itself.
                if short not in run and "".join(word[0] for word in run) == short:
                    yield short, run


def _of_one_word(texts: Sequence[str], name: str) -> Iterator[tuple[str, _Words]]:
    """Yield the synonyms of one word, which stand for the term's label: ``Treg``."""
    long = words(name)
    for text in texts:
        read = words(text)
        if len(read) == 1 and len(read[0]) >= _SHORTEST and read[0].isalpha() and read[0] not in long:
            yield read[0], long
