"""The one family of errors: what is wrong, where, and what to do, in one line.

Base layer: every other package may import this module, and it imports none of them.
"""

from __future__ import annotations

from typing import ClassVar

# Room for a list of names; what a file says of itself may be any length.
_LONGEST = 2000


class ScarenaError(Exception):
    """Something a user can act on.

    Parameters
    ----------
    what
        What is wrong, as a short clause.
    where
        The file, key, dataset or model it is about.
    fix
        What to do about it.
    """

    kind: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: str, fix: str) -> None:
        super().__init__(what, where, fix)
        self.what, self.where, self.fix = what, where, fix

    def __str__(self) -> str:
        """Return the one line a user sees, whatever line breaks or control characters its parts carry."""
        what = self.what if len(self.what) <= _LONGEST else f"{self.what[:_LONGEST]}…"
        line = " ".join(f"{self.kind} error: {self.where}: {what}; {self.fix}".split())
        # A terminal obeys what a name says after an escape.
        return line if line.isprintable() else "".join(map(_shown, line))


def _shown(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]


class ConfigError(ScarenaError):
    """A board configuration or a command line that cannot be run."""

    kind, exit_code = "config", 2


class CardError(ScarenaError):
    """A dataset or model card that does not hold what it must."""

    kind, exit_code = "card", 2


class SourceError(ScarenaError):
    """A file that cannot be had, or is not the file the card names (truncated, altered, HTML)."""

    kind = "source"


class DataError(ScarenaError):
    """Contents that cannot be benchmarked: bad counts, NaN, duplicate names, one batch where two are needed."""

    kind = "data"


class OntologyError(ScarenaError):
    """An unknown Cell Ontology term or an unreadable ontology."""

    kind = "ontology"


class ModelError(ScarenaError):
    """A model that is unknown, cannot be loaded, or returned something that is not an embedding."""

    kind = "model"


class WorkspaceError(ScarenaError):
    """A disk that is full or may not be written to: nothing that a dataset or a model did, so no state of theirs."""

    kind = "workspace"


class NotAvailable(ScarenaError):
    """Something this machine cannot do (a missing optional reader, say): a state of the board, not a failure."""

    kind = "not available"


class NotApplicable(ScarenaError):
    """A model that has nothing to say about a dataset, whoever runs it: a state of the board, not a failure."""

    kind = "not applicable"


def state_of(error: ScarenaError) -> str:
    """Return the state that an error leaves on the board."""
    return error.kind if isinstance(error, NotAvailable | NotApplicable) else "failed(error)"
