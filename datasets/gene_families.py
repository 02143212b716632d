"""Families of genes, by symbol: genes that look alike by descent are held out together, or a sequence alone would tell.

The rule, where nothing but names is at hand:

1. The stem is the letters that a symbol begins with, up to its first digit or hyphen, where there are three or more:
   KRT14 → KRT, HOXA1 → HOXA, SLC2A1 → SLC. With fewer letters it is the symbol without the digits at its end, where
   three characters or more are left: OR4F5 → OR4F, H2AC1 → H2AC. Otherwise, and for placeholders (C1orf112, an Ensembl
   id), it is the symbol.
2. Where stems differ in their last letter and A and B are among those, that letter is left off: HOXA, HOXB, HOXD → HOX;
   C1QA, C1QB, C1QC → C1Q; so often as it holds: PCDHGA → PCDHG → PCDH. Three characters must remain.
3. A family of more than `LARGEST` genes is cut by the number that follows its stem, where letters follow that: SLC2,
   SLC4. What has no such number, or is too large still, is cut into pieces of equal size in the order of the numbers:
   ZNF:1, ZNF:2.

What it misses: paralogues under different names (HBB and MB, TP53 and TP63, CD3D and CD3E) and in different pieces of a
large family. What it joins in error: names that stand for no common descent (TMEM, CCDC, FAM); this costs a little
power and gives nothing away.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from math import ceil

LARGEST = 200
"""Most genes in a family: one in a hundred of all, so that no fold is one family."""

_LETTERS = re.compile(r"([A-Z]{3,})(?=\d|-|$)")
_PLACEHOLDER = re.compile(r"C(\d+|X|Y)orf\d+|ENSG\d{11}")
_NUMBER = re.compile(r"-?(\d+)(.*)")


def families(symbols: Iterable[str]) -> dict[str, str]:
    """Return the family of each symbol.

    Parameters
    ----------
    symbols
        Of all genes, for what a stem is cut to depends on the others; repeats count once.

    Returns
    -------
    Symbol → name of the family; of a gene without relatives its own stem.
    """
    stems = {symbol: _stem(symbol) for symbol in sorted(set(symbols))}
    known = set(stems.values())
    members: dict[str, list[str]] = defaultdict(list)
    for symbol, stem in stems.items():
        members[_joined(stem, known)].append(symbol)
    return {symbol: name for stem in sorted(members) for symbol, name in _cut(stem, members[stem]).items()}


def _stem(symbol: str) -> str:
    if _PLACEHOLDER.fullmatch(symbol):
        return symbol
    if letters := _LETTERS.match(symbol):
        return letters[1]
    cut = symbol.rstrip("0123456789")
    return cut if len(cut) >= 3 else symbol


def _joined(stem: str, known: set[str]) -> str:
    short = stem[:-1]
    if len(short) < 3 or not stem[-1].isalpha() or not {f"{short}A", f"{short}B"} <= known:
        return stem
    return _joined(short, known)


def _cut(stem: str, symbols: list[str]) -> dict[str, str]:
    if len(symbols) <= LARGEST:
        return dict.fromkeys(symbols, stem)
    places = {symbol: _place(stem, symbol) for symbol in symbols}
    named = {symbol: f"{stem}{number}" if rest else stem for symbol, (number, rest) in places.items()}
    sizes, seen, found = Counter(named.values()), Counter[str](), {}
    for symbol in sorted(symbols, key=lambda each: (*places[each], each)):
        name = named[symbol]
        pieces = ceil(sizes[name] / LARGEST)
        found[symbol] = name if pieces == 1 else f"{name}:{seen[name] * pieces // sizes[name] + 1}"
        seen[name] += 1
    return found


def _place(stem: str, symbol: str) -> tuple[int, str]:
    """Return the number that follows a stem, −1 where there is none, and what follows that."""
    number = _NUMBER.fullmatch(symbol.removeprefix(stem))
    return (int(number[1]), number[2]) if number else (-1, "")
