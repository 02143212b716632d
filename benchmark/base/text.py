"""What text that names something may look like, and which of it says that a value is missing: one definition for all.

Base layer. Two names that look the same are the same: a trailing blank, a no-break space or an accent that is written
as a letter of its own makes no second cell type. What changes nothing that the eye sees is all that is changed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

# What pandas reads as missing, whatever the case: R, pandas, anndata and spreadsheets leave these of an empty field.
MISSING_WORDS = frozenset({
    "", "#n/a", "#n/a n/a", "#na", "-nan", "<na>", "n/a", "na", "nan", "nat", "none", "null",
})  # fmt: skip
_BLANKS = re.compile(r"\s+")
# Of no width: zero-width space and joiners, byte order mark, soft hyphen, marks of direction.
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2060\u2066-\u2069\ufeff]")


def tidied(text: str) -> str:
    r"""Return a name as the eye sees it: NFC, one plain space for blanks of any kind, none at the ends.

    Examples
    --------
    >>> tidied("T\u00a0cell "), tidied("Mu\u0308ller glia") == "M\u00fcller glia"
    ('T cell', True)
    """
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip(" ")
    # Blanks that are control characters are left: they are refused, not mended (`untrusted.check_names`).
    kept = _UNSEEN.sub("", unicodedata.normalize("NFC", text))
    return _BLANKS.sub(lambda found: found[0] if _controls(found[0]) else " ", kept).strip()


def _controls(blanks: str) -> bool:
    return any(unicodedata.category(each) == "Cc" for each in blanks)


def says_missing(text: str) -> bool:
    """Return whether a text stands for a missing value, as ``""``, ``NA``, ``nan`` or ``None`` do."""
    return tidied(text).casefold() in MISSING_WORDS


def named(values: Any) -> np.ndarray:
    """Return values as text: tidied, and None where one is missing.

    Parameters
    ----------
    values
        Of any type that numpy, pandas or an AnnData holds [n]: text, bytes, numbers, categories, nullable or masked
        arrays.

    Returns
    -------
    Objects [n], each a str or None.
    """
    return _mapped(values, _text)


def as_written(values: Any) -> np.ndarray:
    """Return values as text that is not tidied; what is missing by its type (not by its words) is None."""
    return _mapped(values, _plain)


def _mapped(values: Any, text_of: Callable[[Any], str | None]) -> np.ndarray:
    """Return the text of each value, made once for all that are the same; None where one is missing by its type."""
    import pandas as pd

    if isinstance(values, np.ma.MaskedArray):
        hidden = np.ma.getmaskarray(values)
        values = values.data.astype(object)
        values[hidden] = None
    if not isinstance(values, pd.Series | pd.Index | pd.api.extensions.ExtensionArray):
        values = np.asarray(values)
        if values.ndim != 1:
            raise ValueError(f"values of shape {values.shape}, not one a cell")
    codes, kinds = pd.factorize(pd.Series(values))
    # A code of -1, of what is missing, is the last.
    texts = np.empty(len(kinds) + 1, dtype=object)
    texts[:-1] = [text_of(each) for each in kinds]
    return texts[codes]


def _plain(value: Any) -> str:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


def _text(value: Any) -> str | None:
    text = tidied(_plain(value))
    return None if says_missing(text) else text


def merged(values: Iterable[str]) -> dict[str, list[str]]:
    """Return the names that several texts become when tidied, each with these texts, sorted."""
    found: dict[str, set[str]] = {}
    for value in values:
        found.setdefault(tidied(value), set()).add(value)
    return {name: sorted(texts) for name, texts in sorted(found.items()) if texts != {name}}


def said_of(merges: Mapping[str, list[str]], what: str) -> list[str]:
    """Return a line for each name that was written in other ways; `what` is what it names."""
    lines = []
    for name, texts in merges.items():
        written = ", ".join(map(ascii, texts))
        many = f"{what}es" if what.endswith("ch") else f"{what}s"
        meets = f"{len(texts)} {many} that look alike are one" if len(texts) > 1 else f"a {what} was renamed"
        lines.append(f"{meets}: {name!r}, written {written}")
    return lines
