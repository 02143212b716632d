"""What every source of an atlas gives: profiles as they were published, and what is known of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import DataError
from scarena.base.untrusted import check_names

if TYPE_CHECKING:
    from scarena.models.foundation.atlas.units import Units


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of one profile."""

    name: str
    """As published; with the source's name it is the profile's."""
    label: str
    """The cell type, in the words of whoever published it."""
    study: tuple[str, ...]
    tissue: str = ""
    stage: str = ""
    """adult or fetal, where that is known."""
    plain: str | None = None
    """The label without what only tells clusters of one type apart; by it a term is looked up."""
    term: str | None = None
    """Where somebody said which it is: a Cell Ontology id, "" for none."""
    n_cells: int | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """The profiles of one source."""

    name: str
    kind: str
    """The key of the configuration that it was asked for by."""
    values: np.ndarray
    """[n_profiles, n_genes], as published."""
    genes: np.ndarray
    """Symbols or Ensembl ids, as published."""
    rows: tuple[Row, ...]
    units: Units
    licence: str
    citation: str
    files: tuple[dict[str, str | None], ...]
    """``url`` and ``sha256`` of each file."""
    notes: tuple[str, ...] = ()
    """What was left out or renamed before, a line each."""

    def __post_init__(self) -> None:
        names = [row.name for row in self.rows]
        if self.values.shape != (len(names), len(self.genes)):
            what = f"values are {self.values.shape} for {len(names)} profiles and {len(self.genes)} genes"
            raise DataError(what, where=self.name, fix="pull it again")
        check_names([*names, *(row.label for row in self.rows)], f"atlas source {self.name}")
        if twice := repeated(names):
            what = f"{len(twice)} profiles have the name of another (first: {twice[0]!r})"
            raise DataError(what, where=f"atlas source {self.name}", fix="give each profile a name of its own")


def repeated(names: Sequence[str]) -> list[str]:
    """Return the names that occur more than once, sorted."""
    return sorted(name for name, n in Counter(names).items() if n > 1)


def given_terms(labels: Mapping[str, str | None], names: Sequence[str], where: str) -> dict[str, str]:
    """Return the terms that somebody gave for profiles, "" for none.

    Raises
    ------
    DataError
        If one is given for a profile that there is not.
    """
    if unknown := sorted(set(labels) - set(names)):
        fix = f"profiles: {', '.join(names[:5])}{', …' if len(names) > 5 else ''}"
        raise DataError(f"no profile is called {unknown[0]!r}", where=f"{where}: labels", fix=fix)
    return {name: term or "" for name, term in labels.items()}
