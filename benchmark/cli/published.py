"""`scarena published`: boards of what others measured, from their published files."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from scarena.cli.progress import shown


class Species(StrEnum):
    """Of the cells of the datasets."""

    human = "human"
    mouse = "mouse"


app = typer.Typer(
    no_args_is_help=True, help="Boards of what others measured: their values under our keys, nothing computed again."
)


@app.command()
def openproblems(
    out: Annotated[Path | None, typer.Option(help="folder of the board (results/published-openproblems)")] = None,
    species: Annotated[Species | None, typer.Option(help="the datasets of this species alone")] = None,
    cache: Annotated[Path, typer.Option(help="where pulled files are kept")] = Path(".cache"),
) -> None:
    """Write the board of openproblems: 26 methods and controls on six atlases, as measured in January 2025."""
    from scarena.bench.others.board import write_published
    from scarena.bench.others.openproblems import openproblems_board
    from scarena.board.published import whose

    with shown(lines=False):
        board = openproblems_board(cache=cache, species=None if species is None else species.value)
        page = write_published(board, out or Path("results") / board["board"])
    print(f"{whose(board)}\nwrote {page}", file=sys.stderr)


@app.command()
def table(
    name: Annotated[str, typer.Argument(help="scfm-bench, or one of perturbation: see docs/published-boards.md")],
    out: Annotated[Path | None, typer.Option(help="folder of the board (results/published-NAME)")] = None,
) -> None:
    """Write the board of a small table that was published in a paper or a notebook."""
    from scarena.bench.others.board import write_published
    from scarena.bench.others.tables import load_table, table_board
    from scarena.board.published import whose

    with shown(lines=False):
        board = table_board(load_table(name))
        page = write_published(board, out or Path("results") / board["board"])
    print(f"{whose(board)}\nwrote {page}", file=sys.stderr)
