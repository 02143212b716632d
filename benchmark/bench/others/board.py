"""A published board put together and written: an ordinary board.json whose provenance says who measured it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scarena.base.errors import ConfigError
from scarena.bench.others.source import Source
from scarena.board.make import SCHEMA, TOTAL, compared, contamination, write_board
from scarena.board.published import is_published

Json = dict[str, Any]


def board_of(
    told: Source, *, name: str, title: str, datasets: list[Json], models: list[Json], cells: list[Json],
    timings: list[Json], commits: list[str], files: dict[str, str], means: Mapping[str, str],
) -> Json:  # fmt: skip
    """Return a board of published cells: means, ranks, control checks and gate by the functions that make every board.

    Without replicates nothing has an interval, so no two models tie, and control checks and gate go by the values.
    """
    return {
        "schema": SCHEMA, "board": name, "title": title,
        **({} if told.headline == TOTAL else {"headline": told.headline}),
        "datasets": datasets, "models": models, "contamination": contamination(models, datasets), "cells": cells,
        **compared(cells, models, {}, scaled=False, headline=told.headline),
        "provenance": told.provenance(commits, files, means), "timings": timings,
    }  # fmt: skip


def write_published(board: Json, out: Path) -> Path:
    """Write board.json, .parquet, .csv, .md and .html into a folder, and return the page.

    Raises
    ------
    ConfigError
        If the folder holds a board of other runs, or cannot be written.
    """
    from scarena.base.files import check_output
    from scarena.board.file import read_board
    from scarena.report.board_files import write_page

    check_output(out, folder=out.exists())
    if (out / "board.json").exists() and not is_published(read_board(out / "board.json")):
        raise ConfigError("it holds a board of other runs", where=str(out), fix="name another folder with --out")
    out.mkdir(parents=True, exist_ok=True)
    write_board(board, out / "board.json")
    write_page(read_board(out / "board.json"), out / "board.html", out)
    return out / "board.html"
