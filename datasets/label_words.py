"""The words of a label, written in one way: ``CD4+ T-cells``, ``CD4 T cell`` and ``CD4-positive T cell`` alike.

The same is done to labels and to the texts of the ontology, so a rule need not be right English; it must make equal
what means the same.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "κ": "kappa", "λ": "lambda",
    "μ": "mu", "ω": "omega", "ϵ": "epsilon", "Γ": "gamma", "Δ": "delta",
}  # fmt: skip
_GREEK_LETTERS = re.compile("[" + "".join(_GREEK) + "]")
# NFKC makes plain signs of superscripts, and leaves these dashes.
_DASHES = re.compile("[‐‑‒–—−]")
_PLUS = re.compile(r"(?<=[\w)])\++")
# A hyphen that ends a word, or stands between two CD molecules, is a minus; any other joins two words.
_MINUS = re.compile(r"(?<=\w)-(?=$|[\s,/;)_])")
_MINUS_BETWEEN = re.compile(r"\b(CD\d+(?:R[ABOC]+|[a-z])?)-(?=CD\d)")
_LEVEL = re.compile(r"\b(CD\d+(?:R[ABOC]+|[a-z])?)(high|hi|low|lo|bright|dim|int|pos|neg)\b")
_CAMEL = re.compile(r"(?<=[a-z]{3})(?=[A-Z])")
_PLURAL_CAPITALS = re.compile(r"\b([A-Z][A-Za-z]*[A-Z]|[A-Z]{2,}\d*)s\b")
_TOKEN = re.compile(r"[^\W_]+")
_NUMBERED = re.compile(r"([a-z]{4,})(\d+)")
_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4"}
_COUNTED = {"type", "stage", "class", "layer"}
_SIGNS = {
    "positive": "", "pos": "", "negative": "-", "neg": "-", "low": ":low", "lo": ":low", "high": ":high", "hi": ":high",
    "bright": ":bright", "dim": ":dim", "int": ":intermediate",
}  # fmt: skip
SMALL = frozenset({"cell", "of", "the", "and", "in", "a", "an", "or", "with", "by", "from"})
"""Words that tell no type from another."""


# All texts of the ontology are read several times, in one way each.
@lru_cache(maxsize=1 << 15)
def words(text: str) -> tuple[str, ...]:
    """Return the words of a label or of a text of the ontology, in order.

    Lower case and singular, greek letters spelt out, without accents. A molecule's sign stands in its word: none
    where it is present, ``-`` where it is absent, ``:low`` and the like for a level.

    Examples
    --------
    >>> words("CD4+ T-cells"), words("CD4-positive T cell")
    (('cd4', 't', 'cell'), ('cd4', 't', 'cell'))
    >>> words("γδ T"), words("CD25- Tregs")
    (('gamma', 'delta', 't'), ('cd25-', 'treg'))
    """
    text = _DASHES.sub("-", unicodedata.normalize("NFKC", text))
    text = _LEVEL.sub(r"\1 \2", _MINUS_BETWEEN.sub(r"\1 negative ", text))
    text = _MINUS.sub(" negative ", _PLUS.sub(" positive ", text))
    text = _GREEK_LETTERS.sub(lambda found: f" {_GREEK[found[0]]} ", text)
    text = _PLURAL_CAPITALS.sub(r"\1", _CAMEL.sub(" ", text))
    bare = "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))
    found: list[str] = []
    for token in _TOKEN.findall(bare.casefold()):
        _add(found, token)
    return tuple(found)


def _add(found: list[str], token: str) -> None:
    """Put one token behind those found: as a word or two, or as the sign of the last one."""
    if found and token in _SIGNS:
        if found[-1].isalnum():
            found[-1] += _SIGNS[token]
    elif found and found[-1] in _COUNTED and token in _ROMAN:
        found.append(_ROMAN[token])
    elif numbered := _NUMBERED.fullmatch(token):
        found += [_singular(numbered[1]), numbered[2]]
    elif (joined := token.removesuffix("s").removesuffix("cell")) and token.removeprefix(joined) in ("cell", "cells"):
        found += [joined, "cell"]
    else:
        found.append(_spelt(_singular(token)))


def _singular(token: str) -> str:
    if len(token) > 4 and token.endswith("ies"):
        return f"{token[:-3]}y"
    keeps = len(token) < 4 or token.endswith(("ss", "us", "is"))
    return token.removesuffix("s") if not keeps else token


def _spelt(token: str) -> str:
    """Return British spelling as American: haematopoietic, oesophageal, tumour."""
    if len(token) < 5:
        return token
    return token.replace("ae", "e").replace("oe", "e").replace("tumour", "tumor")


def loose(found: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words that tell types apart, sorted: the order in a label is its author's."""
    return tuple(sorted(set(found) - SMALL))
