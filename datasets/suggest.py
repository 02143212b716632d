"""Which terms of the Cell Ontology the labels of a dataset may mean, each with the evidence for it. Nothing is applied.

From the surest rule: the label is an id, a label or a synonym of the ontology; it is one that is written otherwise; it
is one once the tissue is added, or an abbreviation spelt out; it has words in common with one.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from scarena.base.errors import OntologyError
from scarena.base.text import tidied
from scarena.datasets.abbreviations import Abbreviations
from scarena.datasets.label_words import loose, words
from scarena.datasets.no_type import why_no_type
from scarena.datasets.overlap import Overlap, Shared
from scarena.datasets.proposals import AMBIGUOUS, Proposal, Rule, Suggestion, evidence_of, score_of
from scarena.datasets.vocabulary import Text, Vocabulary

_ID = re.compile(r"CL[:_](\d{7})")
_LONGEST = 200
"""Characters of a label that are read: the longest text of the ontology has some 160."""
_MOST_READINGS = 8
"""Ways to spell out a label's abbreviations that are tried."""
_SHARED = 20
"""Terms with words in common that are looked at for each reading of a label."""
_FEWEST, _MOST_OF_THEM = 3, 0.8
"""Terms that must have all words of a label, and the share of them a term must be above to be what they share."""

_Words = tuple[str, ...]


