"""Boards that others measured: which they are, what is said of them everywhere, and where they have no place."""

from __future__ import annotations

from typing import Any

from scarena.base.errors import DataError

Json = dict[str, Any]

MEASURED_BY = "measured_by"


def is_published(board: Json) -> bool:
    """Return whether others measured what a board shows."""
    return bool(board.get("provenance", {}).get(MEASURED_BY))


def whose(board: Json) -> str:
    """Return the sentence that says who measured a published board and when; nothing for a board of our own runs."""
    if not is_published(board):
        return ""
    told = board["provenance"]
    return f"Measured by others: {told[MEASURED_BY]}, {told['date']}. scArena ran none of this and checked none of it."


def shown_columns(board: Json) -> tuple[str, ...]:
    """Return the metrics that a published board asks to be shown in its ranking; none of any other board."""
    return tuple(board["provenance"].get("columns", ())) if is_published(board) else ()


def refuse_published(board: Json, where: str, what: str) -> None:
    """Refuse a published board where only runs of our own can be used.

    Raises
    ------
    DataError
        If others measured it.
    """
    if is_published(board):
        who = board["provenance"][MEASURED_BY]
        fix = "name a board that `scarena run` made"
        raise DataError(f"others measured this board ({who}): it cannot be {what}", where=where, fix=fix)
