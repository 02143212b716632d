"""`scarena bench suggest-map`: how often the terms that cards give their labels are proposed, first or among five.

A pair of a label and its term counts once, on the first card that has it. Obsolete ids on cards count as what
replaced them. Of the cards that give terms every third by name is held out: its pairs that no other card has are
counted apart.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from scarena.base.errors import DataError
from scarena.base.untrusted import read_text
from scarena.datasets.card import card_origins, load_card
from scarena.datasets.ontology import CellOntology
from scarena.datasets.proposals import TRUSTED, Proposal
from scarena.datasets.suggest import Suggester
from scarena.datasets.vocabulary import Vocabulary

COLUMNS = [
    "labels of", "pairs", "at rank 1", "within 5", "in the map", "of these right", "without tissue", "without list",
]  # fmt: skip
RULE_COLUMNS = ["best proposal by", "pairs", "right", "scores"]
MISSED_COLUMNS = ["labels of", "label", "its term", "rank", "proposed first", "evidence"]
ALL, DEVELOPMENT, HELD_OUT = "all cards", "development", "held out"
_MOST, _EVERY = 5, 3
_LARGEST_TABLE = 1 << 20

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels with the terms that somebody gave them."""

    name: str
    terms: Mapping[str, str]
    tissue: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a label's term stands among what is proposed."""

    of: str
    pair: Pair
    rank: int
    """From 1; 0 where it is not among five."""
    best: Proposal | None


def of_cards(ontology: CellOntology) -> list[Labels]:
    """Return the labels of this package's cards that have terms, the cards by name."""
    ours = [name for name, origins in card_origins().items() if origins[0][1] == "scarena"]
    cards = [load_card(name) for name in ours]
    found = [
        Labels(card.name, {label: ontology.resolve(term) for label, term in card.labels.items() if term}, card.tissue)
        for card in cards
    ]
    return [labels for labels in found if labels.terms]


def of_table(path: Path, ontology: CellOntology) -> Labels:
    """Return the labels of a table without header, of a label and its term in each line, parted by a tab.

    Labels without a term (nothing, or NA) are left out.

    Raises
    ------
    DataError
        If a line is none of these.
    OntologyError
        If a term is unknown, or obsolete without a replacement.
    """
    fix = "write a label, a tab and its term (CL:0000236) on each line"
    terms = {}
    text = read_text(path, DataError, most=_LARGEST_TABLE, fix=fix)
    for number, row in enumerate(csv.reader(StringIO(text), "excel-tab"), 1):
        if len(row) != 2:
            raise DataError(f"line {number} has {len(row)} parts", where=str(path), fix=fix)
        if row[1] not in ("", "NA"):
            terms[row[0]] = ontology.resolve(row[1])
    return Labels(str(path), terms)


def places(suggester: Suggester, every: Iterable[Labels], *, tissue: bool = True) -> dict[str, list[Place]]:
    """Return the place of each label's term among five proposals, by the name of the labels."""
    found: dict[str, list[Place]] = {}
    for labels in every:
        suggestions = suggester.suggest(labels.terms, most=_MOST, tissue=labels.tissue if tissue else "")
        found[labels.name] = [
            _place(labels.name, pair, each.proposals)
            for pair, each in zip(labels.terms.items(), suggestions, strict=True)
        ]
    return found


def _place(of: str, pair: Pair, proposals: Sequence[Proposal]) -> Place:
    terms = [each.term for each in proposals]
    return Place(of, pair, terms.index(pair[1]) + 1 if pair[1] in terms else 0, proposals[0] if proposals else None)


def measure(tables: Sequence[Path] = (), ontology: str = "package") -> dict[str, list[list[str]]]:
    """Return rows by `COLUMNS` (``found``), `RULE_COLUMNS` (``rules``) and `MISSED_COLUMNS` (``missed``)."""
    vocabulary = Vocabulary.load(ontology)
    cards = of_cards(vocabulary.ontology)
    every = [*cards, *(of_table(path, vocabulary.ontology) for path in tables)]
    plain, bare = Suggester(vocabulary), Suggester(vocabulary, field=False)
    found = [places(plain, every), places(plain, every, tissue=False), places(bare, every)]
    groups = groups_of([labels.name for labels in every], [labels.name for labels in cards])
    rows = []
    for name, members in groups.items():
        held = [distinct(each, members, () if name != HELD_OUT else groups[DEVELOPMENT]) for each in found]
        sure = [each for each in held[0] if each.best and each.best.score >= TRUSTED]
        others = [" and ".join(map(str, _counts(each))) for each in held[1:]]
        rows.append([name, str(len(held[0])), *_parts(held[0]), str(len(sure)), _parts(sure)[0], *others])
    pairs = distinct(found[0], groups[ALL])
    return {"found": rows, "rules": by_rule(pairs), "missed": missed(pairs)}


def groups_of(every: Sequence[str], cards: Sequence[str]) -> dict[str, list[str]]:
    """Return the names that are counted together: each by itself, all cards, two thirds of them, the held-out third."""
    held_out = list(cards[_EVERY - 1 :: _EVERY])
    development = [name for name in cards if name not in held_out]
    return {**{name: [name] for name in every}, ALL: list(cards), DEVELOPMENT: development, HELD_OUT: held_out}


def distinct(found: Mapping[str, list[Place]], names: Iterable[str], without: Iterable[str] = ()) -> list[Place]:
    """Return the places of distinct pairs, where some names have them first, but for those that others have."""
    others = {place.pair for name in without for place in found[name]}
    first: dict[Pair, Place] = {}
    for name in names:
        for place in found[name]:
            if place.pair not in others:
                first.setdefault(place.pair, place)
    return list(first.values())


def _counts(found: Sequence[Place]) -> tuple[int, int]:
    return sum(each.rank == 1 for each in found), sum(each.rank > 0 for each in found)


def _parts(found: Sequence[Place]) -> tuple[str, str]:
    first, within = (f"{n} ({n / len(found):.1%})" if found else "-" for n in _counts(found))
    return first, within


def by_rule(found: Iterable[Place]) -> list[list[str]]:
    """Return rows by `RULE_COLUMNS`."""
    groups: dict[str, list[Place]] = {}
    for each in found:
        if each.best is not None:
            groups.setdefault(each.best.rule, []).append(each)
    rows = []
    for rule, held in sorted(groups.items(), key=lambda pair: -max(each.best.score for each in pair[1] if each.best)):
        scores = [each.best.score for each in held if each.best]
        rows.append([rule, str(len(held)), _parts(held)[0], f"{min(scores):.2f} to {max(scores):.2f}"])
    return rows


def missed(found: Iterable[Place]) -> list[list[str]]:
    """Return rows by `MISSED_COLUMNS` of the pairs whose term is not proposed first."""
    rows = []
    for each in (place for place in found if place.rank != 1):
        first = [each.best.name, each.best.evidence] if each.best else ["", ""]
        rows.append([each.of, *each.pair, str(each.rank or "-"), *first])
    return rows
