"""How much a label and the texts of the ontology share: words weighted by how few terms have them.

A word of a label counts for a word of a text that is the same, that it begins (``astro``), or that has the same stem
(``microglia``, ``microglial``). What a text has besides counts against it, unless a shared word nearly says it already:
``CD8 T`` is the *CD8-positive, alpha-beta T cell*, since nearly all terms with CD8 are alpha-beta.
"""

from __future__ import annotations

import bisect
import dataclasses
import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from scarena.datasets.label_words import SMALL, words
from scarena.datasets.vocabulary import Text, Vocabulary

_TOO_GENERAL = 0.2
"""Share of all terms below a term that says next to nothing: cell, eukaryotic cell, somatic cell."""
_BEGINS, _STEM, _DEFINED = 0.6, 0.95, 0.15
"""How alike words are of which one begins the other, or that share a stem; a molecule of a label and a definition."""
_SHORTEST_BEGINNING, _SHORTEST_STEM = 4, 5
_ENDINGS = frozenset({"", "a", "al", "ar", "e", "ic", "ium", "l", "ly", "tic", "um"})
_MARKER = re.compile(r"cd\d.*|.*(-|:\w+)")
_MARKER_WEIGHT = 0.7
"""Of a molecule that a text lacks, where no text has all words of the label: "CD20+ B" is a B cell."""
_UNKNOWN_WEIGHT = 2.0
"""Of a word that no term has: it tells no term from another, but makes all of them less sure."""
_PRIOR = 2.0
"""Terms' worth of belief in a word's overall share, before those that have a shared word are counted."""
_NARROWER = 0.99
"""Of the share of a term above, what one below may have that adds words which the label has not."""

_WORTH = 0.25
"""Of what the text with most shared words has, what others must have to be looked at."""

_Near = Mapping[str, Mapping[str, float]]
"""Word of a label → words of the ontology that it may mean → how alike they are."""


@dataclass(frozen=True, slots=True)
class Shared:
    """A text that shares words with a label."""

    text: Text
    share: float
    """Of the words of both, weighted, that are shared; in 0..1."""
    words: frozenset[str]
    """Words of the label that the term has."""
    whole: bool
    """Whether these are all."""
    besides: int
    """How many words the text has that the label has not."""


