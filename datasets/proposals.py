"""What is proposed for a label, how sure each rule is, and how that is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from scarena.datasets.vocabulary import Scope, Text

TRUSTED = 0.8
"""From this score on a proposal stands in the map that is written; below, it is a comment there."""

Rule = Literal[
    "id",
    "exact",
    "written alike",
    "with the tissue",
    "same words",
    "abbreviation",
    "shared words",
    "what they share",
    "part",
]

_OF_RULE: Mapping[Rule, float] = {
    "id": 1.0, "exact": 1.0, "written alike": 0.96, "with the tissue": 0.94, "same words": 0.92, "abbreviation": 0.9,
    "shared words": 0.78, "what they share": 0.6, "part": 0.5,
}  # fmt: skip
_OF_SCOPE: Mapping[Scope, float] = {"label": 1.0, "exact": 0.98, "related": 0.75, "narrow": 0.7, "broad": 0.65}
AMBIGUOUS = 0.7
"""Of a text that several terms have under the same scope, or an abbreviation of several meanings."""
_OTHER_SPECIES = 0.7
"""Of a term of another species, where the label is not that term's text letter by letter."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A term that a label may mean."""

    term: str
    name: str
    rule: Rule
    evidence: str
    """What led to it, in words: which text of the ontology, how it was read."""
    score: float
    """In 0..1: the higher, the surer; docs/suggest-map.md says how often each was right."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What is proposed for a label."""

    label: str
    proposals: tuple[Proposal, ...]
    """The surest first."""
    reason: str = ""
    """Why there is none."""

    @property
    def trusted(self) -> Proposal | None:
        """The best proposal, if it may be trusted."""
        best = self.proposals[0] if self.proposals else None
        return best if best is not None and best.score >= TRUSTED else None


def score_of(rule: Rule, scope: Scope, *, factor: float = 1.0, n_terms: int = 1, other_species: bool = False) -> float:
    """Return how sure a rule is that found a text of some scope which so many terms have.

    Examples
    --------
    >>> score_of("exact", "label"), score_of("written alike", "exact"), score_of("exact", "exact", n_terms=2)
    (1.0, 0.941, 0.686)
    """
    score = _OF_RULE[rule] * _OF_SCOPE[scope] * factor * (AMBIGUOUS if n_terms > 1 else 1.0)
    return round(score * (_OTHER_SPECIES if other_species and rule != "exact" else 1.0), 3)


def evidence_of(rule: Rule, text: Text, *, spelt: str = "", n_terms: int = 1) -> str:
    """Return what is said of a proposal: the text, how it was found, and what became of its term."""
    kind = "name" if text.scope == "label" else f"{text.scope} synonym"
    # A term's own name stands beside the evidence.
    what = "its name" if text.scope == "label" and not text.obsolete else f"{kind} '{text.text}'"
    said = {
        "id": "its id",
        "exact": what,
        "written alike": f"{what}, written otherwise",
        "with the tissue": f"{what}, with the tissue",
        "same words": f"the same words as {what}",
        "abbreviation": what,
        "shared words": f"words in common with {what}",
        "part": f"{what} is part of the label",
    }[rule]
    others = f", one of {n_terms} meanings" if rule == "abbreviation" else f", which {n_terms} terms have"
    several = others if n_terms > 1 else ""
    replaced = f"; {text.obsolete} is obsolete, and this term replaced it" if text.obsolete else ""
    return f"{said}{several}{f', {spelt}' if spelt else ''}{replaced}"