class Suggester:
    """Finds terms for labels; made once for a vocabulary.

    Parameters
    ----------
    vocabulary
        The ontology with its texts.
    field
        Whether the field's list of abbreviations is used beside those that the ontology gives.
    """

    def __init__(self, vocabulary: Vocabulary, *, field: bool = True) -> None:
        self._vocabulary = vocabulary
        self._overlap = Overlap(vocabulary)
        self._abbreviations = Abbreviations.of(vocabulary, field=field)
        self._exact = vocabulary.by(tidied)
        self._words = vocabulary.by(words)
        self._loose = vocabulary.by(lambda text: loose(words(text)))

    def suggest(self, labels: Iterable[str], *, most: int = 5, tissue: str = "") -> Iterator[Suggestion]:
        """Yield what is proposed for each label.

        Parameters
        ----------
        labels
            Of a dataset.
        most
            Terms a label.
        tissue
            Where the cells come from, where that is known: it goes without saying in most labels.
        """
        context = self.context(tissue)
        for label in labels:
            yield self._suggestion(label, tidied(label)[:_LONGEST], most, context)

    def context(self, tissue: str) -> frozenset[str]:
        """Return the words by which the ontology knows a tissue; none where it does not."""
        return self._overlap.like(tissue)

    def _suggestion(self, label: str, plain: str, most: int, context: frozenset[str]) -> Suggestion:
        if match := _ID.fullmatch(plain):
            found = list(self._of_id(f"CL:{match[1]}"))
            return Suggestion(label, tuple(found), "" if found else "no current term of the ontology has this id")
        if reason := why_no_type(plain):
            return Suggestion(label, (), reason)
        proposals = tuple(self._ranked(plain, context)[:most])
        return Suggestion(label, proposals, "" if proposals else "no word of it is in the ontology")

    def _ranked(self, label: str, context: frozenset[str]) -> list[Proposal]:
        """Return the terms found for a label, the surest first; of one term the surest evidence."""
        best: dict[str, Proposal] = {}
        for each in self._found(label, context):
            if each.term not in best or each.score > best[each.term].score:
                best[each.term] = each
        order = {term: number for number, term in enumerate(best)}
        return sorted(best.values(), key=lambda each: (-each.score, order[each.term]))

    def _found(self, label: str, context: frozenset[str]) -> Iterator[Proposal]:
        read = words(label)
        yield from self._texts("exact", self._exact.get(label, []))
        yield from self._texts("written alike", self._words.get(read, []))
        for word in sorted(context):
            yield from self._texts("with the tissue", self._loose.get(loose((word, *read)), []))
        yield from self._texts("same words", self._loose.get(loose(read), []))
        yield from self._in_common(read, context)
        for joined in _joined(read):
            yield from self._texts("same words", self._loose.get(loose(joined), []))
        yield from self._spelt_out(read, context)
        yield from self._parts(read)

    def _parts(self, read: _Words) -> Iterator[Proposal]:
        """Yield what the longest parts of a label name by themselves: in ``Macrophage: M-CSF`` it is a macrophage."""
        for n_words in range(len(read) - 1, 0, -1):
            parts = {loose(read[first : first + n_words]): None for first in range(len(read) - n_words + 1)}
            named = [texts for part in parts if (texts := self._specific(part))]
            for texts in named:
                yield from self._texts("part", texts)
            if named:
                return

    def _specific(self, part: _Words) -> list[Text]:
        return [text for text in self._loose.get(part, []) if not self._overlap.too_general(text.term)]

    def _spelt_out(self, read: _Words, context: frozenset[str]) -> Iterator[Proposal]:
        """Yield what a label means once its abbreviations are spelt out; those with several meanings are less sure."""
        readings = list(islice(self._abbreviations.spelt_out(read), _MOST_READINGS))
        meant = [(self._loose.get(loose(long), []), long, trust, spelt) for long, trust, spelt in readings]
        # Two ways to spell out one term are one meaning.
        n_meanings = len({text.term for texts, *_ in meant for text in texts}) or len(meant)
        for texts, long, trust, spelt in meant:
            yield from self._texts("abbreviation", texts, trust, spelt, n_meanings)
            yield from self._in_common(long, context, trust * (AMBIGUOUS if n_meanings > 1 else 1.0), spelt)

    def _of_id(self, term: str) -> Iterator[Proposal]:
        try:
            now = self._vocabulary.ontology.resolve(term)
        except OntologyError:
            return
        yield self._proposal("id", Text(term, now, "label", "" if now == term else term))

    def _texts(
        self, rule: Rule, texts: Sequence[Text], factor: float = 1.0, spelt: str = "", n_terms: int = 1
    ) -> Iterator[Proposal]:
        terms = defaultdict(set)
        for text in texts:
            terms[text.scope].add(text.term)
        # Of equal texts a term's own comes before one that it took over.
        for text in sorted(texts, key=lambda each: bool(each.obsolete)):
            yield self._proposal(rule, text, factor, spelt, max(n_terms, len(terms[text.scope])))

    def _in_common(
        self, read: _Words, context: frozenset[str], factor: float = 1.0, spelt: str = ""
    ) -> Iterator[Proposal]:
        shared = self._overlap.best(read, context)
        for each in shared[:_SHARED]:
            # Those with the same words were found by a surer rule, which knows of how many terms they are.
            if loose(words(each.text.text)) != loose(read):
                yield self._proposal("shared words", each.text, factor * each.share, spelt)
        yield from self._above(shared, factor)

    def _above(self, shared: Sequence[Shared], factor: float) -> Iterator[Proposal]:
        """Yield the lowest terms above most of those that have all words of the label."""
        having = [each.text.term for each in shared if each.whole]
        if len(having) < _FEWEST:
            return
        above = self._vocabulary.above
        counts = Counter(other for term in having for other in {term} | above[term])
        wide = {t for t, n in counts.items() if n >= _MOST_OF_THEM * len(having) and not self._overlap.too_general(t)}
        for term in sorted(wide - {other for each in wide for other in above[each]}):
            said = f"above {counts[term]} of the {len(having)} terms that have all its words"
            score = score_of("what they share", "label", factor=factor * counts[term] / len(having))
            yield Proposal(term, self._vocabulary.ontology.names[term], "what they share", said, score)

    def _proposal(self, rule: Rule, text: Text, factor: float = 1.0, spelt: str = "", n_terms: int = 1) -> Proposal:
        other = text.term in self._vocabulary.other_species
        score = score_of(rule, text.scope, factor=factor, n_terms=n_terms, other_species=other)
        said = evidence_of(rule, text, spelt=spelt, n_terms=n_terms)
        return Proposal(text.term, self._vocabulary.ontology.names[text.term], rule, said, score)


def _joined(read: _Words) -> Iterator[_Words]:
    """Yield a label's words with two neighbours as one: ``T reg``, ``mega karyocyte``."""
    for n in range(len(read) - 1):
        yield *read[:n], read[n] + read[n + 1], *read[n + 2 :]