class Overlap:
    """The texts of a vocabulary, by their words; without terms that are too general or of other species."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._below = Counter(above for terms in vocabulary.above.values() for above in terms)
        self._texts = [
            (text, frozenset(words(text.text)) - SMALL)
            for text in vocabulary.texts
            if not self.too_general(text.term) and text.term not in vocabulary.other_species
        ]
        self._by_word: dict[str, list[int]] = defaultdict(list)
        for number, (_, held) in enumerate(self._texts):
            for word in held:
                self._by_word[word].append(number)
        self._sorted = sorted(self._by_word)
        self._terms = {word: {self._texts[n][0].term for n in found} for word, found in self._by_word.items()}
        self._n_terms = len({text.term for text, _ in self._texts})
        self._weights = {word: math.log(1 + self._n_terms / len(of)) for word, of in self._terms.items()}
        self._costs: dict[tuple[str, str], float] = {}

    def too_general(self, term: str) -> bool:
        """Return whether so many terms are below one that it says next to nothing."""
        return self._below[term] > _TOO_GENERAL * len(self._vocabulary.ontology.names)

    def like(self, text: str) -> frozenset[str]:
        """Return the words of the ontology that the words of a text may mean."""
        return frozenset(near for word in set(words(text)) - SMALL for near in self._near(word))

    def best(self, label: tuple[str, ...], context: frozenset[str] = frozenset()) -> list[Shared]:
        """Return the text of each term that shares most with a label, the terms that share most first.

        Parameters
        ----------
        label
            Its words.
        context
            Words that go without saying, such as the tissue: a text may have them or not.
        """
        near = {word: self._near(word) for word in sorted(set(label) - SMALL)}
        numbers, whole = self._candidates(near)
        spare = 1.0 if whole else _MARKER_WEIGHT
        best: dict[str, Shared] = {}
        for number in numbers:
            found = self._shared(*self._texts[number], near, context, spare)
            if found.text.term not in best or found.share > best[found.text.term].share:
                best[found.text.term] = found
        ranked = [self._plainer_first(found, best) for found in best.values()]
        return sorted(ranked, key=lambda each: (-round(each.share, 6), -self._below[each.text.term], each.text.term))

    def _candidates(self, near: _Near) -> tuple[list[int], bool]:
        """Return the texts worth a closer look, and whether one has every word of the label."""
        got: dict[int, float] = defaultdict(float)
        words_of: Counter[int] = Counter()
        for likes in near.values():
            of_word: dict[int, float] = {}
            for like, alike in likes.items():
                for number in self._by_word[like]:
                    of_word[number] = max(of_word.get(number, 0.0), alike * self._weights[like])
            words_of.update(of_word.keys())
            for number, weight in of_word.items():
                got[number] += weight
        least = _WORTH * max(got.values(), default=0.0)
        return sorted(n for n, weight in got.items() if weight >= least), max(words_of.values(), default=0) == len(near)

    def _plainer_first(self, found: Shared, best: Mapping[str, Shared]) -> Shared:
        """Return a term with no more than what one above it has, which says nothing that the label does not."""
        above = [best[term] for term in self._vocabulary.above[found.text.term] & best.keys()]
        plainer = [each.share for each in above if each.words == found.words and each.besides <= found.besides]
        least = _NARROWER * min(plainer, default=math.inf)
        return found if found.share <= least else dataclasses.replace(found, share=least)

    def _near(self, word: str) -> dict[str, float]:
        found = {word: 1.0} if word in self._by_word else {}
        if len(word) >= _SHORTEST_BEGINNING and word.isalpha():
            beginning = word[:_SHORTEST_STEM]
            for other in self._sorted[bisect.bisect_left(self._sorted, beginning) :]:
                if not other.startswith(beginning):
                    break
                if alike := _alike(word, other):
                    found.setdefault(other, alike)
        return found

    def _shared(self, text: Text, held: frozenset[str], near: _Near, context: frozenset[str], spare: float) -> Shared:
        """Return what a text and a label share; `spare` is the weight of the label's molecules that the text lacks."""
        nearest = {word: _nearest(likes, held) for word, likes in near.items()}
        defined = self._vocabulary.markers.get(text.term, frozenset()) & near.keys()
        got = asked = 0.0
        for word, (alike, other) in nearest.items():
            lacks = spare if not other and _MARKER.fullmatch(word) else 1.0
            weight = lacks * self._weights.get(other or word, _UNKNOWN_WEIGHT)
            got += weight * (alike or (_DEFINED if word in defined else 0.0))
            asked += weight
        taken = {other for _, other in nearest.values() if other}
        besides = held - taken - context
        gained = sum(self._weights[word] for word in sorted(held - besides))
        cost = sum(min(self._cost(other, word) for other in taken) for word in sorted(besides))
        recall, precision = got / asked, gained / (gained + cost)
        own = defined | {word for word, (_, other) in nearest.items() if other}
        whole = all(other for _, other in nearest.values())
        return Shared(text, 2 * precision * recall / (precision + recall), own, whole, len(besides))

    def _cost(self, shared: str, word: str) -> float:
        """Return how surprising a word is in a term that has a shared one."""
        if (shared, word) not in self._costs:
            having, of = self._terms[shared], self._terms[word]
            expected = _PRIOR * len(of) / self._n_terms
            self._costs[shared, word] = math.log((len(having) + _PRIOR) / (len(having & of) + expected))
        return self._costs[shared, word]


def _nearest(likes: Mapping[str, float], held: frozenset[str]) -> tuple[float, str]:
    """Return the word of a text that is most like one of a label, and how much; 0 and "" where none is."""
    return max(((likes[each], each) for each in likes.keys() & held), default=(0.0, ""))


def _alike(word: str, other: str) -> float:
    common = next((n for n, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), min(len(word), len(other)))
    if common >= _SHORTEST_STEM and {word[common:], other[common:]} <= _ENDINGS:
        return _STEM
    return _BEGINS if common == len(word) else 0.0
