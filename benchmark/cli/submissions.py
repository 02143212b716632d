"""The verbs of results that are sent to others, and checked by them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from scarena.base.progress import tell
from scarena.base.tables import print_table
from scarena.cli.progress import shown


def package_submission(
    board: Annotated[Path, typer.Argument(help="folder of a finished board")],
    model: Annotated[str, typer.Argument(help="one of its models")],
    out: Annotated[Path, typer.Option(help="folder to make")],
    vectors: Annotated[bool, typer.Option("--vectors", help="copy the vectors into it")] = False,
) -> None:
    """Make a folder of a model's runs that others can check: card, hashes of its vectors, scores, environment."""
    from scarena.board.submission import VECTORS
    from scarena.board.submission import package_submission as package

    with shown():
        tell("reading the board")
        made = package(board, model, out, vectors=vectors)
    for line in made.left_out:
        print(f"left out: {line}", file=sys.stderr)
    print(f"wrote {out}: {len(made.submission.runs)} runs of {model}")
    if not vectors:
        print(f"it names the vectors by their hash; `--vectors` copies them to {out / VECTORS}", file=sys.stderr)


def check_submission(
    folder: Annotated[Path, typer.Argument(help="what `scarena package-submission` made")],
    vectors: Annotated[
        Path | None, typer.Option(help="folder of vectors DATASET.SEED.npz, where they are not in it")
    ] = None,
    cache: Annotated[Path, typer.Option(help="where pulled files are kept")] = Path(".cache"),
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Score a submission again; exit code 3 where a score differs beyond its interval, 1 where one was not computed."""
    from scarena.board.rescored import check_submission as check
    from scarena.board.verify import COLUMNS

    with shown():
        found = list(check(folder, vectors, cache=cache))
    print_table(f"{folder}, scored again", COLUMNS, [row.entries() for row in found], as_json)
    verdicts = {row.verdict for row in found}
    raise typer.Exit(3 if "differs" in verdicts else int("not recomputed" in verdicts))
