"""What to do about names of genes that are not known: whose they look to be, and which column has better ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from scarena.base.text import named

if TYPE_CHECKING:
    import pandas as pd


LookUp = Callable[[Sequence[str]], Sequence[str | None]]
_LOOKED_AT = 5000
_HUMAN = "human genes are expected, by symbol or Ensembl id"
_SPECIES = {
    "ENSMUSG": "mouse", "ENSRNOG": "rat", "ENSDARG": "zebrafish", "ENSMMUG": "macaque", "ENSMFAG": "macaque",
    "ENSSSCG": "pig", "ENSGALG": "chicken", "ENSBTAG": "cow", "ENSOCUG": "rabbit", "ENSCAFG": "dog",
    "FBGN": "fruit fly", "WBGENE": "worm",
}  # fmt: skip
_SHAPES = (
    (re.compile(r"ENSG\d{11}(\.\d+)?-\d+"), "their names end in -1, as `var_names_make_unique` leaves them: undo it"),
    (re.compile(r"(GRCh3\d|hg19|hg38)_+.+"), "their names begin with a genome's: remove it"),
    (
        re.compile(r"\d+"),
        "their names are numbers: name the column that holds Ensembl ids or symbols (`--gene-column`)",
    ),
    (re.compile(r"[a-z0-9.-]*[A-Z0-9.-]*_at|\d+_[xs]_at"), "they look like probes of an array"),
    (re.compile(r"ENST\d{11}(\.\d+)?"), "they are transcripts: add them up by gene"),
)
_MOUSE = re.compile(r"[A-Z][a-z0-9.-]*[a-z][a-z0-9.-]*\d*|\d+[A-Z]\d+Rik")


def advice_for(
    names: Sequence[str] | np.ndarray, ids: Sequence[str | None], look_up: LookUp, others: pd.DataFrame | None
) -> str:
    """Return what to do about unknown names of genes.

    Parameters
    ----------
    names
        As published.
    ids
        The Ensembl id of each, None where it is unknown.
    look_up
        Returns the Ensembl id of each of some names, None where one is unknown.
    others
        What else the file has of each gene.
    """
    known = sum(each is not None for each in ids)
    better = None if others is None else better_column(others, look_up, known)
    if better is not None:
        how = f"`--gene-column {better}`, on a card `genes: {better}`"
        return f"the column {better!r} of var holds names that are known: {how}"
    lost = [str(name) for name, gene in zip(names, ids, strict=True) if gene is None][:_LOOKED_AT]
    shown = ", ".join(lost[:3])
    guess = whose(lost) or f"is this human? {_HUMAN}; which column of var holds them (`--gene-column`)?"
    return f"{guess} (unknown: {shown}{', …' if len(lost) > 3 else ''})"


def whose(lost: Sequence[str]) -> str | None:
    """Return what most of some unknown names look to be, and what is expected; None where they look like nothing."""
    for start, species in _SPECIES.items():
        if _most(lost, partial(_begins, start)):
            return f"these are genes of {species}: {_HUMAN}"
    for shape, what in _SHAPES:
        if _most(lost, partial(_has_shape, shape)):
            return f"{what}; {_HUMAN}"
    if _most(lost, partial(_has_shape, _MOUSE)):
        return f"they look like genes of mouse or rat: {_HUMAN}"
    return None


def _begins(start: str, name: str) -> bool:
    return name.upper().startswith(start)


def _has_shape(shape: re.Pattern[str], name: str) -> bool:
    return shape.fullmatch(name) is not None


def _most(names: Sequence[str], holds: Callable[[str], bool]) -> bool:
    return 2 * sum(map(holds, names)) > len(names)


def better_column(others: pd.DataFrame, look_up: LookUp, known: int) -> str | None:
    """Return the column with most known names of genes, if there are more than `known` and most of it is known."""
    best, found = None, known
    for column in others:
        texts = [text for text in named(others[column]).tolist() if text is not None]
        hits = sum(each is not None for each in look_up(texts))
        if hits > found and hits > 0.5 * max(1, len(texts)):
            best, found = str(column), hits
    return best
