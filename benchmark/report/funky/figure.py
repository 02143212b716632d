"""The figure of a ranking for a paper, as .svg, .pdf or .png. The same board gives the same bytes."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from scarena.base.errors import ConfigError, DataError
from scarena.base.files import replacing
from scarena.report.funky.table import funky_table

# By suffix, what else matplotlib would say of the day and of itself.
FORMATS: dict[str, dict[str, None]] = {
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
    ".png": {"Software": None},
}
_STYLE: dict[str, Any] = {
    "svg.hashsalt": "scarena",
    "pdf.fonttype": 42,  # outlines that journals can edit
    "font.family": ["DejaVu Sans"],  # comes with matplotlib, so it is the same everywhere
    "text.parse_math": False,  # a name may hold dollars
}


def styled() -> AbstractContextManager[None]:
    """Return the context in which a figure is drawn: what a user has set for plots of their own must not change it."""
    from matplotlib import style

    return style.context(["default", _STYLE])


def write_figure(board: dict[str, Any], path: Path) -> None:
    """Write the figure of a board's ranking.

    Parameters
    ----------
    board
        As in board.json.
    path
        An .svg, .pdf or .png; the last has 300 dots an inch.

    Raises
    ------
    ConfigError
        If the file is of another kind.
    DataError
        If the board has no models.
    """
    if path.suffix not in FORMATS:
        raise ConfigError("no kind of figure", where=str(path), fix=f"name it {', '.join(sorted(FORMATS))}")
    if not board["models"]:
        raise DataError("there is nothing to draw", where=f"board {board['board']}", fix="give a board with models")
    from scarena.report.funky.draw import draw

    with styled(), replacing(path) as part:
        draw(funky_table(board)).savefig(part, format=path.suffix[1:], dpi=300, metadata=FORMATS[path.suffix])
