"""Verbs about boards that are finished: their pages, where they come from, whether they hold, how two differ."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from scarena.base.errors import ConfigError
from scarena.base.progress import tell
from scarena.base.tables import print_table
from scarena.cli.progress import shown

AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
Board = Annotated[Path, typer.Argument(help="a board's folder, or its board.json")]


def report(
    board: Annotated[Path, typer.Argument(help="board.json")],
    out: Annotated[Path | None, typer.Option(help="page to write; the .csv and .md go beside it")] = None,
    figure: Annotated[
        list[Path] | None, typer.Option(help="figure of the ranking to write: .svg, .pdf or .png; may be repeated")
    ] = None,
    settings: Annotated[Path, typer.Option(help="the board's config.json (or its YAML)")] = Path("config/demo.yaml"),
) -> None:
    """Write the leaderboard page of a board with its tables, or figures of the ranking."""
    from scarena.board.file import read_board

    if out is None and not figure:
        raise ConfigError("nothing to write", where="report: --out, --figure", fix="give one of them, or both")
    found = read_board(board)
    for path in figure or []:
        from scarena.report.funky.figure import write_figure

        write_figure(found, path)
    if out is not None:
        from scarena.report.board_files import write_page
        from scarena.steps.config import load_config

        with shown(lines=False):
            tell("drawing the page")
            write_page(found, out, load_config(settings).folder)


def crate(folder: Annotated[Path, typer.Argument(help="folder of a finished board")]) -> None:
    """Write the provenance of a finished board as an RO-Crate."""
    from scarena.board.crate import write_crate

    print(f"wrote {write_crate(folder)}", file=sys.stderr)


def verify(
    board: Board,
    share: Annotated[float, typer.Option(min=0, max=1, help="of the runs that ended well, at least one")] = 0.1,
    seed: Annotated[int | None, typer.Option(min=0, help="of the draw; a new one each time, and printed")] = None,
    cache: Annotated[Path | None, typer.Option(help="where pulled files are kept; the board's own")] = None,
    as_json: AsJson = False,
) -> None:
    """Compute a random tenth of a board's runs again; exit code 3 where one differs beyond its interval."""
    import secrets

    from scarena.board.verify import COLUMNS
    from scarena.board.verify import verify as again

    chosen = secrets.randbelow(2**31) if seed is None else seed
    print(f"drawn with --seed {chosen}", file=sys.stderr)
    with shown():
        found = list(again(board, share, chosen, cache=cache))
    print_table(f"{board}, computed again", COLUMNS, [row.entries() for row in found], as_json)
    raise typer.Exit(3 if any(row.verdict == "differs" for row in found) else 0)


def diff(
    first: Board,
    second: Board,
    every: Annotated[bool, typer.Option("--all", help="also what moved within noise")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what moved from one board to another; exit code 3 where a value moved beyond noise."""
    from scarena.board.diff import COLUMNS, differences
    from scarena.board.verify import board_at

    found = differences(board_at(first), board_at(second))
    shown = [change for change in found if every or change.beyond is not False]
    print_table(f"from {first} to {second}", COLUMNS, [change.entries() for change in shown], as_json)
    within = sum(change.beyond is False for change in found)
    if within:
        print(f"{within} values moved within noise{'' if every else ' (--all shows them)'}", file=sys.stderr)
    raise typer.Exit(3 if any(change.beyond for change in found) else 0)


def merge(
    boards: Annotated[list[Path], typer.Argument(help="folders of finished boards, or their board.json alone")],
    out: Annotated[Path, typer.Option(help="folder of the new board, which is called like it")],
    prefer: Annotated[
        str | None, typer.Option(help="first: where a model or run differs, that of the board named first")
    ] = None,
) -> None:
    """Make one board of several, joined by name; runs stay where they are."""
    from scarena.board.file import read_board
    from scarena.board.merging.files import merge_boards
    from scarena.board.merging.provenance import differing
    from scarena.report.board_files import write_page

    if prefer not in (None, "first"):
        raise ConfigError(f"{prefer!r} is none of: first", where="merge: --prefer", fix="give --prefer first")
    with shown():
        tell("joining the boards")
        found = merge_boards(boards, out, prefer_first=prefer == "first")
        tell("drawing the page")
        # Read back: what is written is a board, or the command fails.
        write_page(read_board(out / "board.json"), out / "board.html", out)
    lines = [*found.left_out, *(f"not computed with the same: {what}" for what in differing(found.board["provenance"]))]
    for place, (runs, replicated) in zip(boards, found.replicated, strict=True):
        if replicated < runs:
            lines.append(f"{place}: {replicated} of {runs} runs have replicates, so not all values have intervals")
    for line in lines:
        print(line, file=sys.stderr)
    print(f"board: {out / 'board.html'}")
