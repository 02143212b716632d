"""The Cell Ontology term of a label, where the label is a term's name or exact synonym; none where it is anything else.

What `scarena suggest-map` calls exact or written alike (case, plural, R's dots, signs of molecules), and nothing that
it is less sure of: a term in an atlas is never a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping

from scarena.base.text import tidied
from scarena.datasets.label_words import words
from scarena.datasets.vocabulary import Text, Vocabulary


class ExactTerms:
    """Finds the term of a label; made once for a vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._letters: Mapping[Hashable, str] = _of_one_term(vocabulary, tidied)
        self._words: Mapping[Hashable, str] = _of_one_term(vocabulary, words)

    def of(self, label: str) -> str:
        """Return the term of a label, "" where there is none or more than one."""
        plain = tidied(label)
        return self._letters.get(plain) or self._words.get(words(plain), "")


def _of_one_term(vocabulary: Vocabulary, key: Callable[[str], Hashable]) -> dict[Hashable, str]:
    """Return the names and exact synonyms that a single term has, read in one way; a term's name goes first."""
    found = {}
    for read, texts in vocabulary.by(key).items():
        terms = _terms(texts, "label") or _terms(texts, "exact")
        if len(terms) == 1 and not terms & vocabulary.other_species:
            found[read] = next(iter(terms))
    return found


def _terms(texts: Iterable[Text], scope: str) -> set[str]:
    return {each.term for each in texts if each.scope == scope}
