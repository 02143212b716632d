"""A user's h5ad on the command line: the options that say how it is read, and the file with what is said of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from scarena.models.foundation.use import Source

_NAMES = "column of var with Ensembl ids or symbols (its index)"
Genes = Annotated[str | None, typer.Option("--gene-column", "--genes", help=_NAMES)]
# Where `--genes` names genes.
Column = Annotated[str | None, typer.Option("--gene-column", help=_NAMES)]


def say(line: str) -> None:
    """Print a line on stderr."""
    print(line, file=sys.stderr)


def source_of(
    file: Path,
    layer: str | None,
    genes: str | None,
    cache: Path,
    *,
    batch: str | None = None,
    label: str | None = None,
    said: Callable[[str], None] = say,
) -> Source:
    """Return a user's file; lines of what is dropped in reading are handed to `said`."""
    from scarena.models.foundation.use import Source

    return Source(file, layer, batch, label, cache, genes, lambda note: said(f"{file.name}: {note}"))
