"""Who measured a published board, when, under which licence: read from the YAML files of this folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field

Json = dict[str, Any]
FOLDER = Path(__file__).parent
_Kind = TypeVar("_Kind", bound="Source")


class Strict(BaseModel):
    """Refuses keys that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(Strict):
    """Where the numbers of one published board come from.

    Parameters
    ----------
    name, title
        Of the board.
    measured_by, date, version, licence, source, citation
        Who measured, when, with what; what may be done with the numbers; where they lie; how to cite them.
    notes
        What a reader must know of the whole, a sentence each.
    columns
        Metrics of the ranking.
    headline
        The one that ranks.
    """

    name: str = Field(pattern=r"^published-[a-z0-9-]+$")
    title: str
    measured_by: str
    date: str
    version: str
    licence: str
    source: str
    citation: str
    notes: tuple[str, ...] = ()
    columns: tuple[str, ...] = Field(min_length=1)
    headline: str

    def provenance(self, commits: list[str], files: dict[str, str], means: Mapping[str, str]) -> Json:
        """Return what board.json says of where it comes from.

        Parameters
        ----------
        commits
            Of the code that measured.
        files
            Checksums by address.
        means
            By key, what the published value is, and what differs from ours.
        """
        told = {
            "measured_by": self.measured_by, "date": self.date, "version": self.version, "licence": self.licence,
            "source": self.source, "citation": self.citation, "notes": list(self.notes),
            "columns": list(self.columns), "files": files, "means": dict(means),
        }  # fmt: skip
        # What a board of our own runs says: nothing ran here. Every published run is one, and counts as seed 0.
        ours: Json = {
            "versions": {}, "commits": commits, "seeds": [0], "cl_release": "", "device": "", "hardware": {},
            "metrics": None,
        }  # fmt: skip
        return {**ours, **told}


def load(kind: type[_Kind], name: str) -> _Kind:
    """Return the file of this folder with a name, held to its schema."""
    return kind.model_validate(yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")))
