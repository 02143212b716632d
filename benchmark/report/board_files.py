"""What lies beside a board: its page, and the same numbers for spreadsheets (board.csv) and READMEs (board.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scarena.base.errors import ConfigError
from scarena.base.files import write_text
from scarena.report.board_csv import board_csv
from scarena.report.board_md import board_md


def write_page(board: dict[str, Any], page: Path, runs: Path) -> None:
    """Write the page of a board, and beside it, under the same name, its .csv and its .md.

    Parameters
    ----------
    board
        As in board.json.
    page
        The file of the page.
    runs
        Folder with the datasets' UMAPs.

    Raises
    ------
    ConfigError
        If the page would have the name of one of the two.
    """
    from scarena.report.html import render

    if page.suffix in (".csv", ".md"):
        raise ConfigError("a page cannot be called so", where=str(page), fix="name it .html")
    write_text(page.with_suffix(".csv"), board_csv(board))
    write_text(page.with_suffix(".md"), board_md(board))
    # The page last: `scarena run` takes it as the sign that all was written.
    write_text(page, render(board, runs))
