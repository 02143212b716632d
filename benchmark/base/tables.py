"""Tables on the terminal: for people, or as JSON for programs."""

from __future__ import annotations

import json


def print_table(title: str, columns: list[str], rows: list[list[str]], as_json: bool) -> None:
    """Print rows under columns, or a JSON list of them."""
    if as_json:
        print(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], indent=1, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title)
    for number, column in enumerate(columns):
        # A name that is cut short cannot be typed again.
        table.add_column(column, no_wrap=number == 0, overflow="fold")
    for row in rows:
        # What a file names may look like rich's markup: [/b] is an error, [b] is lost.
        table.add_row(*map(escape, row))
    Console().print(table)


def aligned(rows: list[list[str]]) -> list[str]:
    """Return rows as lines of plain text with their columns under each other, for a table within a text."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
