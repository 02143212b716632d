"""The tables of this folder: which files an atlas is published in, and which study each part of it is from."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files


@cache
def listed(name: str) -> tuple[dict[str, str], ...]:
    """Return the rows of ``NAME.tsv``, by column."""
    text = files("scarena.models.foundation.atlas").joinpath(f"{name}.tsv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines(), delimiter="\t"))


def studies_in(text: str) -> tuple[str, ...]:
    """Return the studies in a field of such a table."""
    return tuple(part.strip() for part in text.split(";") if part.strip())
